-- Moving on request: cordon, drain and what cannot be moved, NoExecute, the rate of evictions, rebalance.
BEGIN;
\ir given.psql
\ir given_placement.psql
SELECT plan(51);

CREATE FUNCTION given.cleared(p_at timestamptz DEFAULT given.t()) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(given.report(a.node, jsonb_build_object('project', a.project, 'epoch', a.epoch, 'phase', 'Terminated'), p_at))
      FROM cara.assignment a JOIN cara.node n ON n.name = a.node WHERE a.released_at IS NOT NULL AND a.gone_at IS NULL $$;
-- What the tick makes of it; where everyone is afterwards.
CREATE FUNCTION given.ticked(p_at timestamptz) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    UPDATE cara.lease SET renewed_at = p_at;
    PERFORM given.tick(p_at);
    RETURN (SELECT string_agg(p.name || '=' || coalesce(given.node_of(p.name), '-'), ' ' ORDER BY p.name) FROM cara.project p);
END
$$;
CREATE FUNCTION given.drain(p_node text, p_path text) RETURNS text LANGUAGE sql AS $$ SELECT api.node_drain_status(p_node)::jsonb #>> p_path::text[] $$;

-- Cordon: nothing new comes, nothing goes.
SELECT given.machine('n1'), given.machine('n2');
SELECT given.wants('a'), given.wants('b');
SELECT is(given.placed(), 'a=n1 b=n2', 'two on two');
SELECT is(api.node_cordon('n1', 'ann')::jsonb#>>'{spec,unschedulable}', 'true', 'cordon is unschedulable');
SELECT is((SELECT actor || ' ' || reason FROM cara.event WHERE kind = 'Node' AND name = 'n1' ORDER BY id DESC LIMIT 1), 'ann Cordoned', 'and is on record');
SELECT is((SELECT count(*) FROM cara.revision WHERE kind = 'Node' AND name = 'n1'), 2::bigint, 'as a version of its manifest');
SELECT lives_ok($$ SELECT api.node_cordon('n1', 'ann') $$, 'twice is once');
SELECT is((SELECT count(*) FROM cara.revision WHERE kind = 'Node' AND name = 'n1'), 2::bigint, 'and leaves no trace');
SELECT given.wants('c');
SELECT is(given.ticked(given.t('1s')), 'a=n1 b=n2 c=n2', 'what is there stays, what comes goes elsewhere');
SELECT is(given.state_of('n1'), 'Ready', 'the node is well');
SELECT api.node_uncordon('n1', 'ann') \g /dev/null
SELECT given.wants('d');
SELECT is(given.ticked(given.t('2s')), 'a=n1 b=n2 c=n2 d=n1', 'uncordon: it takes projects again');
SELECT throws_ok(format('SELECT api.%I(%L)', f, 'none'), 'SR404', NULL, f || ': no such node') FROM unnest('{node_cordon,node_uncordon,node_drain,node_drain_status}'::text[]) f;

-- Drain: what can move does.
SELECT given.running(p) FROM unnest('{a,b,c,d}'::text[]) p;
SELECT is(api.node_drain('n1', '{"dryRun":["true"]}', 'ann')::jsonb->>'draining', 'false', 'a dry run does nothing');
SELECT is(api.node_drain('n1', '{}', 'ann')::jsonb - 'message', '{"apiVersion":"caravanserai/v1","kind":"DrainStatus","node":"n1","state":"Draining","draining":true,"done":false,"moved":0,"leaving":["a","d"],"staying":[]}', 'what leaves');
SELECT is(given.state_of('n1'), 'Draining', 'the node says so');
SELECT api.node_heartbeat('n1', NULL, given.t('3s'));
SELECT is(given.state_of('n1'), 'Draining', 'whatever its agent says');
SELECT is(given.ticked(given.t('3s')), 'a=- b=n2 c=n2 d=-', 'taken off');
SELECT is(given.drain('n1', '{leaving}'), '["a", "d"]', 'still there');
SELECT is(given.drain('n1', '{done}'), 'false', 'so it is not done');
SELECT given.cleared(given.t('4s')) \g /dev/null
SELECT is(given.ticked(given.t('4s')), 'a=n2 b=n2 c=n2 d=n2', 'and placed elsewhere once nothing is left');
SELECT is(given.drain('n1', '{done}') || given.drain('n1', '{moved}'), 'true2', 'done');
SELECT is((SELECT string_agg(DISTINCT released_because, ' ') FROM cara.assignment WHERE node = 'n1' AND project IN ('a', 'd')), 'Drained', 'for which it is on record');
SELECT api.node_uncordon('n1', 'ann') \g /dev/null
SELECT is(given.state_of('n1') || given.drain('n1', '{draining}'), 'Readyfalse', 'uncordon ends it');
SELECT is(given.ticked(given.t('5s')), 'a=n2 b=n2 c=n2 d=n2', 'and nobody is brought back');

-- What cannot move stays, and why: data, rules, no room. What is cancelled stays as it is.
SELECT given.nothing(), given.machine('n1', '{"disk":"ssd"}', '{}', '{"allocatable":{"cpu":"2"}}'), given.machine('n2', '{}', '{}', '{"allocatable":{"cpu":"1"}}');
SELECT given.wants('picky', '{"nodeSelector":{"disk":"ssd"}}'), given.wants('big', '{}', '{}', given.cpu('1500m'));
SELECT given.project('data', '{"volumes":[{"name":"v","type":"Local"}],"placement":{"nodeSelector":{"disk":"ssd"}}}'), given.wants('free', '{"nodeSelector":{"disk":"ssd"}}');
SELECT is(given.placed(), 'big=n1 data=n1 free=n1 picky=n1', 'all on one');
SELECT given.wants('free');
SELECT is(given.ticked(given.t('6s')), 'big=n1 data=n1 free=n1 picky=n1', 'one of them is free to go');
SELECT api.node_drain('n1', '{}', 'ann') \g /dev/null
SELECT is(given.drain('n1', '{leaving}'), '["free"]', 'one leaves');
SELECT is(given.drain('n1', '{staying,0}')::jsonb, '{"project":"big","reason":"1 node: cpu, short by 500m"}', 'one is too big for the rest');
SELECT is(given.drain('n1', '{staying,1}')::jsonb, '{"project":"data","reason":"1 node: its data is on n1"}', 'one has its data here');
SELECT is(given.drain('n1', '{staying,2}')::jsonb, '{"project":"picky","reason":"1 node: placement.nodeSelector"}', 'one has no other node to go to');
SELECT is(given.ticked(given.t('7s')), 'big=n1 data=n1 free=- picky=n1', 'those who stay run on');
SELECT given.cleared(given.t('7s')) \g /dev/null
SELECT is(given.ticked(given.t('8s')), 'big=n1 data=n1 free=n2 picky=n1', 'who leaves arrives');
SELECT is(given.drain('n1', '{done}'), 'false', 'it is not done while someone stays');
SELECT given.machine('n3', '{"disk":"ssd"}');
SELECT is(given.ticked(given.t('9s')), 'big=- data=n1 free=n2 picky=-', 'a new node and all but the data can go');
SELECT api.node_uncordon('n1', 'ann') \g /dev/null
SELECT given.cleared(given.t('9s')) \g /dev/null
SELECT is((SELECT count(*) FROM cara.assignment WHERE project = 'data'), 1::bigint, 'the data never moved');

-- NoExecute: who does not tolerate it has to go.
SELECT given.nothing(), given.machine('n1'), given.machine('n2', '{}', '{"unschedulable":true}');
SELECT given.wants('a'), given.wants('b', '{"tolerations":[{"key":"broken","operator":"Exists"}]}'), given.wants('c', '{"tolerations":[{"key":"broken","effect":"NoSchedule"}]}');
SELECT is(given.placed(), 'a=n1 b=n1 c=n1', 'three on one');
SELECT given.machine('n1', '{}', '{"taints":[{"key":"broken","effect":"NoSchedule"}]}');
SELECT is(given.ticked(given.t('10s')), 'a=n1 b=n1 c=n1', 'NoSchedule concerns who comes');
SELECT given.machine('n1', '{}', '{"taints":[{"key":"broken","effect":"NoExecute"}]}');
SELECT is(given.ticked(given.t('11s')), 'a=- b=n1 c=-', 'NoExecute who is there, too');
SELECT is((SELECT string_agg(DISTINCT released_because, ' ') FROM cara.assignment WHERE released_at IS NOT NULL), 'Tainted', 'on record');
SELECT is(given.message_of('a'), 'its node has a NoExecute taint that it does not tolerate', 'and told');

-- Not all at once.
SELECT given.nothing(), given.machine('n1'), given.machine('n2', '{}', '{"unschedulable":true}');
SELECT given.wants('p' || i) FROM generate_series(1, 10) i;
SELECT given.placed() \g /dev/null
UPDATE cara.setting SET value = '4' WHERE name = 'evictions_per_minute';
SELECT given.machine('n2'), api.node_drain('n1', '{}', 'ann');
SELECT given.ticked(given.t('1h')) \g /dev/null
SELECT is((SELECT count(*) FROM cara.assignment WHERE released_because = 'Drained'), 4::bigint, 'as many as a minute allows');
SELECT given.ticked(given.t('1h 30s')) \g /dev/null
SELECT is((SELECT count(*) FROM cara.assignment WHERE released_because = 'Drained'), 4::bigint, 'and no more in that minute');
SELECT given.ticked(given.t('1h 61s')) \g /dev/null
SELECT is((SELECT count(*) FROM cara.assignment WHERE released_because = 'Drained'), 8::bigint, 'the next ones in the next');
SELECT cmp_ok((given.tick(given.t('1h 62s'))->>'nextInMs')::int, '<=', 60000, 'for which the clock comes back');

-- Rebalance, only on request.
SELECT given.nothing(), given.machine('n1');
SELECT given.wants('p' || i) FROM generate_series(1, 6) i;
SELECT given.placed() \g /dev/null
SELECT given.running('p' || i) FROM generate_series(1, 6) i;
SELECT given.machine('n2'), given.machine('n3');
SELECT given.ticked(given.t('2h')) \g /dev/null
SELECT is((SELECT string_agg(projects::text, ' ' ORDER BY node) FROM cara.node_room), '6 0 0', 'nobody moves by itself');
SELECT is(api.rebalance('{"dryRun":["true"]}', 'ann')::jsonb->'summary', '{"move":4}', 'four would move');
SELECT is((SELECT string_agg(projects::text, ' ' ORDER BY node) FROM cara.node_room), '6 0 0', 'a dry run moves nobody');
SELECT is(jsonb_array_length(api.rebalance('{}', 'ann')::jsonb->'items'), 4, 'four move');
SELECT given.cleared(given.t('2h')) \g /dev/null
SELECT given.ticked(given.t('2h 1s')) \g /dev/null
SELECT is((SELECT string_agg(projects::text, ' ' ORDER BY node) FROM cara.node_room), '2 2 2', 'even');
SELECT is(api.rebalance('{}', 'ann')::jsonb->'items', '[]', 'and nothing more to do');

SELECT * FROM finish();
ROLLBACK;
