-- Priorities: who comes first, and who has to make room when nothing else fits.
BEGIN;
\ir given.psql
\ir given_placement.psql
SELECT plan(32);

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

SELECT * FROM finish();
ROLLBACK;
