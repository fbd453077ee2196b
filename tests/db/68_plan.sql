-- Plan: what would happen, by the functions that make it happen; and nothing of it has been.
BEGIN;
\ir given.psql
\ir given_placement.psql
SELECT plan(51);

-- Items of a plan as lines: 'place web >n1; move api n1>n2'.
CREATE FUNCTION given.plan(p_body jsonb) RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat(i->>'action', ' ', i->>'name', ' ' || nullif(concat(i->>'from', '>' || (i->>'to')), '')), '; ' ORDER BY n)
      FROM jsonb_array_elements(api.plan(p_body, 'ann')::jsonb->'items') WITH ORDINALITY x(i, n) $$;
CREATE FUNCTION given.manifests(VARIADIC p_names text[]) RETURNS jsonb LANGUAGE sql
    AS $$ SELECT jsonb_build_object('apply', jsonb_agg(given.manifest(n))) FROM unnest(p_names) n $$;
-- Everything that is in the tables, as one sum.
CREATE FUNCTION given.everything() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_table regclass;
    v_sum   text;
    v_all   text := '';
BEGIN
    FOR v_table IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'cara'::regnamespace AND c.relkind = 'r' ORDER BY c.relname LOOP
        EXECUTE format('SELECT md5(string_agg(t::text, E''\n'' ORDER BY t::text)) FROM %s t', v_table) INTO v_sum;
        v_all := concat(v_all, v_table, v_sum);
    END LOOP;
    RETURN md5(v_all);
END
$$;

SELECT given.machine('n1'), given.machine('n2');
SELECT given.wants('a'), given.wants('b');
SELECT is(given.plan('{"lose":"n2"}'), 'place a >n1; place b >n1', 'what waits would be placed, too');
SELECT is((SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND pid = pg_backend_pid()), 0::bigint, 'nobody else has to wait for a plan that was made');
SELECT given.placed() \g /dev/null
SELECT given.running(p) FROM unnest('{a,b}'::text[]) p;
SELECT given.everything() AS before \gset

-- What would be created, updated, placed.
SELECT is(given.plan(given.manifests('c')), 'create c >n1', 'a new project would be placed');
SELECT is(given.everything(), :'before', 'no row has changed anywhere');
SELECT is(given.plan(given.manifests('a', 'b')), 'unchanged a n1>n1; unchanged b n2>n2', 'nothing to do is said, too');
SELECT is(given.plan(jsonb_build_object('apply', jsonb_build_array(given.manifest('a', '{"services":[{"name":"web","image":"nginx:2"}]}')))), 'update a n1>n1', 'an update where it is');
SELECT is(given.plan(jsonb_build_object('apply', jsonb_build_array(given.manifest('big', '{"services":[{"name":"web","image":"x"}],"placement":{"nodeSelector":{"disk":"ssd"}}}')))), 'create big', 'one that would wait');
SELECT is(api.plan(jsonb_build_object('apply', jsonb_build_array(given.manifest('big', '{"placement":{"nodeSelector":{"disk":"ssd"}}}'))))::jsonb#>>'{items,0,message}', '2 nodes: placement.nodeSelector', 'and why');
SELECT is(api.plan(given.manifests('c', 'd', 'a'))::jsonb->'summary', '{"create":2,"unchanged":1}', 'in sum');
SELECT is(given.plan(jsonb_build_object('apply', '[{"kind":"Node","metadata":{"name":"n3"}}]'::jsonb)), 'create n3', 'nodes, too');
SELECT is(given.plan(jsonb_build_object('apply', jsonb_build_array(given.manifest('a', '{"placement":{"matchExpressions":[{"key":"x","operator":"Exists"}]}}')))), 'update a n1', 'a change that its node does not suit: it would have none');
SELECT is(given.everything(), :'before', 'and still no row has changed');

-- Refusals are those of the real thing.
SELECT is(given.error_of($$ SELECT api.plan('{"apply":[{"kind":"Project","metadata":{"name":"x"},"spec":{}}]}') $$), 'SR400 items[0].spec.services: project "x": spec.services must contain at least one service', 'a bad manifest');
SELECT is(left(given.error_of(format('SELECT api.plan(%L)', body)), 5), code, body)
  FROM (VALUES ('{}', 'SR400'), ('[]', 'SR400'), ('null', 'SR400'), ('{"apply":1}', 'SR400'), ('{"delete":["web"]}', 'SR400'), ('{"delete":"project/a"}', 'SR400'), ('{"delete":null}', 'SR400'), ('{"delete":[1,{}]}', 'SR400'), ('{"delete":["project/none"]}', 'SR404'), ('{"drain":"none"}', 'SR404'), ('{"lose":"none"}', 'SR404'), ('{"delete":["node/n1"]}', 'SR409')) v(body, code);
SELECT is(given.everything(), :'before', 'a refusal leaves nothing, either');

-- Deleting, draining, losing.
SELECT is(given.plan('{"delete":["project/a"]}'), 'delete a n1', 'a deletion');
SELECT is(given.plan('{"drain":"n1"}'), 'move a n1>n2', 'a drain');
SELECT is(given.plan('{"lose":"n1"}'), 'move a n1>n2', 'the death of a node');
SELECT given.machine('n2', '{}', '{"unschedulable":true}');
SELECT is(given.plan('{"drain":"n1"}'), 'stay a n1', 'what cannot leave stays');
SELECT is(given.plan('{"lose":"n1"}'), 'pending a n1', 'and has no place when its node dies');
SELECT is(api.plan('{"lose":"n1"}')::jsonb#>>'{items,0,message}', '1 node: NotReady; 1: cordoned', 'which is said, and why');
SELECT given.project('patient', '{"onNodeLost":"Wait"}');
SELECT given.placed() \g /dev/null
SELECT is(given.plan('{"lose":"n1"}'), 'pending a n1; stay patient n1', 'who asked to wait for its node does');
SELECT api.project_delete('patient', '{"force":["true"]}'), given.machine('n2');

-- Priorities: who would have to go.
SELECT given.machine(n, '{}', '{}', '{"allocatable":{"cpu":"1"}}') FROM unnest('{n1,n2}'::text[]) n;
SELECT given.wants('low', '{"priority":-1}', '{}', given.cpu('1')), given.wants('low2', '{"priority":-2}', '{}', given.cpu('1'));
SELECT given.placed(given.t('1s')) \g /dev/null
SELECT is(given.plan(jsonb_build_object('apply', jsonb_build_array(given.manifest('vip', '{"services":[{"name":"web","image":"x","resources":{"requests":{"cpu":"1"}}}]}')))), 'pending low2 n2; create vip >n2', 'a plan tells who would make room');

-- What leaves makes room: what is deleted, what expires, what a NoExecute taint drives away.
SELECT given.nothing(), given.machine('n1', '{}', '{}', '{"allocatable":{"cpu":"1"}}');
SELECT given.wants('a', '{}', '{}', given.cpu('1')), given.wants('b', '{}', '{}', given.cpu('1'));
SELECT is(given.placed(given.t('2s')), 'a=n1 b=-', 'room for one');
SELECT is(given.plan('{"delete":["project/a"]}'), 'delete a n1; place b >n1', 'who waits gets the room of what is deleted');
SELECT is(given.plan('{"delete":["project/a","project/b","project/a"]}'), 'delete a n1; delete b', 'each is deleted once');
SELECT given.running('a');
SELECT is(given.plan('{"delete":["project/a"],"lose":"n1"}'), 'delete a n1; pending b', 'what is deleted is not lost as well');
SELECT is(given.plan(jsonb_build_object('apply', jsonb_build_array(given.manifest('a', jsonb_build_object('expireAt', clock_timestamp() - interval '1 minute'))))), 'delete a n1; place b >n1', 'and that of what has expired');
SELECT is(api.plan(jsonb_build_object('apply', jsonb_build_array(given.manifest('c', '{"expireAt":"2020-01-01T00:00:00Z"}'))))::jsonb#>>'{items,0}', '{"kind": "Project", "name": "c", "action": "delete", "message": "its spec.expireAt has passed"}', 'new ones, too');
SELECT is(given.plan(jsonb_build_object('apply', jsonb_build_array(given.manifest('a', '{"expireAt":"2999-01-01T00:00:00Z"}')))), 'update a n1>n1; place b >n1', 'not those that have not yet');
SELECT is(given.plan(jsonb_build_object('apply', jsonb_build_array(given.manifest('b', '{"services":[{"name":"web","image":"x","resources":{"requests":{"cpu":"2"}}}]}')))), 'update b', 'an update of one that waits on');
SELECT given.machine('n2');
SELECT is(given.plan('{"apply":[{"kind":"Node","metadata":{"name":"n1"},"spec":{"taints":[{"key":"k","effect":"NoExecute"}]}}]}'), 'update n1; move a n1>n2; place b >n2', 'a taint that drives away');
SELECT is(given.plan('{"apply":[{"kind":"Node","metadata":{"name":"n1"},"spec":{"taints":[{"key":"k","effect":"NoSchedule"}]}}]}'), 'update n1; place b >n2', 'and one that does not');

-- A drain with room for one: the plan, the forecast and the thing itself agree.
SELECT given.nothing(), given.machine('n1');
SELECT given.wants('a', '{}', '{}', given.cpu('1')), given.wants('b', '{"priority":5}', '{}', given.cpu('1')), given.wants('c', '{}', '{}', given.cpu('1', '1Mi'));
SELECT given.placed(given.t('3s')) \g /dev/null
SELECT given.machine('n2', '{}', '{}', '{"allocatable":{"cpu":"1"}}');
SELECT is(given.plan('{"drain":"n1"}'), 'stay a n1; move b n1>n2; stay c n1', 'planned');
SELECT is(api.node_drain('n1', '{"dryRun":["true"]}')::jsonb->'leaving', '["b"]', 'foretold');
SELECT api.node_drain('n1', '{}', 'ann'), given.tick(given.t('3s')), given.tick(given.t('3s')) \g /dev/null
SELECT is((SELECT string_agg(project, ' ') FROM cara.project_status WHERE phase = 'Pending'), 'b', 'done');

-- Nothing escapes. That no notification does is in tests/isolation.
SELECT given.everything() AS before \gset
SELECT count(*) AS events FROM cara.event \gset
SELECT given.plan('{"drain":"n1"}'), given.plan(given.manifests('x', 'y', 'z')), given.plan('{"lose":"n1"}') \g /dev/null
SELECT is((SELECT count(*) FROM cara.event), :events::bigint, 'no event');
SELECT is(given.everything(), :'before', 'no row');
SELECT is(coalesce(current_setting('cara.planning', true), ''), '', 'no setting that would change what comes next');

-- The real thing is what was planned.
SELECT given.nothing(), given.machine('n1'), given.machine('n2'), given.machine('n3');
SELECT given.wants('p' || i) FROM generate_series(1, 7) i;
SELECT given.placed() \g /dev/null
SELECT string_agg(i->>'name' || '=' || (i->>'to'), ' ' ORDER BY i->>'name') AS planned FROM jsonb_array_elements(api.plan(jsonb_build_object('apply', (SELECT jsonb_agg(given.manifest('q' || i)) FROM generate_series(1, 5) i)))::jsonb->'items') i \gset
SELECT api.apply(jsonb_build_object('items', (SELECT jsonb_agg(given.manifest('q' || i)) FROM generate_series(1, 5) i))) \g /dev/null
SELECT api.schedule(given.t()) \g /dev/null
SELECT is((SELECT string_agg(p.name || '=' || given.node_of(p.name), ' ' ORDER BY p.name) FROM cara.project p WHERE p.name LIKE 'q%'), :'planned', 'what is applied goes where the plan said');

SELECT * FROM finish();
ROLLBACK;
