-- The decision: every pending project goes to the least loaded node that may take it, oldest first, the same way
-- each time.
BEGIN;
\ir given.psql
SELECT plan(41);

CREATE FUNCTION given.loads() RETURNS text LANGUAGE sql
    AS $$ SELECT string_agg(n.name || '=' || (SELECT count(*) FROM cara.assignment a WHERE a.node = n.name AND a.released_at IS NULL), ' ' ORDER BY n.name) FROM cara.node n $$;
-- Projects p1, p2, ... that began to wait a second after one another.
CREATE FUNCTION given.waiting(p_names text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM given.project(n) FROM unnest(p_names) n;
    UPDATE cara.project_status s SET phase_since = given.t('-1h') + w.n * interval '1s' FROM unnest(p_names) WITH ORDINALITY w(name, n) WHERE s.project = w.name;
END
$$;

-- Nobody to run it.
SELECT is(api.schedule(given.t()), 0, 'nothing waits, nothing is placed');
SELECT given.waiting('{web}');
SELECT is(api.schedule(given.t()), 0, 'without nodes nothing is placed');
SELECT results_eq('SELECT phase, reason, message FROM cara.project_status', $$ VALUES ('Pending', 'NoNodeAvailable', 'no nodes are registered: start cara-agent on a machine') $$, 'and the project is told why');
SELECT given.node('ready'), given.node('draining'), given.node('lost'), given.node('cordoned'), given.node('lost-cordoned');
SELECT api.node_heartbeat('draining', '{"state":"Draining"}', given.t()), api.node_heartbeat('lost', '{"state":"NotReady"}', given.t()), api.node_heartbeat('lost-cordoned', '{"state":"NotReady"}', given.t());
SELECT api.node_update('cordoned', '{"spec":{"unschedulable":true}}'), api.node_update('lost-cordoned', '{"spec":{"unschedulable":true}}'), api.node_update('ready', '{"spec":{"unschedulable":true}}');
SELECT is(api.schedule(given.t('1s')), 0, 'nodes that are lost, draining or unschedulable take nothing');
SELECT is((SELECT message FROM cara.project_status), '2 nodes: NotReady; 2: cordoned; 1: Draining', 'the project is told how many each rule excludes');
SELECT is((SELECT phase_since FROM cara.project_status), given.t('-1h') + interval '1s', 'and waits since when it did');
SELECT count(*) AS changes FROM cara.change \gset
SELECT is(api.schedule(given.t('2s')), 0, 'as long as nothing changes');
SELECT is((SELECT count(*) FROM cara.change), :changes::bigint, 'nothing is written');
SELECT is((SELECT count(*) FROM cara.event WHERE reason = 'NoNodeAvailable'), 2::bigint, 'and each reason was told once');

-- Somebody.
SELECT api.node_update('ready', '{}');
SELECT is(api.schedule(given.t('3s')), 1, 'the first node that can take it');
SELECT is(given.node_of('web'), 'ready', 'gets it');
SELECT results_eq('SELECT phase, reason, message, phase_since FROM cara.project_status', $$ VALUES ('Scheduled', '', '', given.t('3s')) $$, 'it is Scheduled, without a condition');
SELECT results_eq('SELECT why, runner_up, excluded, decided_at FROM cara.assignment', $$ VALUES ('Spread', NULL COLLATE "C", '{"Draining":1,"NotReady":2,"Unschedulable":1}'::jsonb, given.t('3s')) $$, 'the decision is kept with its reasons');
SELECT is((SELECT actor || ': ' || message FROM cara.event ORDER BY id DESC LIMIT 1), 'system:scheduler: Assigned to node ready', 'and is an event');
SELECT is(api.schedule(given.t('4s')), 0, 'once');

-- Spreading: within one of even, by name among equals, oldest first.
DELETE FROM cara.project;
DELETE FROM cara.node;
SELECT given.node(n) FROM unnest('{c,a,b}'::text[]) n;
SELECT given.waiting('{p3,p1,p4,p2}');
SELECT is(api.schedule(given.t()), 4, 'four projects on three nodes');
SELECT is(given.loads(), 'a=2 b=1 c=1', 'are spread evenly');
SELECT is((SELECT string_agg(project || '=' || node, ' ' ORDER BY epoch) FROM cara.assignment), 'p3=a p1=b p4=c p2=a', 'the oldest first, nodes by name');
SELECT is((SELECT string_agg(coalesce(runner_up, '-'), ' ' ORDER BY epoch) FROM cara.assignment), 'b c a b', 'each with the node that came second');
SELECT given.waiting('{q1,q2,q3}');
SELECT api.schedule(given.t());
SELECT is(given.loads(), 'a=3 b=2 c=2', 'the next ones fill up the least loaded');
SELECT given.node('d'), given.waiting('{r1,r2,r3}');
SELECT api.schedule(given.t());
SELECT is(given.loads(), 'a=3 b=3 c=2 d=2', 'a new node gets what it lacks before anyone else gets more');
SELECT is((SELECT string_agg(node || '>' || runner_up, ' ' ORDER BY epoch) FROM cara.assignment WHERE project LIKE 'r%'), 'd>b d>b b>c', 'and who came second was far behind');

-- The same tables give the same decisions.
DELETE FROM cara.project;
SELECT given.waiting(ARRAY(SELECT 'x' || i FROM generate_series(1, 50) i));
SELECT api.schedule(given.t());
CREATE TABLE given.first AS SELECT project, node, runner_up FROM cara.assignment;
DELETE FROM cara.project;
SELECT given.waiting(ARRAY(SELECT 'x' || i FROM generate_series(1, 50) i));
SELECT api.schedule(given.t());
SELECT set_eq('SELECT project, node, runner_up FROM cara.assignment', 'SELECT * FROM given.first', 'the same tables give the same decisions');
SELECT is(given.loads(), 'a=13 b=13 c=12 d=12', 'fifty projects on four nodes are within one of even');

-- Against a slow and obvious reference: one project after the other to the least loaded node.
CREATE FUNCTION given.reference(p_loads int[], p_count int) RETURNS TABLE (turn bigint, node text, runner_up text) LANGUAGE plpgsql AS $$
DECLARE
    v_load int[] := p_loads;
    v_best int;
    v_next int;
BEGIN
    FOR i IN 1 .. p_count LOOP
        SELECT n INTO v_best FROM unnest(v_load) WITH ORDINALITY l(load, n) ORDER BY load, n LIMIT 1;
        SELECT n INTO v_next FROM unnest(v_load) WITH ORDINALITY l(load, n) WHERE n <> v_best ORDER BY load, n LIMIT 1;
        turn := i; node := 'n' || chr(96 + v_best); runner_up := 'n' || chr(96 + v_next);
        v_load[v_best] := v_load[v_best] + 1;
        RETURN NEXT;
    END LOOP;
END
$$;
CREATE FUNCTION given.loaded(p_loads int[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM cara.project;
    DELETE FROM cara.node;
    INSERT INTO cara.node (name) SELECT 'n' || chr(96 + n::int) FROM generate_subscripts(p_loads, 1) n;
    INSERT INTO cara.node_status (node, state) SELECT name, 'Ready' FROM cara.node;
    UPDATE cara.node_room r SET projects = l.load FROM unnest(p_loads) WITH ORDINALITY l(load, n) WHERE r.node = 'n' || chr(96 + l.n::int);
END
$$;
CREATE FUNCTION given.spread_differs(p_loads int[], p_count int) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM given.loaded(p_loads);
    RETURN (SELECT count(*) FROM given.reference(p_loads, p_count) r FULL JOIN
             (SELECT u.* FROM cara.slots(cara.demand_of('p', '{}'), '{}', NULL, p_count) s, unnest(s.nodes, s.runner_ups) WITH ORDINALITY u(node, runner_up, turn)) s USING (turn)
             WHERE (r.node, r.runner_up) IS DISTINCT FROM (s.node, s.runner_up));
END
$$;
SELECT is(given.spread_differs(loads, count), 0::bigint, format('%s projects on nodes with %s', count, loads))
  FROM (VALUES ('{0}'::int[], 3), ('{5}', 2), ('{0,0}', 1), ('{0,0,0}', 7), ('{0,5}', 1), ('{0,5}', 4), ('{0,5}', 6), ('{5,0}', 6), ('{3,1,2}', 1), ('{3,1,2}', 3), ('{3,1,2}', 10), ('{9,9,0,9}', 9), ('{9,9,0,9}', 10), ('{2,0,2,0}', 5)) v(loads, count);
SELECT setseed(0.42);
SELECT is((SELECT sum(given.spread_differs(loads, count)) FROM (
    SELECT i, ARRAY(SELECT (random() * 6 + 0 * i)::int FROM generate_series(1, 1 + (random() * 7 + 0 * i)::int)) AS loads, 1 + (random() * 30 + 0 * i)::int AS count FROM generate_series(1, 300) i) v),
    0::numeric, 'three hundred random clusters');
SELECT is((SELECT nodes FROM cara.slots(cara.demand_of('p', '{}'), '{}', NULL, 0)), '{}', 'no projects, no slots');
SELECT given.loaded('{}');
SELECT is((SELECT nodes FROM cara.slots(cara.demand_of('p', '{}'), '{}', NULL, 5)), '{}', 'no nodes, no slots');

SELECT * FROM finish();
ROLLBACK;
