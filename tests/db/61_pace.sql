-- The pace of heartbeats: what is set, stretched with the cluster, told to agents once, and leases judged by what they were told.
BEGIN;
\ir given.psql
SELECT no_plan();

SELECT results_eq(format('SELECT heartbeat_ms, lease_ms FROM cara.pace(%s)', nodes), format('VALUES (%s::bigint, %s::bigint)', heartbeat, lease), nodes || ' nodes')
  FROM (VALUES (0, 30000, 90000), (1, 30000, 90000), (30000, 30000, 90000), (30001, 30001, 90003), (60000, 60000, 180000), (1000000, 1000000, 3000000)) v(nodes, heartbeat, lease);
UPDATE cara.setting SET value = '10s' WHERE name = 'heartbeat_interval';
SELECT results_eq('SELECT heartbeat_ms, lease_ms FROM cara.pace(20000)', 'VALUES (20000::bigint, 180000::bigint)', 'both are stretched alike');
UPDATE cara.setting SET value = '0' WHERE name = 'heartbeats_per_second';
SELECT results_eq('SELECT heartbeat_ms, lease_ms FROM cara.pace(20000)', 'VALUES (10000::bigint, 90000::bigint)', 'unless any number may arrive');
UPDATE cara.setting SET value = '0' WHERE name = 'heartbeat_interval';
SELECT results_eq('SELECT heartbeat_ms, lease_ms FROM cara.pace(20000)', 'VALUES (0::bigint, 90000::bigint)', 'no interval at all cannot be stretched');
UPDATE cara.setting SET value = '30s' WHERE name = 'heartbeat_interval';
UPDATE cara.setting SET value = '1000' WHERE name = 'heartbeats_per_second';

-- Told with the channel, and again when it changes; never to agents that did not ask for a channel.
SELECT given.node('n1'), given.node('n2'), given.node('n3');
SELECT given.tick(given.t());
SELECT is(api.channel_issue('n1', '{"kind":"poll"}')::jsonb, '{"kind":"poll","pollInterval":"30000ms","heartbeatInterval":"30000ms","leaseTimeout":"90000ms"}', 'a channel comes with the paces');
SELECT is(api.node_heartbeat('n1', '', given.t())::text, NULL, 'a heartbeat has nothing to add');
UPDATE cara.setting SET value = '10s' WHERE name = 'heartbeat_interval';
SELECT is(api.node_heartbeat('n1', '', given.t('1s'))::jsonb, '{"pollInterval":"30000ms","heartbeatInterval":"10000ms","leaseTimeout":"90000ms"}', 'until the pace changes');
SELECT is(api.node_heartbeat('n1', '', given.t('2s'))::text, NULL, 'which is told once');
SELECT is(api.node_heartbeat('n2', '', given.t('2s'))::text, NULL, 'and only to who asked for a channel');
UPDATE cara.setting SET value = '20s' WHERE name = 'heartbeat_interval';
SELECT is(api.node_heartbeat('n1', '{"state":"Ready","capacity":{"cpu":"2"}}', given.t('2s'))->>'heartbeatInterval', '20000ms', 'also to an agent that has something to say');
UPDATE cara.setting SET value = '1' WHERE name = 'heartbeats_per_second';
UPDATE cara.setting SET value = '1s' WHERE name = 'heartbeat_interval';
SELECT results_eq('SELECT heartbeat_ms, lease_ms FROM cara.clock', 'VALUES (3000::bigint, 270000::bigint)', 'three nodes, one heartbeat a second: every three seconds');
INSERT INTO cara.node (name) SELECT 'm' || i FROM generate_series(1, 3) i;
INSERT INTO cara.node_status (node) SELECT 'm' || i FROM generate_series(1, 3) i;
INSERT INTO cara.lease (node) SELECT 'm' || i FROM generate_series(1, 3) i;
SELECT given.tick(given.t('3s')), given.tick(given.t('70s'));
SELECT results_eq('SELECT heartbeat_ms, lease_ms FROM cara.clock', 'VALUES (6000::bigint, 540000::bigint)', 'the tick sees the cluster grow');

-- A lease holds as its agent was told, when that is longer.
DELETE FROM cara.node WHERE name LIKE 'm%';
UPDATE cara.setting SET value = '1000' WHERE name = 'heartbeats_per_second';
UPDATE cara.setting SET value = '30s' WHERE name = 'heartbeat_interval';
SELECT api.node_heartbeat(n, '', given.t('100s')) FROM unnest('{n1,n2,n3}'::text[]) n;
UPDATE cara.setting SET value = '5s' WHERE name = 'heartbeat_interval';
UPDATE cara.setting SET value = '15s' WHERE name = 'heartbeat_timeout';
SELECT given.tick(given.t('120s'));
SELECT is((SELECT string_agg(node || ' ' || state, ', ' ORDER BY node) FROM cara.node_status), 'n1 Ready, n2 NotReady, n3 NotReady', 'an agent that was told 30s has not missed anything when 5s is what others are told');
SELECT is((SELECT leases_due_at FROM cara.clock), given.t('190.001s'), 'its lease ends when it was told');
SELECT given.tick(given.t('190.001s'));
SELECT is(given.state_of('n1'), 'NotReady', 'and not later');
SELECT api.node_heartbeat('n1', '', given.t('191s')) \g /dev/null
SELECT given.tick(given.t('206.001s'));
SELECT is(given.state_of('n1'), 'NotReady', 'once it knows, it is held to it');

-- A heartbeat is one update in place of one narrow row, whatever agents were told: no log, no wake-up, no durable commit.
SELECT api.node_heartbeat('n1', '', given.t('300s')) \g /dev/null
SELECT n_tup_upd AS renewals, n_tup_hot_upd AS in_place FROM pg_stat_xact_user_tables WHERE relid = 'cara.lease'::regclass \gset
SELECT last_value AS drawn FROM cara.change_id \gset
SELECT api.node_heartbeat('n1', '', given.t('301s')) \g /dev/null
SELECT results_eq($$ SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_xact_user_tables WHERE relid = 'cara.lease'::regclass $$, format('VALUES (%s::bigint, %s::bigint)', :renewals + 1, :in_place + 1), 'one row, in place');
SELECT is((SELECT last_value FROM cara.change_id), :drawn::bigint, 'nothing for the change log');
SELECT is((SELECT pg_column_size(l.*) < 64 FROM cara.lease l WHERE node = 'n1'), true, 'a narrow row');

SELECT * FROM finish();
ROLLBACK;
