-- The change log, revisions and events: every change leaves one row of each kind it should, nothing else any.
BEGIN;
\ir given.psql
SELECT plan(59);

-- What a statement adds to the change log, as 'Kind name OP @node'.
CREATE FUNCTION given.logged(p_sql text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_last bigint := coalesce((SELECT max(id) FROM cara.change), 0);
BEGIN
    EXECUTE p_sql;
    RETURN coalesce((SELECT string_agg(concat_ws(' ', kind, name, op, '@' || node), ', ' ORDER BY kind, name, id) FROM cara.change WHERE id > v_last), 'nothing');
END
$$;

-- One row a changed object.
SELECT is(given.logged($$ INSERT INTO cara.node (name) VALUES ('a'), ('b'), ('c') $$), 'Node a INSERT, Node b INSERT, Node c INSERT', 'one row a node');
SELECT is(given.logged($$ UPDATE cara.node SET labels = '{"x":"y"}' $$), 'Node a UPDATE, Node b UPDATE, Node c UPDATE', 'for each change');
SELECT is(given.logged($$ UPDATE cara.node SET labels = '{}' WHERE name = 'nobody' $$), 'nothing', 'no row, no change');
SELECT is(given.logged($$ DELETE FROM cara.node WHERE name > 'a' $$), 'Node b DELETE @b, Node c DELETE @c', 'also for those that go');
SELECT is(given.logged($$ INSERT INTO cara.node (name) VALUES ('a') ON CONFLICT DO NOTHING $$), 'nothing', 'what was there already is no change');
DELETE FROM cara.node;
SELECT is(given.logged($$ SELECT api.node_create('{"metadata":{"name":"n1"}}') $$), 'Node n1 INSERT', 'a new node');
SELECT is(given.logged($$ SELECT api.node_heartbeat('n1', '', given.t()) $$), 'Node n1 UPDATE, Node n1 UPDATE', 'its first word');
SELECT is(given.logged($$ SELECT api.node_heartbeat('n1', '', given.t('1s')) $$), 'nothing', 'a heartbeat');
SELECT is(given.logged($$ SELECT given.project('web') $$), 'Project web INSERT', 'a new project');
SELECT api.schedule(given.t());
SELECT is((SELECT string_agg(concat_ws(' ', kind, name, op, '@' || node), ', ' ORDER BY kind) FROM (SELECT * FROM cara.change ORDER BY id DESC LIMIT 2) c), 'Assignment web INSERT @n1, Project web UPDATE', 'a decision, which is that node''s business');
SELECT is(given.logged($$ SELECT given.running('web') $$), 'Project web UPDATE', 'a report');
SELECT is(given.logged($$ SELECT given.running('web') $$), 'nothing', 'the same report');
SELECT is(given.logged($$ SELECT given.report('n1', jsonb_build_object('project', 'web', 'epoch', given.epoch_of('web'), 'services', '[{"name":"web","state":"running"}]'::jsonb)) $$), 'Project web UPDATE', 'a container that is new');
SELECT is(given.logged($$ SELECT api.project_update('web', given.manifest('web')) $$), 'nothing', 'the same manifest');
SELECT is(given.logged($$ SELECT api.project_update('web', given.manifest('web', '{"expireAt":"2031-01-01T00:00:00Z"}')) $$), 'Project web UPDATE @n1', 'another manifest, which is its node''s business');
SELECT is(given.logged($$ SELECT given.tick(given.t('2s')) $$), 'nothing', 'a tick with nothing due');
SELECT is(given.logged($$ SELECT api.project_delete('web') $$), 'Project web UPDATE @n1, Project web UPDATE', 'a deletion');
SELECT is(given.logged($$ SELECT api.project_delete('web') $$), 'nothing', 'asked for again');
SELECT api.project_delete('web', '{"force":["true"]}');
SELECT is((SELECT string_agg(concat_ws(' ', kind, name, op, '@' || node), ', ' ORDER BY kind) FROM (SELECT * FROM cara.change ORDER BY id DESC LIMIT 2) c), 'Assignment web DELETE @n1, Project web DELETE', 'by force');

-- The id is the object's resource version, drawn while the log is locked.
SELECT given.project('web');
SELECT is((api.project_get('web')#>>'{metadata,resourceVersion}')::bigint, (SELECT max(id) FROM cara.change WHERE kind = 'Project' AND name = 'web'), 'an object''s resource version is the id of its last change');
SELECT api.schedule(given.t()), given.running('web');
SELECT is((api.project_get('web')#>>'{metadata,resourceVersion}')::bigint, (SELECT max(id) FROM cara.change WHERE kind = 'Project' AND name = 'web'), 'also when its status changed');
SELECT api.node_heartbeat('n1', '{"capacity":{"cpu":"4"}}', given.t('3s'));
SELECT is((api.node_get('n1')#>>'{metadata,resourceVersion}')::bigint, (SELECT max(id) FROM cara.change WHERE kind = 'Node'), 'nodes too');
SELECT is((SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' AND pid = pg_backend_pid() AND classid = cara.log_lock_key(0) >> 32), 1::bigint, 'whoever draws ids announces it once, to the end of the transaction');
SELECT set_eq($$ SELECT t.tgrelid::regclass::text FROM pg_trigger t WHERE t.tgname = 'a_log_open' $$, ARRAY['cara.node', 'cara.node_status', 'cara.project', 'cara.project_status', 'cara.assignment', 'cara.channel'], 'on every table that draws ids');
SELECT is_empty($$ SELECT t.tgrelid::regclass, t.tgname FROM pg_trigger t WHERE t.tgrelid IN (SELECT tgrelid FROM pg_trigger WHERE tgname = 'a_log_open')
    AND NOT t.tgisinternal AND t.tgtype & 2 = 2 AND t.tgname < 'a_log_open' $$, 'before anything else does');

-- Who runs what is to be woken: asked of the functions that the notifications come from.
SELECT is((SELECT count(*) FROM pg_trigger WHERE tgrelid IN ('cara.lease'::regclass, 'cara.event'::regclass, 'cara.revision'::regclass) AND NOT tgisinternal), 0::bigint, 'leases, events and revisions wake nobody');

-- Events: the same thing again within an hour is counted.
SELECT cara.event_record('Node', 'e', 'Normal', 'R', 'm', 'ann', given.t(at)) FROM unnest('{0,1min,60min}'::interval[]) at;
SELECT results_eq($$ SELECT count, first_at, last_at FROM cara.event WHERE name = 'e' $$, $$ VALUES (3, given.t(), given.t('60min')) $$, 'the same thing again raises the count');
SELECT cara.event_record('Node', 'e', 'Normal', 'R', 'm', 'ann', given.t('121min'));
SELECT results_eq($$ SELECT count FROM cara.event WHERE name = 'e' ORDER BY id $$, ARRAY[3, 1], 'after more than an hour it is told anew');
SELECT cara.event_record('Node', 'e', 'Normal', 'R', 'm', 'bob', given.t('122min')), cara.event_record('Node', 'e', 'Normal', 'R', 'm2', 'bob', given.t('122min')), cara.event_record('Node', 'e', 'Normal', 'R2', 'm2', 'bob', given.t('122min')), cara.event_record('Node', 'f', 'Normal', 'R2', 'm2', 'bob', given.t('122min'));
SELECT is((SELECT count(*) FROM cara.event WHERE name IN ('e', 'f')), 6::bigint, 'another actor, message, reason or object is another event');
SELECT cara.event_record('Node', 'e', 'Normal', 'R', 'm', 'bob', given.t('123min'));
SELECT is((SELECT count(*) FROM cara.event WHERE name = 'e'), 6::bigint, 'and so is one that something else came after');
SELECT cara.event_record('Node', 'long', 'Warning', 'R', repeat('x', 10000), 'ann', given.t()), cara.event_record('Node', 'long', 'Warning', 'R', repeat('x', 10000), 'ann', given.t());
SELECT results_eq($$ SELECT length(message), count FROM cara.event WHERE name = 'long' $$, $$ VALUES (4096, 2) $$, 'a message is cut, and counted all the same');

-- Listing events.
DELETE FROM cara.event;
SELECT cara.event_record('Project', 'web', 'Normal', 'Created', 'Project created', 'ann', given.t('1s')), cara.event_record('Node', 'web', 'Warning', 'Odd', '<x>', 'bob', given.t('2s')),
       cara.event_record('Project', 'db', 'Normal', 'Created', 'Project created', 'ann', given.t('3s')), cara.event_record('Cluster', 'cluster', 'Warning', 'EvictionStopped', 'm', 'system:tick', given.t('4s'));
CREATE FUNCTION given.events(p_query jsonb) RETURNS text LANGUAGE sql
    AS $$ SELECT coalesce(string_agg(lower(i#>>'{involvedObject,kind}') || '/' || (i#>>'{involvedObject,name}'), ' '), '-') FROM json_array_elements(api.event_list(p_query)->'items') i $$;
SELECT is(given.events(query::jsonb), listed, query)
  FROM (VALUES ('{}', 'project/web node/web project/db cluster/cluster'), ('{"for":["project/web"]}', 'project/web'), ('{"for":["node/web"]}', 'node/web'), ('{"for":["nodes/web"]}', 'node/web'),
               ('{"for":["project/nobody"]}', '-'), ('{"for":["cluster/cluster"]}', 'cluster/cluster'), ('{"limit":["2"]}', 'project/db cluster/cluster'), ('{"limit":[""]}', 'project/web node/web project/db cluster/cluster'),
               ('{"for":["project/db"],"limit":["1"]}', 'project/db'), ('{"type":["Warning"]}', 'node/web cluster/cluster'), ('{"type":["Warning"],"limit":["1"]}', 'cluster/cluster'),
               ('{"type":["Normal"],"for":["node/web"]}', '-'), ('{"watch":["false"],"type":[""]}', 'project/web node/web project/db cluster/cluster')) v(query, listed);
SELECT is((WITH RECURSIVE page AS (
               SELECT api.event_list('{"limit":["3"]}') AS list
               UNION ALL
               SELECT api.event_list(jsonb_build_object('limit', '["3"]'::jsonb, 'continue', jsonb_build_array(list#>>'{metadata,continue}'))) FROM page WHERE list#>>'{metadata,continue}' IS NOT NULL
           ) SELECT string_agg((SELECT string_agg(i->>'reason', ' ') FROM json_array_elements(list->'items') i) || ' ' || (list->>'metadata' <> '{}'), ', ') FROM page),
    'Odd Created EvictionStopped true, Created false', 'pages go back to the oldest, each of them the newest last');
SELECT is(api.event_list('{"limit":["4"]}')->>'metadata', '{}', 'a page that is full and the last says so');
SELECT is((api.event_list('{"for":["node/web"]}')->'items'->0)::text, '{"id":' || (SELECT id FROM cara.event WHERE reason = 'Odd') || ',"type":"Warning","reason":"Odd","message":"\u003cx\u003e","count":1,"firstTimestamp":"2030-01-01T00:00:02Z","lastTimestamp":"2030-01-01T00:00:02Z","involvedObject":{"kind":"Node","name":"web"},"actor":"bob"}', 'an event on the wire');
SELECT is(given.error_of(format('SELECT api.event_list(%L)', query)), error, error)
  FROM (VALUES ('{"limit":["0"]}', 'SR400 limit: limit "0" must be a number from 1 to 10000'), ('{"limit":["10001"]}', 'SR400 limit: limit "10001" must be a number from 1 to 10000'),
               ('{"limit":["-1"]}', 'SR400 limit: limit "-1" must be a number from 1 to 10000'), ('{"limit":["ten"]}', 'SR400 limit: limit "ten" must be a number from 1 to 10000'),
               ('{"type":["warning"]}', 'SR400 type: type "warning" must be Normal or Warning'), ('{"continue":["x"]}', 'SR400 continue: continue is not a token of this list'),
               ('{"watch":["true"]}', 'SR400 watch: events cannot be watched'),
               ('{"for":["web"]}', 'SR400 for: for "web" must be node/NAME or project/NAME'), ('{"for":["pod/web"]}', 'SR400 for: for "pod/web" must be node/NAME or project/NAME')) v(query, error);

-- Revisions hold what was asked for then.
SELECT results_eq($$ SELECT r.generation, verb, r.spec#>>'{services,0,image}' FROM cara.revision r JOIN cara.project p USING (uid) ORDER BY r.id $$, $$ VALUES (1::bigint, 'create', 'nginx:1') $$, 'a revision is what was asked for');
SELECT api.project_update('web', given.manifest('web', '{"services":[{"name":"web","image":"nginx:2"}]}'), 'bob');
SELECT results_eq($$ SELECT r.generation, verb, r.spec#>>'{services,0,image}', actor FROM cara.revision r JOIN cara.project p USING (uid) ORDER BY r.id $$,
    $$ VALUES (1::bigint, 'create', 'nginx:1', 'ann'), (2, 'update', 'nginx:2', 'bob') $$, 'the next does not change it');
SELECT api.project_update('web', given.manifest('web'));
SELECT is((SELECT actor FROM cara.revision ORDER BY id DESC LIMIT 1), session_user::text, 'in psql it is whoever logged in');

SELECT * FROM finish();
ROLLBACK;
