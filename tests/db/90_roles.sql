-- Who may do what: the server EXECUTEs api.* and nothing else, PUBLIC nothing at all.
BEGIN;
\ir given.psql
SELECT * FROM no_plan(); -- one test for each function and table there is

SELECT given.node('n1'), given.project('web');

-- The server's role, function by function and table by table.
SELECT has_role('cara_server', 'the server has a role of its own');
SELECT is(api.server_role(), 'cara_server', 'which it finds by asking');
SELECT is(has_function_privilege('cara_server', p.oid, 'EXECUTE'), true, 'cara_server may execute ' || p.oid::regprocedure)
  FROM pg_proc p WHERE p.pronamespace = 'api'::regnamespace ORDER BY p.oid::regprocedure::text;
SELECT is(has_function_privilege('cara_server', p.oid, 'EXECUTE'), false, 'but not ' || p.oid::regprocedure)
  FROM pg_proc p WHERE p.pronamespace = 'cara'::regnamespace ORDER BY p.oid::regprocedure::text;
SELECT is(given.as_role('cara_server', statement), '42501', 'denied: ' || statement)
  FROM (SELECT format('%s cara.%I%s', v.verb, c.relname, v.rest) FROM pg_class c, (VALUES ('SELECT FROM', ''), ('DELETE FROM', ''), ('TRUNCATE', ''), ('INSERT INTO', ' DEFAULT VALUES'), ('LOCK TABLE', '')) v(verb, rest)
         WHERE c.relnamespace = 'cara'::regnamespace AND (c.relkind = 'r' OR (c.relkind = 'v' AND v.verb = 'SELECT FROM')) ORDER BY c.relname, v.verb) s(statement);
SELECT is(given.as_role('cara_server', statement), '42501', 'denied: ' || statement)
  FROM (VALUES ('SELECT nextval(''cara.epoch'')'), ('SELECT nextval(''cara.change_id'')'), ('SELECT cara.schedule_lock()'), ('CREATE TABLE api.x (i int)'), ('CREATE TABLE cara.x (i int)'), ('CREATE TABLE public.x (i int)'),
               ('CREATE TEMP TABLE x (i int)'), ('CREATE SCHEMA x'), ('CREATE ROLE x'), ('DROP FUNCTION api.tick'), ('ALTER FUNCTION api.tick SECURITY INVOKER'),
               ('CREATE FUNCTION api.x() RETURNS int LANGUAGE sql AS ''SELECT 1'''), ('UPDATE cara.setting SET value = ''1s'''), ('SELECT FROM pg_authid')) v(statement);
SELECT is(has_schema_privilege('cara_server', s, 'CREATE') OR (s = 'cara' AND has_schema_privilege('cara_server', s, 'USAGE')), false, 'and can create nothing in schema ' || s) FROM unnest('{cara,api,public}'::text[]) s;

-- Which is enough for all it does.
SELECT is(given.as_role('cara_server', statement), '00000', 'allowed: ' || statement)
  FROM (VALUES ($$ SELECT api.node_create('{"metadata":{"name":"n2"}}', 'ann') $$), ($$ SELECT api.node_heartbeat('n2', '{"state":"Ready"}') $$), ($$ SELECT api.node_list('{}') $$), ($$ SELECT api.node_get('n2') $$),
               ($$ SELECT api.node_update('n2', '{}', 'ann') $$), ($$ SELECT api.channel_issue('n2', '{}', '{}') $$), ($$ SELECT api.project_create(json_build_object('metadata', json_build_object('name', 'p'), 'spec', json_build_object('services', json_build_array(json_build_object('name', 'a', 'image', 'x'))))::jsonb, 'ann') $$),
               ($$ SELECT api.schedule() $$), ($$ SELECT api.tick(true) $$), ($$ SELECT pg_try_advisory_xact_lock(api.tick_lock_key()) $$), ($$ SELECT api.node_assignments('n2') $$), ($$ SELECT api.node_report('n2', '{"reports":[]}') $$),
               ($$ SELECT api.project_list('{}') $$), ($$ SELECT api.project_report('p', '{"phase":"Running"}', 'ann') $$), ($$ SELECT api.project_delete('p', '{"force":["true"]}', 'ann') $$),
               ($$ SELECT api.apply('{"items":[]}', 'ann') $$), ($$ SELECT api.event_list('{}') $$), ($$ SELECT api.ready() $$), ($$ SELECT api.node_delete('n2', 'ann') $$), ('LISTEN cara_bus')) v(statement);
SELECT is(api.ready()::jsonb, '{"version": 8}', 'ready says which migration the database has');

-- PUBLIC: nobody who merely can log in.
CREATE ROLE given_stranger;
SELECT is_empty($$ SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace IN ('cara'::regnamespace, 'api'::regnamespace) AND has_function_privilege('given_stranger', p.oid, 'EXECUTE') $$, 'a stranger may execute nothing');
SELECT is_empty($$ SELECT c.relname FROM pg_class c WHERE c.relnamespace IN ('cara'::regnamespace, 'api'::regnamespace) AND c.relkind IN ('r', 'v') AND has_table_privilege('given_stranger', c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER') $$, 'nor see any table');
SELECT is_empty($$ SELECT sequencename FROM pg_sequences WHERE CASE schemaname WHEN 'cara' THEN has_sequence_privilege('given_stranger', format('cara.%I', sequencename), 'USAGE, SELECT, UPDATE') END $$, 'nor draw from a sequence');
SELECT is(has_schema_privilege('given_stranger', s, 'USAGE'), false, 'nor look into schema ' || s) FROM unnest('{cara,api}'::text[]) s;
SELECT is(has_database_privilege('given_stranger', current_database(), 'TEMPORARY'), false, 'nor make temporary tables');

-- Functions of the owner cannot be led astray by objects of the caller.
SELECT is_empty($$ SELECT p.oid::regprocedure FROM pg_proc p WHERE p.prosecdef AND p.pronamespace IN ('cara'::regnamespace, 'api'::regnamespace) AND NOT coalesce(p.proconfig, '{}') @> '{"search_path=cara, pg_temp"}' $$, 'functions with the owner''s rights search nothing of the caller''s before the owner''s');
SELECT is_empty($$ SELECT p.oid::regprocedure FROM pg_proc p WHERE p.prosecdef AND p.pronamespace IN ('cara'::regnamespace, 'api'::regnamespace) AND p.proowner <> (SELECT nspowner FROM pg_namespace WHERE nspname = 'cara') $$, 'and belong to the owner of the tables');

SELECT * FROM finish();
ROLLBACK;
