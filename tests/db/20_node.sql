-- Nodes: what their owners ask for. Creating, reading, changing, deleting, and each refusal.
BEGIN;
\ir given.psql
SELECT plan(50);

-- A new node is NotReady until its agent speaks; the body's status is not taken.
SELECT is(api.node_create('{"metadata":{"name":"n1","labels":{"zone":"a"},"createdAt":"2001-01-01T00:00:00Z"},"spec":{"hostname":"h1"},
    "status":{"state":"Ready","lastHeartbeat":"2029-01-01T00:00:00Z"}}', 'ann')#>>'{status,state}', 'NotReady', 'a new node is NotReady, whatever its body says');
SELECT is(api.node_get('n1')#>>'{status,lastHeartbeat}', '0001-01-01T00:00:00Z', 'and has not been heard of');
SELECT cmp_ok(api.node_get('n1')#>>'{metadata,createdAt}', '>', '2020', 'its times are the server''s');
SELECT is(api.node_get('n1')#>>'{metadata,labels,zone}', 'a', 'labels are kept');
SELECT is(api.node_get('n1')#>>'{spec,hostname}', 'h1', 'so is the spec');
SELECT is((SELECT renewed_at FROM cara.lease WHERE node = 'n1'), NULL, 'it has a lease that was never renewed');
SELECT results_eq($$ SELECT verb, actor, generation, labels, spec FROM cara.revision WHERE kind = 'Node' $$,
    $$ VALUES ('create', 'ann', 1::bigint, '{"zone":"a"}'::jsonb, '{"hostname":"h1"}'::jsonb) $$, 'who made it is on record');

SELECT throws_ok($$ SELECT api.node_create('{"metadata":{"name":"n1"}}') $$, 'SR409', 'node already exists: n1: resource already exists', 'a name is taken once');
SELECT throws_ok($$ SELECT api.node_create('{}') $$, 'SR400', 'metadata.name is required', 'a node needs a name');
SELECT throws_ok($$ SELECT api.node_create('{"metadata":{"name":"N1"}}') $$, 'SR400', NULL, 'that keeps the rule');
SELECT throws_ok($$ SELECT api.node_create('{"metadata":{"name":"n2"},"spec":{"hostnam":"x"}}') $$, 'SR400', 'unknown field "spec.hostnam": did you mean "hostname"?', 'unknown members of spec are refused');
SELECT throws_ok($$ SELECT api.node_get('n9') $$, 'SR404', 'node not found: n9: resource not found', 'there is no n9');

-- Lists are by name.
SELECT api.node_create('{"metadata":{"name":"n10"}}', 'ann'), api.node_create('{"metadata":{"name":"a"}}', 'ann') \g /dev/null
SELECT is((SELECT string_agg(i#>>'{metadata,name}', ' ') FROM json_array_elements(api.node_list()->'items') i), 'a n1 n10', 'lists are by name');

-- Changing: spec, labels and annotations, never the status. What is the same is not written.
SELECT is(cara.node_put(cara.read_manifest('{"metadata":{"name":"n1","labels":{"zone":"a"}},"spec":{"hostname":"h1","unschedulable":false},"status":{"state":"Draining"}}', 'Node'), NULL, 'bob'),
    'unchanged', 'the same again is unchanged');
SELECT is((SELECT count(*) FROM cara.revision WHERE name = 'n1'), 1::bigint, 'and leaves no revision');
SELECT is(cara.node_put(cara.read_manifest('{"metadata":{"name":"n1","labels":{"zone":"b"}},"spec":{"hostname":"h1"}}', 'Node'), NULL, 'bob'), 'configured', 'another label is a change');
SELECT is((SELECT generation FROM cara.node WHERE name = 'n1'), 1::bigint, 'that is not a new generation');
SELECT is(api.node_update('n1', '{"spec":{"hostname":"h2","unschedulable":true}}', 'bob')#>>'{metadata,generation}', '2', 'a new spec is');
SELECT is(api.node_get('n1')#>>'{metadata,labels}', NULL, 'labels that are not given are cleared');
SELECT is((SELECT unschedulable FROM cara.node WHERE name = 'n1'), true, 'unschedulable is what the spec says');
SELECT is((SELECT array_agg(verb || ' ' || actor ORDER BY id) FROM cara.revision WHERE name = 'n1'), ARRAY['create ann', 'update bob', 'update bob'], 'each change has its author');
SELECT api.node_heartbeat('n1', '{"state":"Ready"}', given.t());
SELECT is(api.node_update('n1', '{"spec":{},"status":{"state":"NotReady"}}', 'bob')#>>'{status,state}', 'Ready', 'a change keeps the status');
SELECT throws_ok($$ SELECT api.node_update('n1', '{"metadata":{"name":"n2"}}') $$, 'SR400', 'metadata.name "n2" does not match URL path "n1"', 'the body may not name another');
SELECT throws_ok($$ SELECT api.node_update('n9', '{"metadata":{"name":"n9"}}') $$, 'SR404', 'node not found: n9: resource not found', 'what is not there cannot be changed');
SELECT throws_ok($$ SELECT api.node_update('n9', '{"metadata":{"name":"n8"}}') $$, 'SR400', NULL, 'a wrong body is told first');

-- Deleting: not while projects are assigned, and that is told before existence.
SELECT given.project('web');
SELECT api.node_update('n1', '{}', 'bob') \g /dev/null
SELECT is(api.schedule(given.t()), 1, 'given a project on n1');
SELECT throws_ok($$ SELECT api.node_delete('n1') $$, 'SR409', 'cannot delete node "n1": 1 project(s) still assigned: resource already exists', 'a node in use stays');
SELECT api.project_delete('web', '{}', 'ann') \g /dev/null
SELECT throws_ok($$ SELECT api.node_delete('n1') $$, 'SR409', NULL, 'also while it clears up');
SELECT is(given.says('web', 'Terminated', 'ResourcesRemoved'), '204', 'when it has');
SELECT is(api.node_delete('n1', 'bob')::text, NULL, 'it can go');
SELECT throws_ok($$ SELECT api.node_get('n1') $$, 'SR404', NULL, 'and is gone');
SELECT throws_ok($$ SELECT api.node_delete('n1') $$, 'SR404', 'node not found: n1: resource not found', 'once');
SELECT results_eq($$ SELECT verb, actor FROM cara.revision WHERE name = 'n1' ORDER BY id DESC LIMIT 1 $$, $$ VALUES ('delete', 'bob') $$, 'who deleted it is on record');

-- Someone in psql deletes a node under its projects: they go back to the scheduler.
SELECT given.node('n2');
SELECT given.project(p) FROM unnest('{pending,scheduled,running,failed,going}'::text[]) p;
UPDATE cara.project_status SET phase_since = given.t('1h') WHERE project = 'pending';
SELECT api.schedule(given.t());
SELECT given.running('running'), given.says('failed', 'Failed', 'ContainerCrashed'), api.project_delete('going') \g /dev/null
DELETE FROM cara.node WHERE name = 'n2';
SELECT is((SELECT string_agg(project || ' ' || phase, ', ' ORDER BY project) FROM cara.project_status WHERE project NOT IN ('web', 'pending')),
    'failed Pending, going Terminating, running Pending, scheduled Pending', 'its projects wait for another node');
SELECT is((SELECT count(*) FROM cara.assignment WHERE gone_at IS NULL), 0::bigint, 'and nothing is left on it');
SELECT is((SELECT DISTINCT released_because FROM cara.assignment WHERE project = 'running'), 'NodeDeleted', 'for a reason that is kept');
SELECT given.tick(given.t('1s')) \g /dev/null
SELECT is(given.phase_of('going'), 'Terminated', 'a deletion ends with it');

-- By force: the same, for whoever has no psql. The machine is gone, and who waits for it would wait for ever.
DELETE FROM cara.project;
SELECT given.node('n3'), given.project('patient', '{"onNodeLost":"Wait"}'), given.project('moving'), given.project('going');
SELECT api.schedule(given.t()), given.running('patient'), given.running('moving'), api.project_delete('going') \g /dev/null
SELECT api.node_heartbeat('n3', '{"state":"NotReady"}', given.t('1min')), given.tick(given.t('5min')) \g /dev/null
SELECT is(given.phase_of('patient') || ' ' || given.node_of('patient'), 'Running n3', 'given one that waits for a lost node');
SELECT is(given.hint_of($$ SELECT api.node_delete('n3') $$), 'caractrl drain n3 moves those that can move; caractrl delete node n3 --force takes all of them off, once the machine is gone for good', 'what helps is told');
SELECT throws_ok($$ SELECT api.node_delete('n3', 'ann', NULL, '{"force":["yes"]}') $$, 'SR409', NULL, 'true is said exactly');
SELECT throws_ok($$ SELECT api.node_delete('n3', 'ann', '"1"', '{"force":["true"]}') $$, 'SR409', NULL, 'nor of another version');
SELECT is(api.node_delete('n3', 'ann', NULL, '{"force":["true"]}')::text, NULL, 'by force it goes');
SELECT is((SELECT concat_ws(' ', type, actor, message) FROM cara.event WHERE kind = 'Node' AND name = 'n3' AND reason = 'Deleted'), 'Warning ann Node deleted by force; 3 project(s) taken off it', 'which is on record');
SELECT is((SELECT string_agg(s.project || ' ' || s.phase || ' ' || s.reason, ', ' ORDER BY s.project) FROM cara.project_status s), 'going Terminating , moving Pending NodeDeleted, patient Pending NodeDeleted', 'all of it is off');
SELECT is_empty('SELECT FROM cara.assignment WHERE gone_at IS NULL', 'nothing is left to be cleared away');
SELECT given.node('n4');
SELECT given.tick(given.t('6min')) \g /dev/null
SELECT is(given.node_of('patient') || ' ' || given.phase_of('going'), 'n4 Terminated', 'it runs elsewhere, and a deletion ends');
SELECT throws_ok($$ SELECT api.node_delete('n3', 'ann', NULL, '{"force":["true"]}') $$, 'SR404', NULL, 'what is not there cannot be forced');
SELECT given.running('patient'), api.node_drain('n4'), given.node('n5') \g /dev/null
SELECT cara.evict_unwanted(given.t('7min'), NULL) \g /dev/null
SELECT is((SELECT node FROM cara.waits_for('patient', given.t('8min'))), 'n4', 'given one that waits until a live node has cleared away');
SELECT is(api.node_delete('n4', 'ann')::text, NULL, 'a node nothing is assigned to goes without force');
SELECT api.schedule(given.t('8min')) \g /dev/null
SELECT is(given.node_of('patient'), 'n5', 'and is waited for no longer');

SELECT * FROM finish();
ROLLBACK;
