-- Moving on request: cordon, drain and what cannot be moved, NoExecute, the rate of evictions, rebalance.
BEGIN;
\ir given.psql
\ir given_placement.psql
SELECT plan(98);

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
-- 'a b; c: reason': who leaves, who stays.
CREATE FUNCTION given.outlook(p_node text, p_dry boolean DEFAULT false) RETURNS text LANGUAGE sql AS $$
    SELECT concat((SELECT string_agg(l, ' ') FROM jsonb_array_elements_text(o->'leaving') l), '; ',
                  (SELECT string_agg((s->>'project') || ': ' || (s->>'reason'), ', ') FROM jsonb_array_elements(o->'staying') s))
      FROM (SELECT CASE WHEN p_dry THEN api.node_drain(p_node, '{"dryRun":["true"]}') ELSE api.node_drain_status(p_node) END::jsonb) x(o) $$;
-- 'web n1>n2': what a rebalance says.
CREATE FUNCTION given.rebalanced(p_query jsonb DEFAULT '{}') RETURNS text LANGUAGE sql AS $$
    SELECT string_agg(concat(i->>'name', ' ', i->>'from', '>', i->>'to'), '; ' ORDER BY i->>'name') FROM jsonb_array_elements(api.rebalance(p_query, 'ann')::jsonb->'items') i $$;

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
SELECT is((SELECT message FROM cara.event WHERE name = 'n1' AND reason = 'NodeDraining'), 'Projects that can move go to other nodes', 'and what that means');
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

-- Only what has a place is taken off. Room for one: who was taken off counts until it has arrived, however often the clock ticks.
SELECT given.nothing(), given.machine('n1', '{}', '{}', '{"allocatable":{"cpu":"4"}}');
SELECT given.wants('a', '{}', '{}', given.cpu('1')), given.wants('b', '{}', '{}', given.cpu('1'));
SELECT is(given.placed(), 'a=n1 b=n1', 'two on one');
SELECT given.machine('n2', '{}', '{}', '{"allocatable":{"cpu":"1"}}');
SELECT is(given.outlook('n1', true), 'a; b: 1 node: cpu, short by 1', 'a dry run: room for one of two');
SELECT is(api.plan('{"drain":"n1"}')::jsonb->'summary', '{"move":1,"stay":1}', 'so says the plan');
SELECT is(api.node_drain('n1', '{}', 'ann')::jsonb#>>'{staying,0,project}', 'b', 'and the drain itself');
SELECT is(given.ticked(given.t('10s')), 'a=- b=n1', 'one goes');
SELECT is(given.ticked(given.t('10s')), 'a=- b=n1', 'while it is on its way the other runs on');
SELECT is(given.outlook('n1'), 'a; b: 1 node: cpu, short by 1', 'as the drain says');
SELECT given.cleared(given.t('10s')) \g /dev/null
SELECT is(given.outlook('n1'), '; b: 1 node: cpu, short by 1', 'also when the first has left and not arrived');
SELECT is(given.ticked(given.t('10s')), 'a=n2 b=n1', 'one has arrived, the other has not moved');
SELECT is(given.outlook('n1'), '; b: 1 node: cpu, short by 1', 'it stays');
SELECT is((SELECT count(*) FROM cara.assignment WHERE project = 'b'), 1::bigint, 'without a moment off its node');

-- Of different kinds as of one.
SELECT given.nothing(), given.machine('n1');
SELECT given.wants('a', '{}', '{}', given.cpu('1')), given.wants('b', '{}', '{}', given.cpu('1', '1Mi'));
SELECT given.placed() \g /dev/null
SELECT given.machine('n2', '{}', '{}', '{"allocatable":{"cpu":"1"}}'), api.node_drain('n1', '{}', 'ann');
SELECT is(given.outlook('n1'), 'a; b: 1 node: cpu, short by 1', 'two kinds, room for one');
SELECT is(given.ticked(given.t('10s')), 'a=- b=n1', 'in one tick');
SELECT given.cleared(given.t('10s')) \g /dev/null
SELECT is(given.ticked(given.t('10s')), 'a=n2 b=n1', 'and it has its place');

-- The higher priority goes; but it does not jump the queue of those who have left already.
SELECT given.nothing(), given.machine('n1');
SELECT given.wants('a', '{}', '{}', given.cpu('1')), given.wants('vip', '{"priority":5}', '{}', given.cpu('1'));
SELECT given.placed() \g /dev/null
SELECT given.machine('n2', '{}', '{}', '{"allocatable":{"cpu":"1"}}'), api.node_drain('n1', '{}', 'ann');
SELECT is(given.ticked(given.t('10s')), 'a=n1 vip=-', 'room for one: it is for the higher priority');
SELECT given.nothing(), given.machine('n1');
SELECT given.wants('low', '{}', '{}', given.cpu('1'));
SELECT given.placed() \g /dev/null
SELECT given.machine('n1', '{}', '{"unschedulable":true}'), given.machine('n3');
SELECT given.wants('vip', '{"priority":5}', '{}', given.cpu('1'));
SELECT is(given.placed(), 'low=n1 vip=n3', 'one on each');
SELECT given.machine('n2', '{}', '{}', '{"allocatable":{"cpu":"1"}}'), api.node_cordon('n3'), api.node_drain('n1', '{}', 'ann');
SELECT is(given.ticked(given.t('10s')), 'low=- vip=n3', 'the lower one leaves for the last place');
SELECT api.node_drain('n3', '{}', 'ann') \g /dev/null
SELECT is(given.ticked(given.t('10s')), 'low=- vip=n3', 'which the higher one does not take');
SELECT is(given.outlook('n3'), '; vip: 1 node: Draining; 1: cpu, short by 1', 'it stays, and says so');
SELECT given.cleared(given.t('10s')) \g /dev/null
SELECT is(given.ticked(given.t('10s')), 'low=n2 vip=n3', 'so that both run');

-- Who keeps away from its own kind, and who wants to be near it.
SELECT given.nothing(), given.machine('n1'), given.machine('n3');
SELECT given.wants(p, '{"antiAffinity":[{"matchLabels":{"app":"x"}}]}', '{"app":"x"}') FROM unnest('{a,b}'::text[]) p;
SELECT is(given.placed(), 'a=n1 b=n3', 'apart');
SELECT given.machine('n2'), api.node_drain('n1', '{}', 'ann'), api.node_drain('n3', '{}', 'ann');
SELECT is(given.ticked(given.t('10s')), 'a=- b=n3', 'a third node takes one of them');
SELECT is(given.ticked(given.t('10s')), 'a=- b=n3', 'and never the other');
SELECT is(given.outlook('n3'), '; b: 1 node: Draining; 1: antiAffinity', 'which is told why');
SELECT given.cleared(given.t('10s')) \g /dev/null
SELECT is(given.ticked(given.t('10s')), 'a=n2 b=n3', 'still apart');
SELECT given.nothing(), given.machine('n1');
SELECT given.wants(p, '{"affinity":[{"matchLabels":{"app":"x"}}]}', '{"app":"x"}') FROM unnest('{a,b}'::text[]) p;
SELECT is(given.placed(), 'a=n1 b=n1', 'together');
SELECT given.machine('n2'), api.node_drain('n1', '{}', 'ann');
SELECT is(given.ticked(given.t('10s')), 'a=- b=-', 'they leave together');
SELECT given.cleared(given.t('10s')) \g /dev/null
SELECT is(given.ticked(given.t('10s')), 'a=n2 b=n2', 'and arrive together');

-- While so many nodes are lost that nothing is moved for that, what an operator asks for is done all the same.
SELECT given.nothing();
SELECT given.machine('n' || i) FROM generate_series(1, 5) i;
SELECT given.wants('p' || i) FROM generate_series(1, 5) i;
SELECT is(given.placed(), 'p1=n1 p2=n2 p3=n3 p4=n4 p5=n5', 'one each');
UPDATE cara.node_status SET state = 'NotReady', not_ready_since = given.t() WHERE node > 'n2';
SELECT api.node_drain('n1', '{}', 'ann') \g /dev/null
SELECT is(given.ticked(given.t('1h')), 'p1=- p2=n2 p3=n3 p4=n4 p5=n5', 'a drain goes on, those who are lost stay');
SELECT ok(EXISTS (SELECT FROM cara.event WHERE kind = 'Cluster' AND message LIKE '3 of 5 nodes are NotReady: nothing is moved%'), 'which an event says');
SELECT given.cleared(given.t('1h')) \g /dev/null
SELECT is(given.ticked(given.t('1h')), 'p1=n2 p2=n2 p3=n3 p4=n4 p5=n5', 'and who was drained arrives');

-- Nobody is preempted for a drain; onNodeLost is about nodes that are lost.
SELECT given.nothing(), given.machine('n1');
SELECT given.wants('vip', '{"priority":5}', '{}', given.cpu('1')), given.project('patient', '{"onNodeLost":"Wait"}');
SELECT given.placed() \g /dev/null
SELECT given.machine('n1', '{}', '{"unschedulable":true}'), given.machine('n2', '{}', '{}', '{"allocatable":{"cpu":"1"}}');
SELECT given.wants('low', '{}', '{}', given.cpu('1'));
SELECT given.placed() \g /dev/null
SELECT api.node_drain('n1', '{}', 'ann') \g /dev/null
SELECT is(given.ticked(given.t('10s')), 'low=n2 patient=- vip=n1', 'one would have to preempt, one asked to wait for lost nodes');

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

-- Whatever keeps it there: data, that there is no other place, that the node is being emptied anyway. What is being deleted is
-- none of those that a minute allows.
SELECT given.nothing(), given.machine('n1'), given.project('data', '{"volumes":[{"name":"v","type":"Local"}]}');
SELECT given.placed() \g /dev/null
SELECT given.machine('n2'), given.machine('n1', '{}', '{"taints":[{"key":"broken","effect":"NoExecute"}]}');
SELECT is(given.ticked(given.t('12s')), 'data=-', 'its data does not hold it');
SELECT given.cleared(given.t('12s')) \g /dev/null
SELECT is(given.ticked(given.t('12s')) || ' ' || given.message_of('data'), 'data=- 1 node: its data is on n1; 1: taint broken:NoExecute', 'it waits for a node with both');
SELECT given.nothing(), given.machine('n1');
SELECT given.wants('a'), given.wants('b', '{"tolerations":[{"operator":"Exists"}]}');
SELECT given.placed() \g /dev/null
SELECT given.machine('n1', '{}', '{"taints":[{"key":"broken","effect":"NoExecute"}]}'), api.node_drain('n1', '{}', 'ann');
SELECT is(given.ticked(given.t('13s')), 'a=- b=n1', 'drained and tainted: who tolerates it stays until there is a place');
SELECT given.nothing(), given.machine('n1'), given.machine('n2', '{}', '{"unschedulable":true}');
SELECT given.wants('a'), given.wants('b'), given.wants('c');
SELECT given.placed() \g /dev/null
SELECT api.project_delete('a'), given.machine('n1', '{}', '{"taints":[{"key":"broken","effect":"NoExecute"}]}');
UPDATE cara.setting SET value = '1' WHERE name = 'evictions_per_minute';
SELECT is(given.ticked(given.t('30m')), 'a=n1 b=- c=n1', 'one in a minute, and not the one that is being deleted');
UPDATE cara.setting SET value = '1000' WHERE name = 'evictions_per_minute';

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

-- Only what moves is taken off its node.
SELECT given.nothing(), given.machine('n1');
SELECT given.wants('p' || i, '{}', '{}', given.cpu('1')) FROM generate_series(1, 4) i;
SELECT given.placed() \g /dev/null
SELECT given.machine('n2', '{}', '{}', '{"allocatable":{"cpu":"1"}}');
SELECT is(cara.rebalance_pick(10), '{p4,p3}', 'two are too many there');
SELECT is(given.rebalanced('{"dryRun":["true"]}'), 'p3 n1>n2', 'one has room elsewhere');
SELECT is(given.rebalanced(), 'p3 n1>n2', 'which is the one that moves');
SELECT is((SELECT string_agg(s.project || '=' || s.phase, ' ' ORDER BY s.project) FROM cara.project_status s), 'p1=Scheduled p2=Scheduled p3=Pending p4=Scheduled', 'the others have not moved at all');
SELECT given.cleared(given.t('3h')) \g /dev/null
SELECT is(given.ticked(given.t('3h')), 'p1=n1 p2=n1 p3=n2 p4=n1', 'and it arrives');

-- Rebalance against affinity, data, priority and spreadBy.
SELECT given.nothing(), given.machine('n1');
SELECT given.wants('base', '{}', '{"app":"base"}'), given.project('data', '{"volumes":[{"name":"v","type":"Local"}]}');
SELECT given.placed(given.t('3h')) \g /dev/null
SELECT given.wants('f' || i, '{"affinity":[{"matchLabels":{"app":"base"}}]}') FROM generate_series(1, 3) i;
SELECT given.placed(given.t('3h')) \g /dev/null
SELECT given.machine('n2');
SELECT is(given.rebalanced(), NULL, 'who has to be near another, or near its data, does not move');
SELECT is((SELECT count(*) FROM cara.assignment WHERE released_at IS NOT NULL), 0::bigint, 'and is not taken off to find that out');
SELECT given.nothing(), given.machine('n2', '{}', '{}', '{"allocatable":{"cpu":"1"}}'), given.wants('low', '{}', '{}', given.cpu('1'));
SELECT given.placed(given.t('3h')) \g /dev/null
SELECT given.machine('n1'), given.machine('n2', '{}', '{"unschedulable":true}', '{"allocatable":{"cpu":"1"}}');
SELECT given.wants('vip' || i, '{"priority":5}', '{}', given.cpu('1')) FROM generate_series(1, 5) i;
SELECT given.placed(given.t('3h')) \g /dev/null
SELECT given.machine('n2', '{}', '{}', '{"allocatable":{"cpu":"1"}}');
SELECT is(given.rebalanced() || given.node_of('low'), NULL, 'nobody is preempted to make things even');
SELECT given.nothing(), given.machine('n1', '{"zone":"a"}');
SELECT given.wants('p' || i, '{"spreadBy":"zone"}') FROM generate_series(1, 6) i;
SELECT given.placed(given.t('3h')) \g /dev/null
SELECT given.machine('n2', '{"zone":"a"}'), given.machine('n3', '{"zone":"b"}');
SELECT is(given.rebalanced(), 'p3 n1>n3; p4 n1>n3; p5 n1>n2; p6 n1>n3', 'zones first, then the nodes in them');


SELECT * FROM finish();
ROLLBACK;
