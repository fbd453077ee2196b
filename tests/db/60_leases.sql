-- The clock and nodes: leases run out, projects get their grace and are moved; what is the control plane's own
-- fault moves nothing.
BEGIN;
\ir given.psql
SELECT plan(52);

-- given.beat() renews the leases of the named nodes.
CREATE FUNCTION given.beat(p_at timestamptz, VARIADIC p_nodes text[]) RETURNS void LANGUAGE sql AS $$ SELECT api.node_heartbeat(n, '', p_at) FROM unnest(p_nodes) n $$;

-- A lease runs out when it is older than the timeout, not when it is as old.
SELECT given.node('n1'), given.node('n2'), given.project('web');
SELECT is(api.schedule(given.t()), 1, 'given a project that runs on n1');
SELECT given.running('web');
SELECT given.beat(given.t('85s'), 'n2');
SELECT given.tick(given.t('90s'));
SELECT is(given.state_of('n1'), 'Ready', 'a lease as old as the timeout holds');
SELECT given.tick(given.t('90.001s'));
SELECT is(given.state_of('n1'), 'NotReady', 'an older one does not');
SELECT is(given.state_of('n2'), 'Ready', 'one that was renewed does');
SELECT results_eq($$ SELECT ready, ready_since, reason, message, not_ready_since FROM cara.node_status WHERE node = 'n1' $$,
    $$ VALUES (false, given.t('90.001s'), 'HeartbeatTimeout', 'Agent has not posted a heartbeat within the timeout window', given.t('90.001s')) $$, 'the condition says why and since when');
SELECT is((SELECT type || ' ' || reason || ' ' || actor FROM cara.event WHERE name = 'n1' ORDER BY id DESC LIMIT 1), 'Warning NodeNotReady system:tick', 'and so does an event');
SELECT count(*) AS changes FROM cara.change WHERE kind = 'Node' \gset
SELECT given.tick(given.t('91s'));
SELECT is((SELECT count(*) FROM cara.change WHERE kind = 'Node'), :changes::bigint, 'the next tick changes nothing');

-- What runs there keeps its node for the grace, and says that the clock is running.
SELECT is(given.phase_of('web') || ' ' || given.node_of('web'), 'Running n1', 'its project stays for the grace');
SELECT is((api.project_get('web')#>'{status,conditions,1}')::text, '{"type":"NotReadyAt","status":"True","lastHeartbeatTime":"0001-01-01T00:00:00Z","lastTransitionTime":"2030-01-01T00:01:30.001Z","reason":"NodeNotReady","message":"Node went NotReady while project was Running; running grace period clock started"}',
    'with a condition that comes last');
SELECT given.beat(given.t('4min'), 'n2');
SELECT given.tick(given.t('90.001s') + interval '179.999s');
SELECT is(given.node_of('web'), 'n1', 'until the grace is over');
SELECT is(given.tick(given.t('90.001s') + interval '180s')->>'rescheduled', '1', 'then it is moved');
SELECT is(given.phase_of('web') || ' ' || given.node_of('web'), 'Scheduled n2', 'to a node that is there, in the same tick');
SELECT is((SELECT released_because FROM cara.assignment WHERE node = 'n1'), 'NodeLost', 'and why is kept');
SELECT is((SELECT message || ' (' || actor || ')' FROM cara.event WHERE name = 'web' AND reason = 'NodeLost'), 'Taken off node n1: Node went NotReady; project reset to Pending for rescheduling (system:tick)', 'and told');

-- A node that comes back in time keeps its projects, and the next outage has a grace of its own.
SELECT given.running('web'), given.beat(given.t('5min'), 'n1', 'n2');
SELECT given.beat(given.t('7min'), 'n1');
SELECT given.tick(given.t('7min'));
SELECT is(given.state_of('n2'), 'NotReady', 'given n2 is lost');
SELECT given.beat(given.t('9min 59s'), 'n1', 'n2');
SELECT given.tick(given.t('10min'));
SELECT is(given.phase_of('web') || ' ' || given.node_of('web'), 'Running n2', 'a node that is back in time keeps its project');
SELECT is(api.project_get('web')#>>'{status,conditions,1}', NULL, 'and the condition is gone');
SELECT given.beat(given.t('12min'), 'n1');
SELECT given.tick(given.t('12min'));
SELECT given.tick(given.t('12min 30s'));
SELECT is(given.node_of('web'), 'n2', 'the next outage starts a grace of its own');

-- A failed project is moved as well, one that had not run yet at once.
SELECT given.says('web', 'Failed', 'ContainerCrashed', given.t('12min'));
SELECT given.beat(given.t('15min'), 'n1');
SELECT is(given.tick(given.t('15min'))->>'rescheduled', '1', 'a failed project gets the same grace, then another node');
SELECT is(given.phase_of('web') || ' ' || given.node_of('web'), 'Scheduled n1', 'where it starts anew');
SELECT given.beat(given.t('15min 1s'), 'n2'), given.beat(given.t('16min'), 'n2');
SELECT given.tick(given.t('16min 31s'));
SELECT is(given.state_of('n1') || ' ' || given.node_of('web'), 'NotReady n2', 'one that had not run yet is moved in the tick that finds its node lost');
SELECT api.node_heartbeat('n1', '{"state":"Draining"}', given.t('17min')), given.beat(given.t('17min'), 'n2'), given.beat(given.t('18min'), 'n2');
SELECT given.tick(given.t('19min'));
SELECT is(given.state_of('n1'), 'NotReady', 'a draining node can be lost, too');
SELECT given.beat(given.t('19min'), 'n1', 'n2');
SELECT is(given.state_of('n1'), 'Draining', 'and is draining when it comes back');
SELECT api.node_heartbeat('n1', '{"state":"Ready"}', given.t('19min'));

-- An agent that says it cannot work loses its projects the same way.
SELECT given.running('web'), given.node_of('web') AS node \gset
SELECT api.node_heartbeat('n2', '{"state":"NotReady"}', given.t('20min')), given.beat(given.t('23min'), 'n1', 'n2');
SELECT given.tick(given.t('22min 59s'));
SELECT is(given.node_of('web'), 'n2', 'an agent that cannot work keeps its project for the grace');
SELECT given.tick(given.t('23min'));
SELECT is(given.node_of('web'), 'n1', 'and no longer, though its lease is fresh');

-- The control plane's own outage: nobody is judged before a full timeout has passed since it is back.
SELECT given.running('web'), api.node_heartbeat('n2', '{"state":"Ready"}', given.t('24min')), given.beat(given.t('24min'), 'n1');
SELECT given.tick(given.t('24min'));
SELECT is(api.tick(false, given.t('1h'))->>'rescheduled', '0', 'after a gap in ticking nobody is judged');
SELECT is(given.state_of('n1'), 'Ready', 'however old the lease');
SELECT api.tick(false, given.t('1h 45s')), api.tick(false, given.t('1h 89s'));
SELECT is(given.state_of('n1'), 'Ready', 'for a whole timeout');
SELECT given.beat(given.t('1h 89s'), 'n2');
SELECT api.tick(false, given.t('1h 90s'));
SELECT is(given.state_of('n1') || ' ' || given.state_of('n2'), 'NotReady Ready', 'then those who did not come back are');
SELECT is(given.node_of('web'), 'n1', 'and their projects have their grace');
SELECT given.beat(given.t('1h 5min'), 'n1', 'n2');
UPDATE cara.clock SET last_tick_at = given.t('1h 5min');
SELECT api.tick(true, given.t('1h 6min')), api.tick(false, given.t('1h 6min 40s'));
SELECT is(given.state_of('n1'), 'Ready', 'a server that has just taken over gives a fresh timeout as well');
SELECT is((SELECT judge_after FROM cara.clock), given.t('1h 7min 30s'), 'of the same length');
-- A grace that ended while nobody ticked is not held against a node before that either.
SELECT api.node_heartbeat('n1', '{"state":"NotReady"}', given.t('1h 6min 50s')), given.beat(given.t('2h'), 'n2');
SELECT api.tick(false, given.t('2h')), api.tick(false, given.t('2h 50s')), given.beat(given.t('2h 50s'), 'n2');
SELECT is(given.node_of('web'), 'n1', 'a grace that ended in the gap moves nothing');
SELECT is(api.tick(false, given.t('2h 90s'))->>'rescheduled', '1', 'before the fresh timeout is over');

-- The brake: when most nodes are lost at once it is not their fault.
DELETE FROM cara.project;
DELETE FROM cara.node;
SELECT given.node(n) FROM unnest('{n1,n2,n3,n4}'::text[]) n;
SELECT given.project(p) FROM unnest('{a,b,c,d}'::text[]) p;
SELECT given.beat(given.t('3h'), 'n1', 'n2', 'n3', 'n4'), api.schedule(given.t('3h'));
SELECT given.running('a'), given.running('b'), given.running('c');
SELECT given.beat(given.t('3h 2min'), 'n1'), given.beat(given.t('3h 4min'), 'n1'), given.beat(given.t('3h 6min'), 'n1');
SELECT given.tick(given.t('3h 2min'));
SELECT is((SELECT count(*) FROM cara.node_status WHERE state = 'NotReady'), 3::bigint, 'given three of four nodes are lost');
SELECT is(given.tick(given.t('3h 6min'))->>'rescheduled', '0', 'nothing is moved');
SELECT is(given.phase_of('d'), 'Scheduled', 'not even what had not run yet');
SELECT is((SELECT message FROM cara.event WHERE kind = 'Cluster'), '3 of 4 nodes are NotReady: nothing is moved until fewer are', 'an event says so');
SELECT cmp_ok((SELECT count FROM cara.event WHERE kind = 'Cluster'), '>', 1, 'once, counting');
SELECT is(given.tick(given.t('3h 6min 1s'))->>'nextInMs', '20000', 'and the tick does not spin meanwhile');
SELECT given.beat(given.t('3h 7min'), 'n1', 'n2');
SELECT is(given.tick(given.t('3h 7min'))->>'rescheduled', '2', 'when half of them are back the rest is moved');
SELECT is(given.node_of('b'), 'n2', 'and who is back keeps what it has');

-- Of two nodes one is too few to tell, but both are not.
UPDATE cara.node_status SET state = 'Ready', not_ready_since = NULL;
DELETE FROM cara.project;
DELETE FROM cara.node WHERE name IN ('n3', 'n4');
SELECT given.project('a'), given.project('b');
SELECT given.beat(given.t('4h'), 'n1', 'n2'), api.schedule(given.t('4h')), given.running('a'), given.running('b');
SELECT given.tick(given.t('5h'));
SELECT is(given.tick(given.t('6h'))->>'rescheduled', '0', 'when all nodes are lost nothing is moved, however few they are');
SELECT is((SELECT message FROM cara.event WHERE kind = 'Cluster' ORDER BY id DESC LIMIT 1), '2 of 2 nodes are NotReady: nothing is moved until a node has been Ready for a while', 'an event says so');
SELECT given.beat(given.t('6h'), 'n1');
SELECT is(given.tick(given.t('6h 1s'))->>'rescheduled', '0', 'nor does the first one back get everything');
SELECT given.beat(given.t('6h 60s'), 'n1');
SELECT is(given.tick(given.t('6h 89s'))->>'rescheduled', '0', 'the other has a whole lease to come back');
SELECT is(given.tick(given.t('6h 90s'))->>'rescheduled', '1', 'and no longer');
SELECT is(given.node_of('a') || ' ' || given.node_of('b'), 'n1 n1', 'then the one that is there has both');
SELECT given.running('b'), given.beat(given.t('6h 90s'), 'n1', 'n2');
SELECT given.beat(given.t('6h 3min'), 'n2');
SELECT given.tick(given.t('6h 3min 1s'));
SELECT given.beat(given.t('6h 6min'), 'n2');
SELECT is(given.tick(given.t('6h 6min 2s'))->>'rescheduled', '2', 'with one that is well all along nothing is braked');

-- Short leases: an outage that all of them would run out in counts as one, whatever control_plane_gap says.
UPDATE cara.setting SET value = '9s' WHERE name = 'heartbeat_timeout';
SELECT given.beat(given.t('7h'), 'n1', 'n2');
SELECT given.tick(given.t('7h'));
SELECT api.tick(false, given.t('7h 12s')) \g /dev/null
SELECT is(given.state_of('n1') || ' ' || given.state_of('n2'), 'Ready Ready', 'a lease that ran out while nobody ticked is not held against its node');
SELECT given.beat(given.t('7h 13s'), 'n2');
SELECT api.tick(false, given.t('7h 15s')), api.tick(false, given.t('7h 18s')), api.tick(false, given.t('7h 20s')), api.tick(false, given.t('7h 21s')) \g /dev/null
SELECT is(given.state_of('n1') || ' ' || given.state_of('n2'), 'NotReady Ready', 'before it has had a fresh one');
SELECT given.beat(given.t('7h 22s'), 'n1', 'n2');
SELECT given.tick(given.t('7h 22s'));
SELECT api.tick(false, given.t('7h 28s')), api.tick(false, given.t('7h 31.001s')) \g /dev/null
SELECT is(given.state_of('n1'), 'NotReady', 'two thirds of a lease without a tick are no outage');

SELECT * FROM finish();
ROLLBACK;
