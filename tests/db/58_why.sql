-- Why: the answer comes from the functions that decide, with the decision, those before it, and what each node says.
BEGIN;
\ir given.psql
\ir given_placement.psql
SELECT plan(57);

CREATE FUNCTION given.why(p_project text, p_path text, p_nodes boolean DEFAULT false) RETURNS text LANGUAGE sql
    AS $$ SELECT api.why(p_project, CASE WHEN p_nodes THEN '{"nodes":["true"]}' ELSE '{}' END::jsonb)::jsonb #>> p_path::text[] $$;

-- A waiting one at that time: why, what for, and how many nodes fit.
CREATE FUNCTION given.waits(p_project text, p_later interval) RETURNS text LANGUAGE sql
    AS $$ SELECT concat_ws(' | ', coalesce(w->>'message', ''), coalesce(w->>'waitsFor', '-'), w->>'fits') FROM (SELECT api.why(p_project, '{}', given.t(p_later))::jsonb) x(w) $$;
-- One more project with this placement, placed last; what standings() says is of before.
CREATE FUNCTION given.next(p_placement jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE v_first text;
BEGIN
    DELETE FROM cara.project WHERE name = 'next';
    PERFORM given.wants('next', p_placement);
    v_first := (SELECT s.node FROM cara.demand d, cara.standings(d, '{}', NULL, NULL) s WHERE d.project = 'next' AND s.turn = 1);
    PERFORM api.schedule(given.t());
    RETURN v_first || ' ' || given.node_of('next');
END $$;

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

-- What ranks before the score is told of the winner and of who came second: liking, and with spreadBy the domain and who is there.
SELECT given.nothing();
SELECT given.machine(n, jsonb_build_object('zone', z), CASE n WHEN 'n4' THEN '{"taints":[{"key":"old","effect":"PreferNoSchedule"}]}' ELSE '{}' END::jsonb) FROM (VALUES ('n1', 'a'), ('n2', 'a'), ('n3', 'b'), ('n4', 'b')) v(n, z);
SELECT given.wants('db', '{"nodeSelector":{"zone":"b"}}', '{"app":"db"}'), given.wants('plain', '{"nodeSelector":{"zone":"a"}}');
SELECT is(given.placed(), 'db=n3 plain=n1', 'given one in each zone');
SELECT is(given.why('plain', '{decision,standing}'), NULL, 'nothing ranked before the score');
SELECT given.wants('near', '{"affinity":[{"matchLabels":{"app":"db"},"weight":7}]}');
SELECT is(given.placed(), 'db=n3 near=n3 plain=n1', 'a preferred term wins over the emptier node');
SELECT is(given.why('near', '{decision}')::jsonb - '{epoch,at}'::text[], '{"node":"n3","strategy":"Spread","score":-2,"runnerUp":"n2","runnerUpScore":-1,"standing":[{"node":"n3","liking":7},{"node":"n2","liking":0}],"excluded":{}}', 'which explains the worse score');
SELECT is((SELECT string_agg(concat_ws(' ', n->>'node', n->>'liking', n->>'score', n->>'domain'), ', ') FROM jsonb_array_elements(given.why('near', '{nodes}', true)::jsonb) n), 'n3 7 -2, n2 0 -1, n1 0 -2, n4 -1000 -1', 'each node in the order of the choice');
SELECT given.wants('wide', '{"spreadBy":"zone","tolerations":[{"operator":"Exists"}]}'), given.wants('packed', '{"spreadBy":"zone","strategy":"BinPack"}');
SELECT is(given.placed(), 'db=n3 near=n3 packed=n3 plain=n1 wide=n2', 'the emptier zone');
SELECT is(given.why('wide', '{decision,standing}')::jsonb, '[{"node":"n2","liking":0,"domain":"a","domainProjects":1},{"node":"n1","liking":0,"domain":"a","domainProjects":1}]', 'the domain with the projects there now besides it');
SELECT is(given.why('packed', '{decision,standing}'), NULL, 'BinPack does not look at domains');
-- What is told first is what the scheduler takes, whatever the placement.
SELECT matches(given.next(p::jsonb), '^(\S+) \1$', 'first: ' || p)
  FROM (VALUES ('{}'), ('{"strategy":"BinPack"}'), ('{"strategy":"BinPack","spreadBy":"zone"}'), ('{"spreadBy":"zone"}'), ('{"spreadBy":"none"}'), ('{"spreadBy":"zone","tolerations":[{"operator":"Exists"}]}'), ('{"affinity":[{"matchLabels":{"app":"db"},"weight":7}],"spreadBy":"zone"}'),
               ('{"antiAffinity":[{"matchLabels":{"app":"db"},"topologyKey":"zone","weight":7}]}'), ('{"nodeSelector":{"zone":"b"}}')) v(p);

-- Whoever was taken off a live node waits until that has cleared away what it had: the node and the times are told, and who could
-- take it then.
SELECT given.nothing();
SELECT given.machine(n) FROM unnest('{n1,n2,n3}'::text[]) n;
SELECT given.wants('web');
SELECT is(given.placed(), 'web=n1', 'given one on n1');
SELECT given.running('web'), api.node_drain('n1', '{}', 'ann'), cara.evict_unwanted(given.t('1min'), NULL), given.placed(given.t('1min')) \g /dev/null
SELECT is(given.waits('web', '2min'), 'waits for node n1 to clear away what it has of it; 2 nodes fit; 1: Draining | {"node": "n1", "since": "2030-01-01T00:01:00Z", "until": "2030-01-01T00:11:00Z"} | 2', 'a drain: who is waited for');
SELECT is(given.waits('web', '11min'), 'waits for its turn; 2 nodes fit; 1: Draining | - | 2', 'not for ever');
SELECT api.node_heartbeat('n1', '{"state":"NotReady"}', given.t('2min')) \g /dev/null
SELECT is(given.waits('web', '2min'), 'waits for its turn; 2 nodes fit; 1: NotReady | - | 2', 'nor for a node that does not answer');
SELECT api.node_heartbeat('n1', '{"state":"Ready"}', given.t('2min')), api.node_cordon(n, 'ann') FROM unnest('{n2,n3}'::text[]) n \g /dev/null
SELECT is(given.waits('web', '2min'), 'waits for node n1 to clear away what it has of it; 2 nodes: cordoned; 1: Draining | {"node": "n1", "since": "2030-01-01T00:01:00Z", "until": "2030-01-01T00:11:00Z"} | 0', 'both that and that nobody could take it');
SELECT api.node_uncordon('n2', 'ann'), api.node_uncordon('n3', 'ann'), api.node_uncordon('n1', 'ann') \g /dev/null
SELECT given.report('n1', jsonb_build_object('project', 'web', 'epoch', (SELECT epoch FROM cara.assignment WHERE project = 'web'), 'phase', 'Terminated'), given.t('2min')) \g /dev/null
SELECT is(given.waits('web', '2min'), 'waits for its turn; 3 nodes fit | - | 3', 'it is cleared away');
SELECT given.placed(given.t('2min')) \g /dev/null
SELECT is(given.waits('web', '2min'), ' | - | 3', 'one that has a node waits for nothing');

-- waits_for() is the rule of placeable(): of all that can be left on nodes, who waits for nobody is placed and nobody else is.
SELECT given.nothing();
SELECT given.machine(n) FROM unnest('{ready,draining,lost,free}'::text[]) n;
SELECT api.node_drain('draining', '{}', 'ann'), api.node_heartbeat('lost', '{"state":"NotReady"}', given.t()) \g /dev/null
CREATE TABLE given.left_behind AS
SELECT 'p' || row_number() OVER () AS project, node, because, age, gone
  FROM unnest('{ready,draining,lost}'::text[]) node, unnest('{Drained,Preempted,Changed,Tainted,Rebalanced,NodeLost,Forced}'::text[]) because,
       unnest('{0s,9min 59.999s,10min,1h}'::interval[]) age, unnest('{f,t}'::boolean[]) gone;
SELECT count(given.project(project)) FROM given.left_behind \g /dev/null
SELECT given.project(p) FROM unnest('{new,twice,half,forced}'::text[]) p;
INSERT INTO cara.assignment (project, why, node, decided_at, released_at, released_because, gone_at)
SELECT project, 'Spread', node, given.t('-2h'), given.t('1h') - age, because, CASE WHEN gone THEN given.t('1h') END FROM given.left_behind
UNION ALL VALUES ('twice', 'Spread', 'ready', given.t('-2h'), given.t('55min'), 'Drained', NULL), ('twice', 'Spread', 'draining', given.t('-1h'), given.t('58min'), 'Preempted', NULL),
                 ('half', 'Spread', 'ready', given.t('-2h'), given.t('55min'), 'Drained', NULL), ('half', 'Spread', 'draining', given.t('-1h'), given.t('58min'), 'Preempted', given.t('59min')),
                 ('forced', 'Spread', 'ready', given.t('-2h'), given.t('55min'), 'Drained', NULL), ('forced', 'Spread', 'draining', given.t('-1h'), given.t('58min'), 'Forced', NULL);
-- Those that a decision would place, as none is made.
CREATE FUNCTION given.placeable(p_at timestamptz) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE v_placed text[];
BEGIN
    PERFORM api.schedule(p_at);
    v_placed := ARRAY(SELECT project FROM cara.assignment WHERE released_at IS NULL);
    RAISE EXCEPTION USING ERRCODE = 'SRUND';
EXCEPTION WHEN SQLSTATE 'SRUND' THEN
    RETURN QUERY SELECT unnest(v_placed);
END $$;
CREATE FUNCTION given.free(p_at timestamptz) RETURNS SETOF text LANGUAGE sql AS $$ SELECT p.name FROM cara.project p WHERE NOT EXISTS (SELECT FROM cara.waits_for(p.name, p_at)) $$;
SELECT set_eq('SELECT given.placeable(given.t(''1h''))', 'SELECT given.free(given.t(''1h''))', 'who waits for nobody is placed, and nobody else');
SELECT set_eq('SELECT given.free(given.t(''1h''))', $$ SELECT project FROM given.left_behind WHERE gone OR node = 'lost' OR because IN ('NodeLost', 'Forced') OR age >= '10min' UNION ALL VALUES ('new') $$,
    'whose old node has cleared away, is lost, has been waited for long enough, or was told not to be');
SELECT is((SELECT concat_ws(' ', node, since, until) FROM cara.waits_for('twice', given.t('1h'))), concat_ws(' ', 'draining', given.t('58min'), given.t('68min')), 'of two nodes the one that is waited for longer');
SELECT is((SELECT node FROM cara.waits_for('half', given.t('1h'))), 'ready', 'one of two has cleared away');
UPDATE cara.setting SET value = '1min' WHERE name = 'terminating_timeout';
SELECT set_eq('SELECT given.placeable(given.t(''1h''))', 'SELECT given.free(given.t(''1h''))', 'also when it is a minute');
DELETE FROM cara.node WHERE name = 'ready';
SELECT set_eq('SELECT given.placeable(given.t(''1h''))', 'SELECT given.free(given.t(''1h''))', 'and when a node is no more');
SET LOCAL cara.planning = 'on';
SELECT set_eq('SELECT given.placeable(given.t(''1h''))', 'SELECT name FROM cara.project', 'in a plan nobody waits');
SELECT is_empty('SELECT FROM cara.project p, cara.waits_for(p.name, given.t(''1h''))', 'and is not said to');
RESET cara.planning;

SELECT * FROM finish();
ROLLBACK;
