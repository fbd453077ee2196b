-- What is taken of each node is what its projects take, whoever comes, goes or changes; and who changes moves when its node no longer suits it.
BEGIN;
\ir given.psql
\ir given_placement.psql
SELECT plan(38);

CREATE FUNCTION given.room(p_node text) RETURNS text LANGUAGE sql
    AS $$ SELECT concat_ws(' ', cpu_taken || 'm', cara.show_memory(memory_taken), projects) FROM cara.node_room WHERE node = p_node $$;
CREATE FUNCTION given.recounted() RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM cara.node_room r
      LEFT JOIN (SELECT a.node, sum(d.cpu) AS cpu, sum(d.memory) AS memory, count(*) FROM cara.assignment a JOIN cara.demand d USING (project)
                  WHERE a.released_at IS NULL GROUP BY a.node) c ON c.node = r.node
     WHERE (r.cpu_taken, r.memory_taken, r.projects) <> (coalesce(c.cpu, 0), coalesce(c.memory, 0), coalesce(c.count, 0)) $$;
CREATE FUNCTION given.cleared() RETURNS bigint LANGUAGE sql AS $$
    SELECT count(given.report(a.node, jsonb_build_object('project', a.project, 'epoch', a.epoch, 'phase', 'Terminated')))
      FROM cara.assignment a JOIN cara.node n ON n.name = a.node WHERE a.released_at IS NOT NULL AND a.gone_at IS NULL $$;

SELECT given.machine('n1', '{}', '{}', '{"allocatable":{"cpu":"2","memory":"1Gi"}}');
SELECT is(given.room('n1'), '0m 0 0', 'a new node is empty');
SELECT given.wants('a', '{}', '{}', given.cpu('500m', '256Mi')), given.wants('b', '{}', '{}', '{"resources":{"limits":{"cpu":"1"}}}'), given.wants('c');
SELECT is(given.placed(), 'a=n1 b=n1 c=n1', 'three came');
SELECT is(given.room('n1'), '1500m 256Mi 3', 'and take what they asked for');
SELECT given.wants('a', '{}', '{}', given.cpu('700m', '128Mi'));
SELECT given.placed() \g /dev/null
SELECT is(given.room('n1'), '1700m 128Mi 3', 'who asks for something else takes that from the next decision on');
SELECT api.project_delete('b');
SELECT is(given.room('n1'), '1700m 128Mi 3', 'who is being deleted is still there');
SELECT given.report('n1', jsonb_build_object('project', 'b', 'epoch', given.epoch_of('b'), 'phase', 'Terminated'));
SELECT is(given.room('n1'), '700m 128Mi 2', 'until its node says that nothing is left');
SELECT api.project_delete('a', '{"force":["true"]}');
SELECT is(given.room('n1'), '0m 0 1', 'by force at once');
SELECT given.wants('d', '{}', '{}', given.cpu('1')), given.machine('n2', '{}', '{}', '{"allocatable":{"cpu":"2","memory":"1Gi"}}');
SELECT is(given.placed(), 'b=- c=n1 d=n2', 'one goes to the other node');
DELETE FROM cara.node WHERE name = 'n1';
SELECT is(given.phase_of('c'), 'Pending', 'a node that is gone takes its projects with it');
SELECT given.machine('n1', '{}', '{}', '{"allocatable":{"cpu":"2","memory":"1Gi"}}');
SELECT is(given.room('n1'), '0m 0 0', 'under the same name it comes back empty');
SELECT is(given.placed(), 'b=- c=n1 d=n2', 'and gets it back');
SELECT given.machine('n1', '{}', '{"reserved":{"cpu":"200m"}}', '{}');
SELECT is((SELECT cpu FROM cara.node_room WHERE node = 'n1'), 1800::bigint, 'what its owner keeps back is not offered');
SELECT given.machine('n1', '{}', '{"reserved":{"cpu":"200m"}}', '{"allocatable":{"cpu":"4"}}');
SELECT results_eq($$ SELECT cpu, memory FROM cara.node_room WHERE node = 'n1' $$, 'VALUES (3800::bigint, NULL::bigint)', 'what it has follows its agent');
SELECT is(given.recounted(), 0::bigint, 'a recount gives the same');

-- Who changes stays where that suits it.
SELECT given.nothing();
SELECT given.machine(n, jsonb_build_object('name', n), '{}', '{"allocatable":{"cpu":"2"}}') FROM unnest('{n1,n2}'::text[]) n;
SELECT given.wants('a', '{}', '{}', given.cpu('1')), given.wants('b', '{}', '{}', given.cpu('1')), given.wants('c', '{}', '{}', given.cpu('1'));
SELECT is(given.placed(), 'a=n1 b=n2 c=n1', 'a and c share a node');
SELECT given.wants('b', '{}', '{}', given.cpu('2'));
SELECT is(given.placed(given.t('1s')), 'a=n1 b=n2 c=n1', 'b has room to grow');
SELECT given.wants('b', '{"priority":3}', '{}', given.cpu('2') || '{"image":"nginx:2"}');
SELECT is(given.placed(given.t('2s')), 'a=n1 b=n2 c=n1', 'and may become important');
SELECT given.wants('b', '{}', '{}', given.cpu('1'));
SELECT given.wants('c', '{}', '{}', given.cpu('1500m')), given.wants('a', '{}', '{}', given.cpu('1500m'));
SELECT is(given.room('n1'), '2000m 0 2', 'two that grow at once, too much together, take what they took until the next decision');
SELECT is(given.placed(given.t('3s')), 'a=n1 b=n2 c=-', 'the newer one has to go, one is enough');
SELECT is((SELECT released_because FROM cara.assignment WHERE project = 'c'), 'Changed', 'which is on record');
SELECT is(given.message_of('c'), 'its node does not suit what it asks for now (CPU)', 'and told');
SELECT given.cleared() \g /dev/null
SELECT given.wants('b', '{}', '{}', given.cpu('500m'));
SELECT is(given.placed(given.t('4s')), 'a=n1 b=n2 c=n2', 'it goes where there is room once its node has cleared up');
SELECT given.wants('b', '{"nodeSelector":{"name":"n1"}}', '{}', given.cpu('500m'));
SELECT given.placed(given.t('5s')) \g /dev/null
SELECT given.cleared() \g /dev/null
SELECT is(given.placed(given.t('6s')), 'a=n1 b=n1 c=n2', 'a selector that the node does not meet moves it');
SELECT given.machine('n1', '{"name":"other"}');
SELECT is(given.placed(given.t('7s')), 'a=n1 b=n1 c=n2', 'but not that its node was given other labels');
SELECT given.wants('b', '{"nodeSelector":{"name":"n1"}}', '{}', given.cpu('500m') || given.port(80)), given.wants('a', '{}', '{}', given.cpu('1500m') || given.port(80));
SELECT given.placed(given.t('8s')) \g /dev/null
SELECT is((SELECT count(*) FROM cara.assignment a JOIN cara.demand d USING (project) WHERE a.released_at IS NULL AND a.node = 'n1' AND d.host_ports <> '{}'), 1::bigint, 'of two that take the same port one has to go');
SELECT is((SELECT count(*) FROM cara.demand WHERE changed), 0::bigint, 'everybody has been looked at');
SELECT is(given.recounted(), 0::bigint, 'and a recount gives the same');

-- Where nobody new may come, those who are there are still held to what there is.
SELECT given.nothing(), given.machine('n1', '{}', '{}', '{"allocatable":{"cpu":"2"}}');
SELECT given.wants('a', '{}', '{}', given.cpu('500m')), given.wants('b', '{}', '{}', given.cpu('500m'));
SELECT given.placed(given.t('10s')) \g /dev/null
SELECT given.machine('n1', '{}', '{"unschedulable":true}');
SELECT given.wants('a', '{}', '{}', given.cpu('1'));
SELECT is(given.placed(given.t('11s')), 'a=n1 b=n1', 'on a cordoned node a project may grow where there is room');
SELECT given.machine('n1', '{}', '{"taints":[{"key":"k","effect":"NoSchedule"}]}');
SELECT given.wants('a', '{}', '{}', given.cpu('900m'));
SELECT is(given.placed(given.t('11500ms')), 'a=n1 b=n1', 'nor has it to go from a node that would not take it anew');
SELECT given.wants('b', '{}', '{}', given.cpu('300000000'));
SELECT is(given.placed(given.t('12s')), 'a=n1 b=-', 'not beyond that, however much it asks for');
SELECT is((SELECT count(*) FROM cara.demand WHERE changed), 0::bigint, 'and is not asked again and again');

-- What nobody can count does not stop decisions.
SELECT given.nothing(), given.machine('n1');
SELECT given.wants(n, '{}', '{}', given.cpu('8999999999999', '8999999999999999')) FROM unnest('{a,b,c}'::text[]) n;
SELECT is(given.placed(given.t('20s')), 'a=n1 b=n1 c=n1', 'a node that does not say what it has takes whatever is asked for');
UPDATE cara.node_room SET cpu_taken = 9000000000000000000;
SELECT given.wants('d', '{}', '{}', given.cpu('8999999999999'));
SELECT is(given.placed(given.t('21s')), 'a=n1 b=n1 c=n1 d=-', 'up to what can be counted');
SELECT is(given.message_of('d'), '1 node: cpu, short by 100000000000', 'and says so');

-- A project that is taken off its node by hand waits for the scheduler like any other.
SELECT given.nothing(), given.machine('n1'), given.machine('n2'), given.wants('a'), given.wants('b');
SELECT given.placed(given.t('30s')) \g /dev/null
UPDATE cara.project_status SET phase = 'Pending' WHERE project = 'a';
SELECT is((SELECT released_because FROM cara.assignment WHERE project = 'a'), 'Requeued', 'the phase Pending gives a project back, whoever writes it');
SELECT given.cleared() \g /dev/null
SELECT is(given.placed(given.t('31s')), 'a=n1 b=n2', 'and it is placed again');
UPDATE cara.project_status SET phase = 'Pending', phase_since = given.t('32s') WHERE project = 'a';
UPDATE cara.node_status SET state = 'NotReady', ready = false, not_ready_since = given.t('33s') WHERE node = 'n1';
SELECT is(given.placed(given.t('3min')), 'a=- b=n2', 'a node that stopped answering may still run it: for its grace it is waited for');
SELECT is(given.placed(given.t('214s')), 'a=n2 b=n2', 'then no longer');

SELECT * FROM finish();
ROLLBACK;
