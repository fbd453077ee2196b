-- Priorities: who comes first, and who has to make room when nothing else fits.
BEGIN;
\ir given.psql
\ir given_placement.psql
SELECT plan(48);

CREATE FUNCTION given.small(p_name text, p_cpu text, p_priority int DEFAULT 0, p_more jsonb DEFAULT '{}') RETURNS void LANGUAGE sql
    AS $$ SELECT given.wants(p_name, jsonb_build_object('priority', p_priority) || p_more, '{}', given.cpu(p_cpu)) $$;
-- The nodes' agents clear away what is no longer theirs.
CREATE FUNCTION given.cleared() RETURNS bigint LANGUAGE sql AS $$
    SELECT count(given.report(a.node, jsonb_build_object('project', a.project, 'epoch', a.epoch, 'phase', 'Terminated')))
      FROM cara.assignment a WHERE a.released_at IS NOT NULL AND a.gone_at IS NULL $$;

-- First come the important ones, then those who wait longest.
SELECT given.machine('n1', '{}', '{}', '{"allocatable":{"cpu":"2"}}');
SELECT given.small('a', '1'), given.small('b', '1', 5), given.small('c', '1', -5), given.small('d', '1', 5);
SELECT is(given.placed(), 'a=- b=n1 c=- d=n1', 'higher priorities are placed first, whoever came first');
SELECT is((SELECT count(*) FROM cara.event WHERE reason = 'Preempted'), 0::bigint, 'and nobody is taken off for the like of them');

-- Only for higher ones, only when nothing else fits, only what is in the way.
SELECT given.nothing();
SELECT given.machine(n, '{}', '{}', '{"allocatable":{"cpu":"2"}}') FROM unnest('{n1,n2}'::text[]) n;
SELECT given.small('low', '500m', -5), given.small('a', '1'), given.small('b', '1');
SELECT is(given.placed(), 'a=n1 b=n2 low=n1', 'three on two nodes');
SELECT given.small('vip', '1', 10);
SELECT is(given.placed(), 'a=n1 b=n2 low=n1 vip=n2', 'where something fits nobody has to go');
SELECT given.small('vip2', '1', 10);
SELECT is(given.placed(), 'a=n1 b=n2 low=- vip=n2 vip2=n1', 'the lowest priority makes room');
SELECT results_eq($$ SELECT released_because FROM cara.assignment WHERE project = 'low' $$, $$ VALUES ('Preempted') $$, 'which is why it left');
SELECT is((SELECT message FROM cara.event WHERE name = 'low' AND reason = 'Preempted'), 'Taken off node n1: made room for vip2 of priority 10', 'and who for is told');
SELECT results_eq($$ SELECT phase, reason FROM cara.project_status WHERE project = 'low' $$, $$ VALUES ('Pending', 'Preempted') $$, 'it waits');
SELECT is((SELECT json_array_length(api.node_assignments('n1')->'items')), 3, 'its node has it cleared away');
SELECT is((SELECT i->>'desired' FROM json_array_elements(api.node_assignments('n1')->'items') i WHERE i->>'project' = 'low'), 'Removed', 'before anything of it runs elsewhere');
SELECT is(given.cleared(), 1::bigint, 'the agent says so');
SELECT is(given.placed(), 'a=n1 b=n2 low=- vip=n2 vip2=n1', 'there is no room left');
SELECT is(given.message_of('low'), '2 nodes: cpu, short by 500m', 'and it says so');
SELECT given.machine('n3');
SELECT is(given.placed(), 'a=n1 b=n2 low=n3 vip=n2 vip2=n1', 'until there is');

-- The same priority never, and preemption: Never never.
SELECT given.machine('n3', '{}', '{"unschedulable":true}');
SELECT given.small('polite', '1', 10, '{"preemption":"Never"}');
SELECT is(given.placed(), 'a=n1 b=n2 low=n3 polite=- vip=n2 vip2=n1', 'preemption: Never waits');
SELECT given.small('polite', '1', 0, '{"preemption":"Lower"}');
SELECT is(given.placed(), 'a=n1 b=n2 low=n3 polite=- vip=n2 vip2=n1', 'equals wait');
SELECT given.small('polite', '2', 10);
SELECT is(given.placed(), 'a=n1 b=n2 low=n3 polite=- vip=n2 vip2=n1', 'who would not fit although all lower ones went takes nobody off');
SELECT is((SELECT count(*) FROM cara.assignment WHERE released_because = 'Preempted'), 1::bigint, 'nobody');

-- The least: where the highest of those who go is lowest, then the fewest, and nobody who is not needed.
SELECT given.nothing();
SELECT given.machine(n, jsonb_build_object('name', n), '{}', '{"allocatable":{"cpu":"3"}}') FROM unnest('{n1,n2,n3}'::text[]) n;
SELECT given.small(p, cpu, priority, jsonb_build_object('nodeSelector', jsonb_build_object('name', node)))
  FROM (VALUES ('a1', '1', 1, 'n1'), ('a2', '2', 3, 'n1'), ('b1', '1', 2, 'n2'), ('b2', '1', 2, 'n2'), ('b3', '1', 5, 'n2'), ('c1', '2', 2, 'n3'), ('c2', '1', 2, 'n3')) v(p, cpu, priority, node);
SELECT is(given.placed(), 'a1=n1 a2=n1 b1=n2 b2=n2 b3=n2 c1=n3 c2=n3', 'all is full');
SELECT given.small('vip', '2', 10);
SELECT is(given.placed(), 'a1=n1 a2=n1 b1=n2 b2=n2 b3=n2 c1=- c2=n3 vip=n3', 'one of priority 2 rather than two, or one of 3');
SELECT given.small('vip', '2', 10, '{"nodeSelector":{"name":"n1"}}');
SELECT is(given.placed(), 'a1=n1 a2=n1 b1=n2 b2=n2 b3=n2 c1=- c2=n3 vip=-', 'a changed selector takes it off its node, which has to clear it away first');
SELECT given.cleared();
SELECT is(given.placed(), 'a1=n1 a2=- b1=n2 b2=n2 b3=n2 c1=n3 c2=n3 vip=n1', 'the small one of lower priority is not enough, and so is left alone');

-- Host ports, and rules that preemption does not bend.
SELECT given.nothing(), given.machine('n1', '{}', '{}', '{"allocatable":{"cpu":"2"}}');
SELECT given.wants('low', '{"priority":-1}', '{}', given.port(80)), given.small('other', '2', -1);
SELECT is(given.placed(), 'low=n1 other=n1', 'a port and all the cpu');
SELECT given.wants('high', '{}', '{}', given.port(80));
SELECT is(given.placed(), 'high=n1 low=- other=n1', 'a port is made free, and nobody else goes');
SELECT given.wants('higher', '{"priority":1,"tolerations":[]}', '{}', given.port(80) || given.cpu('1'));
SELECT is(given.placed(), 'high=- higher=n1 low=- other=-', 'a port and cpu');
SELECT given.nothing(), given.machine('n1', '{}', '{}', '{"allocatable":{"cpu":"1"}}');
SELECT given.wants('partner', '{"priority":-1}', '{"app":"partner"}', given.cpu('1'));
SELECT is(given.placed(), 'partner=n1', 'someone to be near');
SELECT given.wants('near', '{"affinity":[{"matchLabels":{"app":"partner"}}]}', '{}', given.cpu('1'));
SELECT is(given.placed(), 'near=- partner=n1', 'nobody takes off whom it wants to be near');
SELECT is((SELECT count(*) FROM cara.assignment WHERE released_at IS NOT NULL), 0::bigint, 'not even for a moment');
SELECT given.wants('apart', '{"priority":5,"antiAffinity":[{"matchLabels":{"app":"partner"}}]}', '{}', given.cpu('1'));
SELECT is(given.placed(), 'apart=- near=- partner=n1', 'nor whom it wants to be apart from');

-- Many at once: each node makes room for as many as it can.
SELECT given.nothing();
SELECT given.machine(n, '{}', '{}', '{"allocatable":{"cpu":"2"}}') FROM unnest('{n1,n2,n3}'::text[]) n;
SELECT given.small('s' || i, '500m', -1) FROM generate_series(1, 12) i;
SELECT given.placed();
SELECT given.small('v' || i, '1', 1) FROM generate_series(1, 4) i;
SELECT is(api.schedule(given.t()), 4, 'four who want as much as two of twelve each');
SELECT is((SELECT count(*) FROM cara.assignment WHERE released_because = 'Preempted'), 8::bigint, 'take eight off');
SELECT is((SELECT string_agg(given.node_of('v' || i), ' ' ORDER BY i) FROM generate_series(1, 4) i), 'n1 n2 n3 n1', 'on the nodes that they share');

-- Data: whoever keeps some makes room where that is and nowhere else; whoever is taken off its data waits for it.
CREATE FUNCTION given.keeps(p_name text, p_cpu text, p_priority int, p_more jsonb DEFAULT '{}') RETURNS void LANGUAGE sql AS $$
    SELECT given.project(p_name, jsonb_build_object('services', jsonb_build_array('{"name":"web","image":"x"}' || given.cpu(p_cpu)), 'volumes', '[{"name":"v","type":"Local"}]'::jsonb,
        'placement', jsonb_build_object('priority', p_priority)) || p_more) $$;
SELECT given.nothing();
SELECT given.machine(n, jsonb_build_object('name', n), '{}', '{"allocatable":{"cpu":"1"}}') FROM unnest('{n1,n2}'::text[]) n;
SELECT given.keeps('db', '1', 10), given.small('cheap', '1', -5, '{"nodeSelector":{"name":"n2"}}');
SELECT is(given.placed(), 'cheap=n2 db=n1', 'given data on n1');
SELECT cara.release('{db}', 'Rebalanced', 'Rebalanced', 'moved', 'ann', given.t()), given.small('dear', '1', 9) \g /dev/null
SELECT is(given.placed(), 'cheap=n2 db=- dear=n1', 'where somebody comes while it waits');
SELECT given.cleared() \g /dev/null
SELECT is(given.placed(), 'cheap=n2 db=n1 dear=-', 'room is made where the data is, though somebody cheaper is elsewhere');

SELECT given.nothing();
SELECT given.machine(n, jsonb_build_object('name', n), '{}', '{"allocatable":{"cpu":"1"}}') FROM unnest('{n1,n2}'::text[]) n;
SELECT given.keeps('data', '1', -5), given.keeps('patient', '1', -4, '{"volumes":[],"onNodeLost":"Wait"}');
SELECT is(given.placed(), 'data=n2 patient=n1', 'given one with data and one that would wait for its node');
SELECT given.small('vip', '1');
SELECT is(given.placed(), 'data=- patient=n1 vip=n2', 'data does not protect whoever has the lower priority');
SELECT given.cleared() \g /dev/null
SELECT given.machine('n3', '{}', '{}', '{"allocatable":{"cpu":"1"}}');
SELECT is(given.placed(), 'data=- patient=n1 vip=n2', 'it waits for its data, wherever else is room');
SELECT is(given.message_of('data'), '2 nodes: its data is on n2; 1: cpu, short by 1', 'and says so');
SELECT given.machine('n3', '{}', '{"unschedulable":true}'), given.small('vip2', '1');
SELECT is(given.placed(), 'data=- patient=- vip=n2 vip2=n1', 'nor does onNodeLost: Wait, which is about lost nodes');
SELECT given.cleared() \g /dev/null
SELECT api.node_uncordon('n3', 'ann') \g /dev/null
SELECT is(given.placed(), 'data=- patient=n3 vip=n2 vip2=n1', 'it goes elsewhere like any other');
DELETE FROM cara.project WHERE name = 'vip';
SELECT is(given.placed(), 'data=n2 patient=n3 vip2=n1', 'and the other one back to its data');

-- Taints: nobody is taken off a node for one that may not go there.
SELECT given.nothing();
SELECT given.machine(n, '{}', t::jsonb, '{"allocatable":{"cpu":"1"}}') FROM (VALUES ('n1', '{"taints":[{"key":"gpu","effect":"NoSchedule"}]}'), ('n2', '{"taints":[{"key":"old","effect":"PreferNoSchedule"}]}'), ('n3', '{}')) v(n, t);
SELECT given.small('a', '1', -9, '{"tolerations":[{"key":"gpu"}]}'), given.small('b', '1', -8, '{"tolerations":[{"key":"old"}]}'), given.small('c', '1', -7);
SELECT is(given.placed(), 'a=n1 b=n2 c=n3', 'all is full');
SELECT given.small('vip', '1');
SELECT is(given.placed(), 'a=n1 b=- c=n3 vip=n2', 'not the lowest, whose node it does not tolerate; PreferNoSchedule does not protect');
SELECT given.small('vip2', '1', 0, '{"tolerations":[{"operator":"Exists"}]}');
SELECT is(given.placed(), 'a=- b=- c=n3 vip=n2 vip2=n1', 'who tolerates it may');

-- spreadBy: room is made where it costs least, not where it would be even.
SELECT given.nothing();
SELECT given.machine(n, jsonb_build_object('zone', z), '{}', '{"allocatable":{"cpu":"2"}}') FROM (VALUES ('a1', 'a'), ('b1', 'b')) v(n, z);
SELECT given.small('low', '1', -9, '{"nodeSelector":{"zone":"a"}}'), given.small('mid', '1', -5, '{"nodeSelector":{"zone":"a"}}'), given.small('high', '2', -1, '{"nodeSelector":{"zone":"b"}}');
SELECT is(given.placed(), 'high=b1 low=a1 mid=a1', 'two in one zone, one in the other');
SELECT given.small('vip', '1', 0, '{"spreadBy":"zone"}');
SELECT is(given.placed(), 'high=b1 low=- mid=a1 vip=a1', 'the lowest goes, in the fuller zone');
SELECT given.small('vip2', '1', 0, '{"spreadBy":"zone"}'), given.small('vip3', '1', 0, '{"spreadBy":"zone"}');
SELECT is(given.placed(), 'high=- low=- mid=- vip=a1 vip2=b1 vip3=a1', 'for two both others go, and the two are spread over what they left');

SELECT * FROM finish();
ROLLBACK;
