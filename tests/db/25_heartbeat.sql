-- Heartbeats: they renew the lease, bring what is new, and cost next to nothing otherwise.
BEGIN;
\ir given.psql
SELECT plan(55);

SELECT api.node_create('{"metadata":{"name":"n1"}}', 'ann') \g /dev/null
CREATE FUNCTION given.changes() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM cara.change $$;
CREATE FUNCTION given.status_row() RETURNS text LANGUAGE sql AS $$ SELECT xmin || '/' || ctid || '/' || cmin FROM cara.node_status WHERE node = 'n1' $$;

-- The first heartbeat makes it Ready at once.
SELECT is(api.node_heartbeat('n1', '', given.t())::text, NULL, 'a bare heartbeat answers nothing');
SELECT is(given.state_of('n1'), 'Ready', 'and makes a new node Ready');
SELECT is((SELECT renewed_at FROM cara.lease WHERE node = 'n1'), given.t(), 'its lease is renewed');
SELECT results_eq($$ SELECT ready, ready_since, reason, not_ready_since FROM cara.node_status $$, $$ VALUES (true, given.t(), 'AgentReady', NULL::timestamptz) $$, 'with a condition that says so');
SELECT throws_ok($$ SELECT api.node_heartbeat('n9', '{not json') $$, 'SR404', 'node not found: n9: resource not found', 'an unknown node is told so before its body is looked at');

-- An unchanged heartbeat writes the lease and nothing else.
SELECT api.node_heartbeat('n1', '{"state":"Ready","network":{"ip":"10.0.0.5"},"capacity":{"cpu":"4"},"info":{"osImage":"Debian"}}', given.t('1s'));
SELECT given.changes() AS changes, given.status_row() AS status_row \gset
SELECT api.node_heartbeat('n1', NULL, given.t('2s'));
SELECT api.node_heartbeat('n1', '', given.t('3s'));
SELECT api.node_heartbeat('n1', '{}', given.t('4s'));
SELECT api.node_heartbeat('n1', '{"state":"Ready","network":{"ip":"10.0.0.5"},"capacity":{"cpu":"4"},"info":{"osImage":"Debian"}}', given.t('5s'));
SELECT is(given.changes(), :changes::bigint, 'unchanged heartbeats leave no trace in the change log');
SELECT is(given.status_row(), :'status_row', 'nor in node_status');
SELECT is((SELECT renewed_at FROM cara.lease), given.t('5s'), 'but the lease is renewed');
SELECT set_config('cara.log_open', '', true) \g /dev/null
SELECT ok(api.node_heartbeat('n1', '', given.t('6s')) IS NULL AND current_setting('synchronous_commit') = 'off', 'a bare heartbeat commits without waiting for the disk');
SELECT is((SELECT reloptions FROM pg_class WHERE oid = 'cara.lease'::regclass), '{fillfactor=50}', 'lease pages leave room for updates in place');
SELECT is_empty($$ SELECT indexrelid::regclass FROM pg_index WHERE indrelid = 'cara.lease'::regclass AND NOT indisprimary $$, 'and no index stands in their way');
SELECT is_empty($$ SELECT tgname FROM pg_trigger WHERE tgrelid = 'cara.lease'::regclass AND NOT tgisinternal $$, 'no trigger watches leases');

SELECT results_eq($$ SELECT n_tup_hot_upd FROM pg_stat_xact_user_tables WHERE relid = 'cara.lease'::regclass $$, $$ SELECT n_tup_upd FROM pg_stat_xact_user_tables WHERE relid = 'cara.lease'::regclass $$, 'every renewal was an update in place');

-- What is new is merged: networks member by member, capacity whole.
SELECT api.node_heartbeat('n1', '{"network":{"dnsName":"d","agentPort":9090,"throughput":{"download":"1M"}}}', given.t('7s'));
SELECT is((SELECT network FROM cara.node_status), '{"ip":"10.0.0.5","dnsName":"d","agentPort":9090,"throughput":{"download":"1M"}}', 'what is not said of the network stays');
SELECT api.node_heartbeat('n1', '{"network":{"ip":"","agentPort":0,"throughput":{"upload":"2M","lastTestTime":"0001-01-01T00:00:00Z"}}}', given.t('8s'));
SELECT is((SELECT network FROM cara.node_status), '{"ip":"10.0.0.5","dnsName":"d","agentPort":9090,"throughput":{"upload":"2M"}}', 'empty is not said; throughput is replaced whole');
SELECT api.node_heartbeat('n1', '{"capacity":{"memory":"8Gi"},"allocatable":{}}', given.t('9s'));
SELECT is((SELECT capacity FROM cara.node_status), '{"memory":"8Gi"}', 'capacity is replaced whole');
SELECT is((SELECT count(*) FROM cara.change) > :changes, true, 'what is new is in the change log');
SELECT is(current_setting('synchronous_commit'), 'on', 'and on disk before anyone sees it');
SELECT ok(api.node_heartbeat('n1', '', given.t('7s')) IS NULL AND current_setting('synchronous_commit') = 'on', 'also when a bare heartbeat follows in the same transaction');

-- States.
SELECT api.node_heartbeat('n1', '{"state":"Draining"}', given.t('10s'));
SELECT is(given.state_of('n1'), 'Draining', 'an agent can say Draining');
SELECT api.node_heartbeat('n1', '', given.t('11s'));
SELECT is(given.state_of('n1'), 'Draining', 'and a bare heartbeat does not undo it');
SELECT is((SELECT ready FROM cara.node_status), true, 'a draining node is a healthy one');
SELECT api.node_heartbeat('n1', '{"state":"NotReady"}', given.t('12s'));
SELECT results_eq($$ SELECT state, ready, ready_since, reason, not_ready_since FROM cara.node_status $$, $$ VALUES ('NotReady', false, given.t('12s'), 'AgentNotReady', given.t('12s')) $$,
    'an agent that cannot work says NotReady');
SELECT api.node_heartbeat('n1', '', given.t('13s'));
SELECT is((SELECT not_ready_since FROM cara.node_status), given.t('12s'), 'and stays so since then');
SELECT api.node_heartbeat('n1', '{"state":"Ready"}', given.t('14s'));
SELECT results_eq($$ SELECT state, ready, ready_since, reason, not_ready_since FROM cara.node_status $$, $$ VALUES ('Ready', true, given.t('14s'), 'AgentReady', NULL::timestamptz) $$, 'until it can');
SELECT is((SELECT string_agg(reason, ' ' ORDER BY id) FROM cara.event WHERE kind = 'Node' AND reason LIKE 'Node%'), 'NodeReady NodeDraining NodeNotReady NodeReady', 'each change of state is an event');
SELECT throws_ok(format('SELECT api.node_heartbeat(%L, %L)', 'n1', format('{"state":"%s"}', state)), 'SR400', format('invalid state %s: must be one of Ready, NotReady, Draining', state), 'state ' || state)
  FROM (VALUES ('Bogus'), ('ready'), ('Ready ')) v(state);
SELECT is(given.state_of('n1'), 'Ready', 'what was refused is not stored');
SELECT is((SELECT renewed_at FROM cara.lease), given.t('14s'), 'and renews no lease');
SELECT api.node_heartbeat('n1', '{"state":""}', given.t('15s'));
SELECT is(given.state_of('n1'), 'Ready', 'an empty state says nothing');

-- Bodies that are wrong.
SELECT api.node_heartbeat('n1', '{"allocatable":{"cpu":"2","memory":"1Gi"}}', given.t('15s'));
SELECT is(given.error_of(format('SELECT api.node_heartbeat(%L, %L)', 'n1', body)), error, body)
  FROM (VALUES ('{"network":{"agentPort":"9090"}}', 'SR400 network.agentPort: invalid request body: network.agentPort: expected an integer, found "9090"'),
               ('{"network":{"agentPort":70000}}', 'SR400 network.agentPort: network.agentPort 70000 must be between 1 and 65535'),
               ('{"network":{"agentPort":-1}}', 'SR400 network.agentPort: network.agentPort -1 must be between 1 and 65535'),
               ('{"capacity":{"cpu":4}}', 'SR400 capacity.cpu: invalid request body: capacity.cpu: expected a string, found 4'),
               ('{"allocatable":{"memory":"16GB"}}', 'SR400 allocatable.memory: allocatable.memory: "16GB" is not a quantity'),
               ('{"capacity":{"memory":"16GB"}}', 'SR400 capacity.memory: capacity.memory: "16GB" is not a quantity'),
               ('{"capacity":{"cpu":"many"}}', 'SR400 capacity.cpu: capacity.cpu: "many" is not a quantity'),
               ('{"allocatable":{"cpu":"-1"}}', 'SR400 allocatable.cpu: allocatable.cpu: "-1" is not a quantity'),
               ('{"allocatable":{"cpu":""}}', 'SR400 allocatable.cpu: allocatable.cpu: "" is not a quantity'),
               ('{"allocatable":{"cpu":"1","disk":"plenty"},"capacity":{"cpu":"1500m","memory":"16G"}}', 'none'),
               ('[]', 'SR400 invalid request body: body: expected an object, found an array'),
               ('null', 'none'), ('{"foo":1}', 'none')) v(body, error);
SELECT is((SELECT cpu || ' ' || coalesce(memory::text, 'any') FROM cara.node_room), '1000 16000000000', 'what was refused took no limit away; other words for a machine are its own');
SELECT is((SELECT allocatable->>'disk' FROM cara.node_status), 'plenty', 'and are kept');
SELECT is((SELECT renewed_at FROM cara.lease) > given.t('-10y'), true, 'the lease is there');
SELECT throws_ok($$ SELECT api.node_heartbeat('n1', '{') $$, '22P02', NULL, 'no JSON');

-- Another machine with its name.
SELECT api.node_heartbeat('n1', '{"state":"NotReady"}', given.t('1h'));
SELECT is(given.error_of(format('SELECT api.node_heartbeat(%L, %L, %L)', 'n1', '{"network":{"ip":"10.0.0.6"}}', given.t('1h 89s'))),
    'SR409 network.ip: node "n1" is alive at 10.0.0.5, and this is 10.0.0.6', 'is refused while the one that has it is heard of, well or not');
SELECT is(given.hint_of(format('SELECT api.node_heartbeat(%L, %L, %L)', 'n1', '{"network":{"ip":"10.0.0.6"}}', given.t('1h 89s'))),
    'each machine needs a NODE_NAME of its own; one that has a new address is taken in when its lease has run out, in 1s', 'and told why');
SELECT is((SELECT renewed_at FROM cara.lease), given.t('1h'), 'it renews nothing');
SELECT is(given.error_of(format('SELECT api.node_heartbeat(%L, %L, %L)', 'n1', '{"network":{"ip":"10.0.0.5","agentPort":9}}', given.t('1h 1s'))), 'none', 'another port of the same machine is fine');
SELECT is(given.error_of(format('SELECT api.node_heartbeat(%L, %L, %L)', 'n1', '{"network":{"ip":"10.0.0.6"}}', given.t('1h 92s'))), 'none', 'one that comes when the lease has run out is taken in');
SELECT is((SELECT network->>'ip' FROM cara.node_status), '10.0.0.6', 'and is the node from then on');

SELECT * FROM finish();
ROLLBACK;
