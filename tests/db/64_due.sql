-- When the tick wants to be called again: in time for whatever is next, and never without end in between.
BEGIN;
\ir given.psql
SELECT plan(37);

CREATE FUNCTION given.next(p_at timestamptz) RETURNS int LANGUAGE sql AS $$ SELECT (given.tick(p_at)->>'nextInMs')::int $$;
CREATE FUNCTION given.beat(p_at timestamptz, VARIADIC p_nodes text[]) RETURNS void LANGUAGE sql AS $$ SELECT api.node_heartbeat(n, '', p_at) FROM unnest(p_nodes) n $$;

SELECT is(given.next(given.t()), 20000, 'an empty cluster: a third of the gap that would count as an outage');
SELECT given.tick(given.t('1s'));
SELECT is((SELECT last_tick_at FROM cara.clock), given.t('1s'), 'each tick is noted');
SELECT api.tick(false, given.t('10s'));
SELECT is((SELECT last_tick_at FROM cara.clock), given.t('1s'), 'but not each of many in a row');
SELECT api.tick(false, given.t('12s'));
SELECT is((SELECT last_tick_at FROM cara.clock), given.t('12s'), 'just often enough');

-- An idle tick writes nothing at all.
CREATE FUNCTION given.written() RETURNS bigint LANGUAGE sql AS $$ SELECT sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint FROM pg_stat_xact_user_tables WHERE schemaname = 'cara' $$;
SELECT given.node('n1'), given.project('web');
SELECT api.tick(false, given.t('13s')), given.running('web');
SELECT given.written() AS written \gset
SELECT api.tick(false, given.t('14s')), api.tick(false, given.t('15s'));
SELECT is(given.written(), :written::bigint, 'an idle tick writes nothing');

-- Leases.
SELECT given.beat(given.t('20s'), 'n1');
UPDATE cara.clock SET leases_due_at = '-infinity';
SELECT is(given.next(given.t('100s')), 10001, 'just after the next lease runs out');
SELECT is(given.next(given.t('110s')), 50, 'and when that is now, after a moment');
SELECT is(given.next(given.t('110.001s')), 20000, 'not sooner than anything is due');
SELECT is(given.state_of('n1'), 'NotReady', 'when it is done');
SELECT given.beat(given.t('111s'), 'n1');
SELECT is(given.next(given.t('115s')), 20000, 'a node that is back has a whole lease');

-- Grace.
SELECT given.witness();
SELECT api.node_heartbeat('n1', '{"state":"NotReady"}', given.t('120s'));
SELECT is(given.next(given.t('295s')), 5000, 'when the grace of a lost node ends');
SELECT is(given.next(given.t('300s')), 20000, 'after that its projects wait for a node');
SELECT is(given.phase_of('web'), 'Pending', 'as this one does');
SELECT is(given.next(given.t('301s')), 20000, 'which is nothing to hurry for: a node that comes wakes the tick');

-- A brake.
SELECT api.node_heartbeat('n1', '{"state":"Ready"}', given.t('302s')), given.tick(given.t('302s')), given.running('web');
SELECT api.node_heartbeat('n1', '{"state":"NotReady"}', given.t('303s'));
UPDATE cara.node_status SET ready_since = given.t('410s') WHERE node = 'witness';
SELECT is(given.next(given.t('490s')), 10000, 'when a brake ends, as the first node to come back has been well for a lease');
SELECT is(given.node_of('web'), 'n1', 'and not before');
SELECT is(given.tick(given.t('500s'))->>'rescheduled', '1', 'but then');
UPDATE cara.node_status SET ready_since = '-infinity' WHERE node = 'witness';

-- Deletions.
SELECT api.node_heartbeat('n1', '{"state":"Ready"}', given.t('610s'));
SELECT given.tick(given.t('610s')), given.running('web');
SELECT api.project_delete('web');
UPDATE cara.project SET deleted_at = given.t('610s');
SELECT is(given.next(given.t('611s')), 20000, 'a deletion that its node is at');
SELECT api.node_heartbeat('n1', '{"state":"NotReady"}', given.t('620s'));
SELECT is(given.next(given.t('1215s')), 5000, 'one that is given up soon');
SELECT is(given.next(given.t('1220s')), 1000, 'one that is over, and can still be seen');
SELECT is(given.next(given.t('1220.5s')), 500, 'for the rest of its second');
SELECT is(given.next(given.t('1221s')), 20000, 'and then no longer');
SELECT is((SELECT count(*) FROM cara.project), 0::bigint, 'as it is gone');

-- A fresh start.
SELECT is((api.tick(true, given.t('2000s'))->>'nextInMs')::int, 20000, 'after a start');
SELECT is((api.tick(false, given.t('2020s'))->>'nextInMs')::int, 20000, 'the tick is called as ever');
SELECT is((api.tick(false, given.t('2040s'))->>'nextInMs')::int, 20000, 'and again');
SELECT is((api.tick(false, given.t('2085s'))->>'nextInMs')::int, 5000, 'and when the fresh leases are over');

-- Decisions.
SELECT given.node('n3'), given.beat(given.t('2080s'), 'n1', 'n3') \g /dev/null
SELECT given.project('big', '{"services":[{"name":"web","image":"x","resources":{"requests":{"cpu":"1"}}}]}'), given.project('small');
UPDATE cara.setting SET value = '0' WHERE name = 'decision_budget';
SELECT is(given.tick(given.t('2086s'))->'nextInMs', '50', 'a decision that stopped for its time goes on at once');
SELECT isnt(given.tick(given.t('2087s'))->'nextInMs', '50', 'until it got to everybody');
UPDATE cara.setting SET value = '20s' WHERE name = 'decision_budget';
SELECT given.running('big');
SELECT cara.release('{big}', 'Drained', 'Drained', 'as by a drain', 'test', given.t('2088s')) \g /dev/null
SELECT given.beat(given.t('2685s'), 'n1', 'n3') \g /dev/null
SELECT is(given.next(given.t('2088s') + interval '597s'), 3000, 'when who waits for its old node has waited long enough');
SELECT is(given.phase_of('big'), 'Pending', 'and not before');
SELECT given.tick(given.t('2088s') + interval '600s') \g /dev/null
SELECT is(given.phase_of('big'), 'Scheduled', 'but then');
DELETE FROM cara.project;
DELETE FROM cara.node WHERE name = 'n3';

-- With short leases it comes as often as it takes to tell an outage from ticks that are far apart.
UPDATE cara.setting SET value = '9s' WHERE name = 'heartbeat_timeout';
SELECT is(given.next(given.t('2090s')), 2000, 'a third of two thirds of a lease');
UPDATE cara.setting SET value = '90s' WHERE name = 'heartbeat_timeout';

-- No setting makes it spin.
UPDATE cara.setting SET value = '0' WHERE kind = 'interval';
SELECT given.node('n2'), given.project('web'), given.project('old', '{"expireAt":"2029-01-01T00:00:00Z"}');
SELECT is(given.next(given.t('2100s')), 50, 'with every time limit at zero');
SELECT is(given.next(given.t('2101s')), 50, 'it still takes a breath');
-- A setting that changes counts at once.
UPDATE cara.setting SET value = '60s' WHERE kind = 'interval';
SELECT given.beat(given.t('2200s'), 'n1', 'n2');
SELECT given.tick(given.t('2201s'));
UPDATE cara.setting SET value = '30s' WHERE name = 'heartbeat_timeout';
SELECT is((SELECT leases_due_at FROM cara.clock), '-infinity', 'a setting that changes has everything looked at again');
SELECT is(given.next(given.t('2225s')), 5001, 'with its new value');

SELECT * FROM finish();
ROLLBACK;
