-- Why: the answer comes from the functions that decide, with the decision, those before it, and what each node says.
BEGIN;
\ir given.psql
\ir given_placement.psql
SELECT plan(25);

CREATE FUNCTION given.why(p_project text, p_path text, p_nodes boolean DEFAULT false) RETURNS text LANGUAGE sql
    AS $$ SELECT api.why(p_project, CASE WHEN p_nodes THEN '{"nodes":["true"]}' ELSE '{}' END::jsonb)::jsonb #>> p_path::text[] $$;

SELECT throws_ok($$ SELECT api.why('none') $$, 'SR404', NULL, 'no such project');
SELECT given.wants('web', '{"strategy":"Spread"}', '{}', given.cpu('1', '1Gi'));
SELECT is(given.why('web', '{message}'), 'no nodes are registered: start cara-agent on a machine', 'nobody there');

-- Waiting: each reason with the nodes it excludes and what would make it fit.
SELECT given.machine('n1', '{}', '{}', '{"allocatable":{"cpu":"4","memory":"512Mi"}}'), given.machine('n2', '{}', '{}', '{"allocatable":{"cpu":"4","memory":"768Mi"}}'),
       given.machine('n3', '{}', '{}', '{"allocatable":{"cpu":"500m"}}'), given.machine('n4', '{}', '{"taints":[{"key":"gpu","value":"only","effect":"NoSchedule"}]}');
SELECT given.placed() \g /dev/null
SELECT is(given.why('web', '{phase}'), 'Pending', 'it waits');
SELECT is(given.why('web', '{message}'), '2 nodes: memory, short by 256Mi; 1: cpu, short by 500m; 1: taint gpu=only:NoSchedule', 'what is missing is the least that would do');
SELECT is(given.message_of('web'), given.why('web', '{message}'), 'its condition says the same');
SELECT is(given.why('web', '{reasons,0}')::jsonb, '{"reason":"Memory","text":"memory, short by 256Mi","nodes":2,"example":["n1","n2"]}', 'a reason with examples');
SELECT is(given.why('web', '{reasons,2,reason}'), 'Taint', 'the rarest last');
SELECT is(given.why('web', '{decision}'), NULL, 'there is no decision');
SELECT is(given.why('web', '{history}'), '[]', 'and was none');
SELECT is(given.why('web', '{nodes}'), NULL, 'nodes one by one only when asked for');
SELECT is((SELECT string_agg(n->>'node' || ' ' || (n->>'verdict') || coalesce(' ' || (n->>'lacks'), ''), ', ' ORDER BY n->>'node') FROM jsonb_array_elements(given.why('web', '{nodes}', true)::jsonb) n),
    'n1 Memory 512Mi, n2 Memory 256Mi, n3 CPU 500m, n4 Taint gpu=only:NoSchedule', 'each node with what it lacks');
SELECT is((SELECT count(*) FROM cara.change WHERE name = 'web'), (SELECT count(*) FROM cara.change WHERE name = 'web' AND api.why('web') IS NOT NULL), 'asking writes nothing');

-- The verdict is of now: what the condition said may be over.
SELECT given.machine('n2', '{}', '{}', '{"allocatable":{"cpu":"4","memory":"2Gi"}}'), given.machine('n5', '{}', '{}', '{"allocatable":{"cpu":"4","memory":"2Gi"}}');
SELECT is(given.why('web', '{nodes,0,verdict}', true), 'fits', 'those that fit come first');
SELECT given.placed(given.t('5s')) \g /dev/null

-- Placed: the winner beside the next best, and what each rule excluded.
SELECT is(given.why('web', '{node}'), 'n2', 'placed');
SELECT is(given.why('web', '{decision}')::jsonb - 'epoch', '{"node":"n2","at":"2030-01-01T00:00:05Z","strategy":"Spread","score":-1,"runnerUp":"n5","runnerUpScore":-1,"excluded":{"CPU":1,"Memory":1,"Taint":1}}', 'the decision');
SELECT is(given.why('web', '{decision,epoch}')::bigint, given.epoch_of('web'), 'with its epoch');
SELECT is((SELECT n->>'score' FROM jsonb_array_elements(given.why('web', '{nodes}', true)::jsonb) n WHERE n->>'node' = 'n2'), '-1', 'it does not count itself');
SELECT given.running('web');
SELECT is(given.why('web', '{phase}'), 'Running', 'running');

-- Earlier decisions with their cause, newest first.
SELECT cara.release('{web}', 'NodeLost', 'NodeNotReady', 'its node is lost', 'system:tick', given.t('1min'));
SELECT given.placed(given.t('2min')) \g /dev/null
SELECT cara.release('{web}', 'Drained', 'Drained', 'its node is being drained', 'ann', given.t('3min'));
SELECT is(given.why('web', '{history,0,releasedBecause}') || ' ' || given.why('web', '{history,1,releasedBecause}'), 'Drained NodeLost', 'each with its cause');
SELECT is(given.why('web', '{history,1,node}') || ' ' || given.why('web', '{history,1,releasedAt}'), 'n2 2030-01-01T00:01:00Z', 'where and until when');
SELECT is(given.why('web', '{history,0,strategy}'), 'Spread', 'how it was decided');

-- BinPack scores are how full a node is.
SELECT given.nothing();
SELECT given.machine(n, '{}', '{}', '{"allocatable":{"cpu":"2"}}') FROM unnest('{n1,n2}'::text[]) n;
SELECT given.wants('a', '{}', '{}', given.cpu('500m')), given.wants('b', '{"strategy":"BinPack"}', '{}', given.cpu('500m'));
SELECT given.placed() \g /dev/null
SELECT is(given.why('b', '{decision}')::jsonb - 'epoch' - 'at', '{"node":"n1","strategy":"BinPack","score":25,"runnerUp":"n2","runnerUpScore":0,"excluded":{}}', 'the fuller one won');
SELECT is((SELECT string_agg(n->>'score', ' ' ORDER BY n->>'node') FROM jsonb_array_elements(given.why('a', '{nodes}', true)::jsonb) n), '-2 -1', 'Spread counts who is there');

-- What two rules say of one node is the first that excludes it; once it is met the next is told.
SELECT given.wants('c', '{"nodeSelector":{"disk":"ssd"}}', '{}', given.cpu('9'));
SELECT is(given.why('c', '{message}'), '2 nodes: placement.nodeSelector', 'the selector first');
SELECT given.wants('c', '{}', '{}', given.cpu('9'));
SELECT is(given.why('c', '{message}'), '2 nodes: cpu, short by 7', 'then the cpu, by what the emptier one lacks');

SELECT * FROM finish();
ROLLBACK;
