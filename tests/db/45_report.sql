-- Reports of agents, fenced: only the node that a project is assigned to now may speak of it, of the generation
-- that is asked for now, and never against a deletion.
BEGIN;
\ir given.psql
SELECT plan(71);

SELECT given.node('n1'), given.project('web');
SELECT api.schedule(given.t());
SELECT given.epoch_of('web') AS epoch \gset
CREATE FUNCTION given.body(p_more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql
    AS $$ SELECT jsonb_build_object('project', 'web', 'epoch', given.epoch_of('web'), 'generation', given.generation_of('web')) || p_more $$;

-- The ordinary life.
SELECT is(given.report('n1', given.body('{"services":[{"name":"web","state":"pulling","message":"10 %"}]}')), '204', 'progress needs no phase');
SELECT is(given.phase_of('web'), 'Scheduled', 'and changes none');
SELECT is((SELECT state || ' ' || message FROM cara.project_service), 'pulling 10 %', 'but is seen');
SELECT is(given.report('n1', given.body('{"phase":"Running","reason":"ContainersRunning","message":"All containers running","services":[{"name":"web","state":"running"}]}'), given.t('1s')), '204', 'it runs');
SELECT results_eq('SELECT phase, reason, message, phase_since, observed_generation FROM cara.project_status', $$ VALUES ('Running', 'ContainersRunning', 'All containers running', given.t('1s'), 1::bigint) $$, 'and says so');
SELECT is(given.says('web', 'Failed', 'ContainerCrashed', given.t('2s')), '204', 'it crashes');
SELECT is(given.says('web', 'Running', 'ContainersRunning', given.t('3s')), '204', 'its agent brings it back');
SELECT is(given.says('web', 'Running', 'UpdateFailed', given.t('4s')), '204', 'an update fails');
SELECT is((SELECT string_agg(reason || ' ' || type || ' ' || actor, ', ' ORDER BY id) FROM cara.event WHERE name = 'web' AND actor LIKE 'node:%'),
    'ContainersRunning Normal node:n1, ContainerCrashed Warning node:n1, ContainersRunning Normal node:n1, UpdateFailed Warning node:n1', 'each is an event of that node');

-- The same again costs nothing.
SELECT count(*) AS changes, max(id) AS last FROM cara.change \gset
SELECT is(given.says('web', 'Running', 'UpdateFailed', given.t('5s')), '204', 'the same report again');
SELECT is((SELECT count(*) FROM cara.change), :changes::bigint, 'changes nothing');
SELECT is((SELECT phase_since FROM cara.project_status), given.t('4s'), 'and the phase is as old as it was');
SELECT is(given.report('n1', given.body('{"phase":"Running","reason":"UpdateFailed","message":"no such image"}'), given.t('6s')), '204', 'another message is news');
SELECT results_eq('SELECT message, phase_since FROM cara.project_status', $$ VALUES ('no such image', given.t('4s')) $$, 'but no other phase');

-- Services: replaced by what is reported, written only where something is new.
SELECT given.report('n1', given.body('{"services":[{"name":"a","state":"running","restarts":1},{"name":"b","state":"exited"}]}'));
SELECT results_eq('SELECT name COLLATE "default", state, exit_code, restarts FROM cara.project_service ORDER BY name', $$ VALUES ('a', 'running', NULL::int, 1), ('b', 'exited', 0, 0) $$, 'a service that ended has an exit code, one that runs has none');
SELECT count(*) AS changes FROM cara.change \gset
SELECT given.report('n1', given.body('{"services":[{"name":"b","state":"exited"},{"name":"a","state":"running","restarts":1}]}'));
SELECT is((SELECT count(*) FROM cara.change), :changes::bigint, 'the same services again are no change');
SELECT given.report('n1', given.body('{"services":[{"name":"b","state":"exited","exitCode":137,"oomKilled":true}]}'));
SELECT results_eq('SELECT name COLLATE "default", exit_code, oom_killed FROM cara.project_service', $$ VALUES ('b', 137, true) $$, 'what is not reported any more is not there');
SELECT cmp_ok((SELECT count(*) FROM cara.change), '>', :changes::bigint, 'and that is a change of the project');
SELECT is(given.report('n1', given.body(services)), '400 ' || error, error)
  FROM (VALUES ('{"services":[{"name":"a","state":"sleeping"}]}'::jsonb, 'invalid service state "sleeping"'),
               ('{"services":[{"name":"a"}]}', 'invalid service state ""'),
               ('{"services":{}}', 'invalid request body: reports[0].services: expected an array, found an object'),
               ('{"services":[{"name":"a","state":"exited","exitCode":"1"}]}', 'invalid request body: reports[0].services[0].exitCode: expected an integer, found "1"'),
               ('{"services":[{"name":"a","state":"exited","exitCode":99999999999}]}', 'service "a": exitCode and restarts must be 32-bit integers'),
               ('{"services":[{"name":"a","state":"running","restarts":99999999999}]}', 'service "a": exitCode and restarts must be 32-bit integers'),
               ('{"services":[{"name":"a","state":"running","startedAt":"yesterday"}]}', 'invalid request body: reports[0].services[0].startedAt: expected an RFC 3339 time such as "2030-01-01T00:00:00Z", found "yesterday"')) v(services, error);

-- Fencing.
SELECT is(given.report('n1', given.body(more)), error, error)
  FROM (VALUES ('{"epoch":null,"phase":"Running"}'::jsonb, '400 epoch is required'),
               ('{"epoch":0,"phase":"Running"}', '400 epoch is required'),
               ('{"project":"","phase":"Running"}', '400 project is required'),
               ('{"phase":"Asleep"}', '400 invalid phase Asleep: must be one of Pending, Scheduled, Running, Failed, Terminating, Terminated'),
               ('{"generation":null,"phase":"Running"}', '400 generation is required'),
               ('{"project":"nobody","phase":"Running"}', '404 project not found: nobody: resource not found'),
               ('{"phase":"Pending"}', '409 phase Pending is not an agent''s to give'),
               ('{"phase":"Scheduled"}', '409 phase Scheduled is not an agent''s to give'),
               ('{"phase":"Terminating"}', '409 project "web" is not being deleted'),
               ('{"phase":"Terminated"}', '409 project "web" is not being deleted'),
               ('{"phase":"Failed","reason":"RemoveError"}', '409 project "web" is not being deleted')) v(more, error);
SELECT is(given.report('n1', given.body(jsonb_build_object('epoch', :epoch - 1, 'phase', 'Running'))), format('409 epoch %s is not current (%s)', :epoch - 1, :epoch), 'an epoch that never was');
SELECT is(given.report('n1', given.body(jsonb_build_object('epoch', :epoch + 1, 'phase', 'Running'))), format('409 epoch %s is not current (%s)', :epoch + 1, :epoch), 'or is not yet');
SELECT given.node('n2');
SELECT is(given.report('n2', given.body('{"phase":"Running"}')), format('409 epoch %s is not current (%1$s)', :epoch), 'another node may not speak for it');
SELECT is(given.report('n2', given.body('{"services":[]}')), format('409 epoch %s is not current (%1$s)', :epoch), 'not even of its services');
SELECT is(given.phase_of('web') || ' ' || given.reason_of('web'), 'Running UpdateFailed', 'none of which changed anything');

-- A new generation: who still speaks of the old one is refused.
SELECT api.project_update('web', given.manifest('web', '{"services":[{"name":"web","image":"nginx:2"}]}'));
SELECT is(given.report('n1', given.body('{"generation":1,"phase":"Running"}')), '409 generation 1 is not current (2)', 'the old generation is not current');
SELECT is(given.report('n1', given.body('{"generation":1,"phase":"Failed","reason":"ContainerCrashed"}')), '409 generation 1 is not current (2)', 'nor its failures');
SELECT is(given.report('n1', given.body('{"generation":1,"services":[{"name":"web","state":"running"}]}')), '204', 'but what is seen of its containers is welcome');
SELECT is(given.says('web', 'Running', 'ContainersRunning'), '204', 'the new one is');
SELECT is((SELECT observed_generation FROM cara.project_status), 2::bigint, 'and is what runs now');

-- It moves: the old epoch may only say that it has cleared up.
UPDATE cara.node_status SET state = 'NotReady', not_ready_since = given.t() WHERE node = 'n1';
SELECT api.node_heartbeat('n2', '', given.t('3min'));
SELECT given.tick(given.t('3min'));
SELECT is(given.node_of('web'), 'n2', 'given it was moved to the other node');
SELECT cmp_ok(given.epoch_of('web'), '>', :epoch::bigint, 'under a higher epoch');
SELECT is(given.report('n1', given.body(jsonb_build_object('epoch', :epoch, 'phase', phase))), format('409 epoch %s is not current (%s)', :epoch, given.epoch_of('web')), 'the old node says ' || phase)
  FROM unnest('{Running,Failed,Terminating}'::text[]) phase;
SELECT is(given.report('n1', given.body(jsonb_build_object('epoch', :epoch, 'services', '[]'::jsonb))), format('409 epoch %s is not current (%s)', :epoch, given.epoch_of('web')), 'or speaks of containers');
SELECT is(api.node_assignments('n1')#>>'{items,0,desired}', 'Removed', 'it is asked to clear up');
SELECT is(api.node_assignments('n2')#>>'{items,0,desired}', 'Running', 'while the new node runs it');
SELECT is(given.report('n1', given.body(jsonb_build_object('epoch', :epoch, 'phase', 'Terminated', 'services', '[]'::jsonb)), given.t('4min')), '204', 'and may say that it has');
SELECT is((SELECT gone_at FROM cara.assignment WHERE epoch = :epoch), given.t('4min'), 'which is noted');
SELECT is(given.report('n1', given.body(jsonb_build_object('epoch', :epoch, 'phase', 'Terminated')), given.t('5min')), '204', 'again is fine');
SELECT is((SELECT gone_at FROM cara.assignment WHERE epoch = :epoch), given.t('4min'), 'and changes nothing');
SELECT is(json_array_length(api.node_assignments('n1')->'items'), 0, 'it has nothing more to do');
SELECT is(given.phase_of('web') || ' ' || given.node_of('web'), 'Scheduled n2', 'the project itself is untouched');

-- A project deleted by force and made anew is another one.
SELECT api.project_delete('web', '{"force":["true"]}'), given.project('web');
SELECT is(given.report('n2', jsonb_build_object('project', 'web', 'epoch', :epoch, 'generation', 1, 'phase', 'Running')), format('409 epoch %s is not current (none)', :epoch), 'old epochs mean nothing to it');

-- Batches: each report stands for itself.
SELECT given.project('a'), given.project('b');
SELECT api.schedule(given.t());
SELECT is((SELECT string_agg(concat_ws(' ', r->>'project', r->>'status'), ', ') FROM json_array_elements(api.node_report('n2', jsonb_build_object('reports', jsonb_build_array(
        jsonb_build_object('project', 'b', 'epoch', given.epoch_of('b'), 'generation', 1, 'phase', 'Running'), '{"project":"zz","epoch":1}'::jsonb, '5'::jsonb, '{}'::jsonb,
        jsonb_build_object('project', 'a', 'epoch', given.epoch_of('a'), 'generation', 7, 'phase', 'Running'))))->'results') r), 'b 204, zz 404,  400,  400, a 409', 'a batch with all kinds of reports is answered in its order');
SELECT is(given.phase_of('b') || ' ' || given.phase_of('a'), 'Running Scheduled', 'what was right is taken');
SELECT throws_ok($$ SELECT api.node_report('n9', '{"reports":[]}') $$, 'SR404', 'node not found: n9: resource not found', 'a node that is unknown');
SELECT throws_ok(format('SELECT api.node_report(%L, %L)', 'n2', body), 'SR400', 'invalid request body: reports: expected an array', body) FROM unnest('{"{}","[]","{\"reports\":{}}","null"}'::text[]) body;
SELECT is(api.node_report('n2', '{"reports":[]}')::text, '{"results":[],"deathLogBytes":65536}', 'an empty batch');
SELECT throws_ok($$ SELECT api.node_assignments('n9') $$, 'SR404', 'node not found: n9: resource not found', 'nor has it assignments');

-- Reasons that agents may give come with their phase.
SELECT is_empty($$ SELECT name FROM cara.report_reason WHERE phase NOT IN ('Running', 'Failed', 'Terminating', 'Terminated') $$, 'agents'' reasons belong to phases that are theirs');

SELECT * FROM finish();
ROLLBACK;
