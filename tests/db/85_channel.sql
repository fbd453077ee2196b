-- Channels: a role that can connect and LISTEN, a name nobody guesses, a new key each time, gone with its node.
BEGIN;
\ir given.psql
SELECT * FROM no_plan(); -- one test for each function and table there is

CREATE FUNCTION given.issued(p_node text, p_body jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql
    AS $$ SELECT api.channel_issue(p_node, p_body, '{"host":"db.example.com","port":"5432","dbname":"it''s \\ a name","sslmode":"require"}')::jsonb $$;
SELECT given.node('n1'), given.node('n2');

-- Issued.
SELECT given.issued('n1') AS issued \gset
SELECT is((SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(:'issued'::jsonb) k), ARRAY['channel', 'conninfo', 'heartbeatInterval', 'kind', 'leaseTimeout', 'pollInterval'], 'an answer has these members');
SELECT is(:'issued'::jsonb->>'kind', 'postgres', 'a channel of kind postgres');
SELECT matches(:'issued'::jsonb->>'channel', '^cara_[0-9a-f]{30}$', 'with a name that nobody guesses');
SELECT matches(:'issued'::jsonb->>'conninfo', '^host=''db.example.com'' port=''5432'' dbname=''it\\''s \\\\ a name'' sslmode=''require'' user=''cara_node_[0-9a-f]{20}'' password=''[0-9a-f]{64}'' application_name=cara-agent$', 'and a conninfo that libpq reads whatever is in it');
SELECT is(cara.read_duration(:'issued'::jsonb->'pollInterval', 'p'), interval '30s', 'the slow poll that stands behind it');
SELECT is(cara.read_duration(:'issued'::jsonb->'heartbeatInterval', 'p'), interval '30s', 'and the pace of heartbeats');
SELECT role_name AS role, channel AS name FROM cara.channel WHERE node = 'n1' \gset
SELECT has_role(:'role', 'the role is there');
SELECT results_eq(format('SELECT rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls, rolconnlimit FROM pg_roles WHERE rolname = %L', :'role'),
    $$ VALUES (true, false, false, false, false, false, 3) $$, 'it can log in three times at once and has no attribute besides');
SELECT is_member_of('cara_channel', ARRAY[:'role'], 'its rights are those of cara_channel');
SELECT is((SELECT array_agg(roleid::regrole::text) FROM pg_auth_members WHERE member = :'role'::regrole), ARRAY['cara_channel'], 'and of nobody else');
SELECT is((SELECT rolconfig FROM pg_roles WHERE rolname = :'role'), ARRAY['idle_in_transaction_session_timeout=10s', 'statement_timeout=10s', 'tcp_keepalives_idle=30s'], 'its sessions do not linger');
SELECT is((SELECT rolpassword LIKE 'SCRAM-SHA-256$%' FROM pg_authid WHERE rolname = :'role'), true, 'its key is kept as a verifier only');
SELECT is_empty($$ SELECT 1 FROM cara.channel c WHERE c::text LIKE '%' || substring($$ || quote_literal(:'issued') || $$::jsonb->>'conninfo' FROM 'password=''([0-9a-f]+)') || '%' $$, 'no table holds the key');

-- Issued again: the one before is revoked.
SELECT rolpassword AS verifier FROM pg_authid WHERE rolname = :'role' \gset
SELECT given.issued('n1') AS again \gset
SELECT isnt(:'again'::jsonb->>'channel', :'name'::text, 'a new channel has a new name');
SELECT is((SELECT role_name FROM cara.channel WHERE node = 'n1'), :'role'::text, 'the role stays');
SELECT isnt((SELECT rolpassword FROM pg_authid WHERE rolname = :'role'), :'verifier'::text, 'with a new key');
SELECT is((SELECT count(*) FROM cara.channel), 1::bigint, 'a node has one channel');
SELECT isnt(given.issued('n2')->>'channel', :'again'::jsonb->>'channel', 'another node has another');

-- Refused, and where there is none to be had.
SELECT throws_ok($$ SELECT api.channel_issue('n9') $$, 'SR404', 'node not found: n9: resource not found', 'an unknown node registers first');
SELECT throws_ok($$ SELECT api.channel_issue('n1', '{"kind":"pigeon"}') $$, 'SR400', 'invalid kind "pigeon": must be one of postgres, stream, poll', 'an unknown kind is refused');
SELECT is(given.issued('n1', '{"kind":"poll"}') - 'pollInterval' - 'heartbeatInterval' - 'leaseTimeout', '{"kind":"poll"}', 'who asks to poll may poll');
SELECT hasnt_role(:'role', 'and its role is gone');
UPDATE cara.setting SET value = '1' WHERE name = 'channel_pg_max';
SELECT is(given.issued('n1')->>'kind', 'stream', 'when as many LISTEN as may, the next one gets a stream');
SELECT is(given.issued('n2')->>'kind', 'postgres', 'while who has a channel keeps it');
UPDATE cara.setting SET value = '64' WHERE name = 'channel_pg_max';
SELECT is(given.issued('n1')->>'kind', 'postgres', 'with room again there is one');

-- A stream: a URL with a token that nobody guesses and nobody keeps.
SELECT given.issued('n1', '{"kind":"stream"}') AS stream \gset
SELECT is((SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(:'stream'::jsonb) k), ARRAY['heartbeatInterval', 'kind', 'leaseTimeout', 'pollInterval', 'url'], 'a stream has these members');
SELECT matches(:'stream'::jsonb->>'url', '^/api/v1/nodes/n1/wakeups\?token=[0-9a-f]{64}$', 'a place and a token');
SELECT right(:'stream'::jsonb->>'url', 64) AS token \gset
SELECT is_empty(format($$ SELECT 1 FROM cara.channel c WHERE c::text LIKE '%%%s%%' $$, :'token'), 'no table holds the token');
SELECT is((SELECT role_name FROM cara.channel WHERE node = 'n1'), NULL, 'and no role');
SELECT is((api.channel_open('n1', :'token')->>'serial')::bigint, (SELECT serial FROM cara.channel WHERE node = 'n1'), 'who has the token is let in');
SELECT is(given.error_of(format('SELECT api.channel_open(%L, %L)', node, token)), error, error)
  FROM (VALUES ('n1', repeat('0', 64), 'SR401 token: the token is not, or no longer, that of this node''s channel'), ('n1', '', 'SR401 token: the token is not, or no longer, that of this node''s channel'),
               ('n1', NULL, 'SR401 token: the token is not, or no longer, that of this node''s channel'), ('n2', :'token', 'SR410 node "n2" has no stream'), ('n9', :'token', 'SR404 node not found: n9: resource not found')) v(node, token, error);
SELECT (api.channel_open('n1', :'token')->>'serial')::bigint AS serial, api.bus_read()->>'position' AS position \gset
SELECT is(api.channel_check(format('{"n1":%s}', :serial)::jsonb)::text, '[]', 'a stream that holds');
SELECT given.issued('n1', '{"kind":"stream"}') AS next \gset
SELECT is(split_part(given.error_of(format('SELECT api.channel_open(%L, %L)', 'n1', :'token')), ' ', 1), 'SR401', 'the next one revokes it');
SELECT is(api.bus_read(:position)->>'channels', format('{"n1":%s}', (SELECT serial FROM cara.channel WHERE node = 'n1')), 'servers hear which one holds now');
SELECT is(api.channel_check(format('{"n1":%s,"n2":1,"n9":1}', :serial)::jsonb)::jsonb, '["n1","n2","n9"]', 'or ask');
SELECT api.bus_read()->>'position' AS position \gset
SELECT is(given.issued('n1', '{"kind":"postgres"}')->>'kind', 'postgres', 'of another kind');
SELECT is(api.bus_read(:position)->>'channels', format('{"n1":%s}', (SELECT serial FROM cara.channel WHERE node = 'n1')), 'revokes it as well');
SELECT is(api.bus_read(:position)->>'nodes', '[]', 'which is no reason to look for work');
SELECT is(given.issued('n1')->>'kind', 'postgres', 'and with that');
SELECT api.bus_read()->>'position' AS position \gset
SELECT given.issued('n1');
SELECT is(api.bus_read(:position)->>'channels', '{}', 'there is no stream to end');
UPDATE cara.setting SET value = '0' WHERE name = 'channel_pg_max';
SELECT is(given.issued('n1')->>'kind', 'stream', 'where nobody may LISTEN, all have streams');
SELECT api.bus_read()->>'position' AS position \gset
SELECT api.node_create('{"metadata":{"name":"n3"}}'), given.issued('n3') \g /dev/null
SELECT api.node_delete('n3');
SELECT is(api.bus_read(:position)->>'channels', '{"n3":null}', 'the stream of a node that was deleted is to be ended');
UPDATE cara.setting SET value = '64' WHERE name = 'channel_pg_max';
SELECT api.channel_issue('n1', '{"kind":"postgres"}', NULL)::jsonb->>'conninfo' AS conninfo \gset
SELECT matches(:'conninfo'::text, '^dbname=''' || current_database() || ''' user=', 'an endpoint that says nothing leaves it to the agent''s environment');
SELECT is(api.can_issue_channels(), true, 'whether channels can be had is known');

-- A cluster that has outgrown it: whoever LISTENs without having asked for that is moved to a stream, a few at a time.
CREATE FUNCTION given.kinds() RETURNS text LANGUAGE sql AS $$ SELECT string_agg(c.node || ' ' || c.kind, ', ' ORDER BY c.node) FROM cara.channel c $$;
DELETE FROM cara.channel;
UPDATE cara.setting SET value = '2' WHERE name = 'channel_pg_max';
SELECT given.issued('n1', '{"kind":"postgres"}'), given.issued('n2') \g /dev/null
SELECT given.node('n3'), given.issued('n3'), given.node('n4'), given.issued('n4') \g /dev/null
SELECT is(given.kinds(), 'n1 postgres, n2 postgres, n3 stream, n4 stream', 'between once and twice channel_pg_max nodes newer ones have streams');
SELECT is(cara.move_channels(given.t()), 0::bigint, 'and nobody is moved');
SELECT is(given.issued('n2')->>'kind', 'postgres', 'who LISTENs may go on doing so');
SELECT is(given.issued('n3')->>'kind', 'stream', 'who has a stream keeps that');
SELECT given.node('n5');
SELECT role_name AS role_1 FROM cara.channel WHERE node = 'n1' \gset
SELECT role_name AS role_2 FROM cara.channel WHERE node = 'n2' \gset
SELECT api.tick(false, given.t('1s')) \g /dev/null
SELECT is(given.kinds(), 'n1 postgres, n3 stream, n4 stream', 'with more nodes than that its channel is revoked, but not that of who asked for it');
SELECT hasnt_role(:'role_2', 'with its role, which ends its session');
SELECT has_role(:'role_1', 'and no other');
SELECT is((SELECT string_agg(message || ' ' || count, ', ') FROM cara.event WHERE reason = 'ChannelsMoved'), 'With more than 4 nodes, agents that LISTEN on Postgres are moved to streams 1', 'an event says so');
SELECT is(given.issued('n2')->>'kind', 'stream', 'it asks again and gets a stream');
SELECT is(given.issued('n1', '{"kind":"postgres"}')->>'kind', 'postgres', 'who asks for postgres gets that also now');
SELECT is(cara.move_channels(given.t('2s')), 0::bigint, 'then there is nothing to move');
SELECT api.node_delete('n5');
SELECT is(given.issued('n2')->>'kind', 'stream', 'back under the limit nobody goes back');
SELECT given.node('n5'), cara.move_channels(given.t('3s')) \g /dev/null
SELECT is(given.kinds(), 'n1 postgres, n2 stream, n3 stream, n4 stream', 'so over it again there is nobody to move');
SELECT api.node_delete('n3'), api.node_delete('n4'), api.node_delete('n5');
SELECT is(given.issued('n2')->>'kind', 'postgres', 'a cluster that is small again starts anew');
SELECT given.issued('n1') \g /dev/null
UPDATE cara.setting SET value = '0' WHERE name = 'channel_pg_max';
SELECT is(cara.move_channels(given.t('4s')), 2::bigint, 'where nobody may LISTEN any more all are moved, and nobody who no longer asks for it stays');

UPDATE cara.setting SET value = '64' WHERE name = 'channel_pg_max';
SELECT given.node('m' || i), given.issued('m' || i) FROM generate_series(1, 20) i \g /dev/null
UPDATE cara.setting SET value = '5' WHERE name = 'channel_pg_max';
SELECT is((api.tick(false, given.t('10s'))->>'nextInMs')::int, 1000, 'the tick comes again after a second');
SELECT is((SELECT count(*) FROM cara.channel WHERE node ~ '^m' AND kind = 'postgres'), 12::bigint, 'when it has moved eight');
SELECT is((SELECT count(*) FROM cara.channel WHERE node = ANY (ARRAY(SELECT 'm' || i FROM generate_series(1, 8) i))), 0::bigint, 'those who had theirs the longest');
SELECT api.tick(false, given.t('10.9s')) \g /dev/null
SELECT is((SELECT count(*) FROM cara.channel WHERE node ~ '^m' AND kind = 'postgres'), 12::bigint, 'not more before, however often it comes');
SELECT api.tick(false, given.t('11s')) \g /dev/null
SELECT is((SELECT count(*) FROM cara.channel WHERE node ~ '^m' AND kind = 'postgres'), 4::bigint, 'but eight each second');
SELECT is((api.tick(false, given.t('12s'))->>'nextInMs')::int, 1000, 'until');
SELECT isnt((api.tick(false, given.t('13s'))->>'nextInMs')::int, 1000, 'nobody is left');
SELECT is((SELECT count(*) FROM cara.channel WHERE node ~ '^m' AND kind = 'postgres'), 0::bigint, 'who LISTENs');
DELETE FROM cara.node WHERE name ~ '^m';
UPDATE cara.setting SET value = '64' WHERE name = 'channel_pg_max';
SELECT given.issued('n1'), given.issued('n2') \g /dev/null

-- What the role may do: connect, LISTEN. Everything else is denied.
SELECT role_name AS role FROM cara.channel WHERE node = 'n1' \gset
SELECT role_name AS other FROM cara.channel WHERE node = 'n2' \gset
SELECT is(given.as_role(:'role', 'LISTEN some_channel'), '00000', 'the role may LISTEN');
SELECT is(given.as_role(:'role', 'SELECT 1'), '00000', 'and ask whether the connection lives');
SELECT is(has_database_privilege(:'role', current_database(), 'CONNECT'), true, 'and connect');
SELECT is(given.as_role(:'role', statement), '42501', 'denied: ' || statement)
  FROM (SELECT format('%s cara.%I%s', v.verb, c.relname, v.rest) FROM pg_class c, (VALUES ('SELECT FROM', ''), ('DELETE FROM', ''), ('TRUNCATE', ''), ('INSERT INTO', ' DEFAULT VALUES'), ('LOCK TABLE', '')) v(verb, rest)
         WHERE c.relnamespace = 'cara'::regnamespace AND (c.relkind = 'r' OR (c.relkind = 'v' AND v.verb = 'SELECT FROM')) ORDER BY c.relname, v.verb) s(statement);
SELECT is_empty(format($$ SELECT oid::regprocedure FROM pg_proc WHERE pronamespace IN ('cara'::regnamespace, 'api'::regnamespace) AND has_function_privilege(%L, oid, 'EXECUTE') $$, :'role'), 'no function may be executed');
SELECT is_empty(format($$ SELECT n.nspname FROM pg_namespace n WHERE n.nspname IN ('cara', 'api') AND (has_schema_privilege(%1$L, n.oid, 'USAGE') OR has_schema_privilege(%1$L, n.oid, 'CREATE')) $$, :'role'), 'no schema of ours may be looked into');
SELECT is_empty(format($$ SELECT sequencename FROM pg_sequences WHERE CASE schemaname WHEN 'cara' THEN has_sequence_privilege(%L, format('cara.%%I', sequencename), 'USAGE, SELECT, UPDATE') END $$, :'role'), 'no sequence may be drawn from');
SELECT is(given.as_role(:'role', statement), '42501', 'denied: ' || statement)
  FROM (VALUES ('SELECT api.node_list()'), ('SELECT api.tick()'), ('SELECT cara.wake(NULL)'), ('SELECT api.bus_notify()'), ('SELECT api.bus_read()'), ('SELECT FROM api.watch_read(''Node'', ''{}'', 0)'), ('SELECT api.channel_open(''n1'', ''x'')'), ('SELECT nextval(''cara.change_id'')'), ('SELECT last_value FROM cara.change_id'), ('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename <> current_user'), ('SELECT pg_create_logical_replication_slot(''x'', ''y'')'), ('SELECT pg_reload_conf()'), ('SELECT pg_advisory_xact_lock_shared(1)'), ('SELECT pg_switch_wal()'), ('SELECT nextval(''cara.epoch'')'),
               ('CREATE TABLE public.x (i int)'), ('CREATE TEMP TABLE x (i int)'), ('CREATE SCHEMA x'), ('CREATE ROLE x'), ('CREATE EXTENSION pg_trgm'),
               ('CREATE FUNCTION public.x() RETURNS int LANGUAGE sql AS ''SELECT 1'''), ('COPY (SELECT 1) TO PROGRAM ''true'''), ('SELECT pg_read_file(''postgresql.conf'')'),
               ('SELECT pg_advisory_lock(1)'), ('SELECT pg_try_advisory_lock(1)'), ('SELECT pg_advisory_xact_lock(1)'), ('SELECT lo_create(0)'), ('SELECT lo_from_bytea(0, ''x'')'), ('SELECT FROM pg_authid'), ('ALTER ROLE cara_channel SUPERUSER'), ('GRANT cara_server TO cara_channel'),
               ('SELECT pg_cancel_backend(pg_backend_pid())')) v(statement);
-- Who may not SET ROLE cannot be asked in a session that a superuser logged in to; membership is what decides.
SELECT is(pg_has_role(:'role', 'cara_server', 'MEMBER') OR pg_has_role(:'role', :'other', 'MEMBER') OR pg_has_role(:'role', 'pg_read_all_data', 'MEMBER'), false, 'nor become anyone else');
SELECT is_empty($$ SELECT 1 FROM pg_roles r WHERE rolname IN ('cara_channel', 'cara_server') AND (rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb) $$, 'group roles cannot log in');

-- Gone with its node.
SELECT api.node_delete('n1');
SELECT hasnt_role(:'role', 'a node''s role goes with it');
SELECT has_role(:'other', 'others stay');
DELETE FROM cara.node;
SELECT hasnt_role(:'other', 'however the node goes');

-- A queue of notifications that someone holds up: nothing to do while there is room.
SELECT lives_ok('SELECT cara.guard_bus(given.t())', 'with room in the queue nobody is thrown out');

SELECT * FROM finish();
ROLLBACK;
