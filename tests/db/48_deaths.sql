-- How containers ended: told once by the node that had them, kept with their last lines, forgotten in time.
BEGIN;
\ir given.psql
SELECT plan(31);

SELECT given.node('n1'), given.node('n2'), given.project('web');
SELECT api.schedule(given.t());
SELECT node AS node, CASE node WHEN 'n1' THEN 'n2' ELSE 'n1' END AS other FROM cara.assignment \gset
CREATE FUNCTION given.death(p_more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql
    AS $$ SELECT jsonb_build_object('project', 'web', 'epoch', given.epoch_of('web'), 'service', 'web', 'containerId', 'c1', 'exitCode', 137,
                                    'finishedAt', '2030-01-01T00:00:00Z') || p_more $$;
-- "204", or the status and what is wrong
CREATE FUNCTION given.tell(p_node text, p_death jsonb, p_now timestamptz DEFAULT given.t()) RETURNS text LANGUAGE sql
    AS $$ SELECT (r->'deaths'->0->>'status') || coalesce(' ' || (r->'deaths'->0->>'detail'), '')
            FROM (SELECT api.node_report(p_node, jsonb_build_object('reports', '[]'::jsonb, 'deaths', jsonb_build_array(p_death)), p_now)::jsonb AS r) a $$;
CREATE FUNCTION given.deaths(p_query jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql
    AS $$ SELECT api.project_logs('web', '{"previous":["true"]}' || p_query)::jsonb->'items' $$;

-- One death, told by its node.
SELECT is(given.deaths(), '[]', 'nothing has died');
SELECT is(given.tell(:'node', given.death('{"oomKilled":true,"log":"t1 stdout F a\nt2 stderr F b\n"}')), '204', 'a death is taken in');
SELECT results_eq('SELECT exit_code, signal, oom_killed, stopped, log FROM cara.death', $$ VALUES (137, 9, true, false, E't1 stdout F a\nt2 stderr F b\n') $$, 'with its signal and its lines');
SELECT is(given.tell(:'node', given.death('{"log":"another"}')), '204', 'the same one again');
SELECT is((SELECT string_agg(log, '') FROM cara.death), E't1 stdout F a\nt2 stderr F b\n', 'changes nothing');
SELECT is(given.tell(:'node', given.death('{"containerId":"c2","exitCode":0,"stopped":true,"finishedAt":"2030-01-01T00:01:00Z"}')), '204', 'one that was stopped');
SELECT results_eq('SELECT exit_code, signal, stopped FROM cara.death WHERE container_id = ''c2''', 'VALUES (0, NULL::int, true)', 'has no signal');

-- Who may tell it.
SELECT is(given.tell(:'other', given.death()), '409 epoch ' || given.epoch_of('web') || ' was never given to node ' || :'other', 'no other node');
SELECT is(given.tell(:'node', given.death('{"epoch":999}')), '409 epoch 999 was never given to node ' || :'node', 'no epoch that never was');
SELECT is(given.tell(:'node', given.death('{"project":"none"}')), '404 project not found: none: resource not found', 'of no project that is not there');
SELECT is(given.tell(:'node', given.death() - m), '400 ' || m || ' is required', m || ' is required') FROM unnest(ARRAY['project', 'service', 'epoch', 'containerId', 'finishedAt']) m;
SELECT is(given.tell(:'node', given.death('{"exitCode":4294967296}')), '400 exitCode must be a 32-bit integer', 'a number too large');
SELECT throws_ok($$ SELECT api.node_report('n1', '{"reports":[],"deaths":{}}') $$, 'SR400', 'invalid request body: deaths: expected an array', 'deaths are a list');
UPDATE cara.assignment SET released_at = given.t(), released_because = 'NodeLost';
SELECT is(given.tell(:'node', jsonb_set(given.death('{"containerId":"c3","finishedAt":"2030-01-01T00:02:00Z"}'), '{epoch}', (SELECT to_jsonb(max(epoch)) FROM cara.assignment))), '204', 'a node that lost the project may still tell its history');

-- What is asked for.
SELECT is((SELECT string_agg(e->>'containerId', ',') FROM jsonb_array_elements(given.deaths()) e), 'c3', 'the newest of each service');
SELECT is((SELECT string_agg(e->>'containerId', ',') FROM jsonb_array_elements(given.deaths('{"limit":["9"]}')) e), 'c3,c2,c1', 'newest first');
SELECT is(given.deaths('{"limit":["9"],"tail":["1"]}')->2->>'log', E't2 stderr F b\n', 'the last line');
SELECT ok((given.deaths('{"limit":["9"],"tail":["1"]}')->2->>'logCut')::boolean, 'says that there is more');
SELECT is(given.deaths('{"limit":["9"],"tail":["0"]}')->2->>'log', '', 'or none of it');
SELECT ok(NOT given.deaths('{"log":["false"]}')->0 ? 'log', 'or all but the lines');
SELECT throws_ok($$ SELECT given.deaths('{"service":["nothing"]}') $$, 'SR404', 'service not found: web/nothing: resource not found', 'a service that is none');
SELECT throws_ok($$ SELECT given.deaths('{"tail":["x"]}') $$, 'SR400', 'invalid tail "x": must be "all" or a number of lines', 'a tail that is none');
SELECT throws_ok($$ SELECT api.project_logs('web', '{}') $$, 'SR400', NULL, 'what is written now is not here');
SELECT throws_ok($$ SELECT api.project_logs('none', '{"previous":["true"]}') $$, 'SR404', NULL, 'a project that is none');

-- How much is kept.
UPDATE cara.setting SET value = '20' WHERE name = 'death_log_bytes';
SELECT given.tell(:'node', jsonb_set(given.death('{"containerId":"c4","finishedAt":"2030-01-01T00:03:00Z","log":"t1 stdout F äöü\nt2 stdout F äöü\n"}'), '{epoch}', (SELECT to_jsonb(max(epoch)) FROM cara.assignment)));
SELECT results_eq('SELECT log, log_cut FROM cara.death WHERE container_id = ''c4''', $$ VALUES (E't2 stdout F äöü\n', true) $$, 'whole lines that fit into the setting');
UPDATE cara.setting SET value = '2' WHERE name = 'deaths_kept';
SELECT cara.trim_deaths(given.t());
SELECT is((SELECT string_agg(container_id, ',' ORDER BY container_id) FROM cara.death), 'c3,c4', 'the newest of each service are kept');
SELECT cara.trim_history('2031-01-01');
SELECT is((SELECT count(*) FROM cara.death), 0::bigint, 'and not for ever');

SELECT finish();
ROLLBACK;
