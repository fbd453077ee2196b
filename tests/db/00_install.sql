-- What is installed: every object says what it is for, and functions are what db/README.md promises of them.
BEGIN;
\ir given.psql
SELECT plan(24);

-- Everything that was designed is there.
SELECT tables_are('cara', ARRAY['assignment', 'change', 'change_was', 'channel', 'claim', 'clock', 'data_home', 'death', 'demand', 'event', 'field', 'installed', 'lease', 'leftover', 'migration',
    'node', 'node_proxy', 'node_room', 'node_state', 'node_state_transition', 'node_status', 'phase', 'phase_transition', 'project', 'project_service',
    'project_status', 'report_reason', 'revision', 'setting'], 'schema cara has the tables of the design');
SELECT tables_are('api', ARRAY[]::name[], 'schema api has no tables');
SELECT views_are('cara', ARRAY['deaths', 'events', 'nodes', 'projects', 'services'], 'schema cara has the views people read');
SELECT results_eq('SELECT version, name FROM cara.migration ORDER BY version', $$ VALUES (1, 'base'), (2, 'scheduling'), (3, 'speed'), (4, 'bus'), (5, 'reach'), (6, 'ingress'), (7, 'apply'), (8, 'decisions'), (9, 'agents'), (10, 'channels'), (11, 'history'), (12, 'budget'), (13, 'positions'), (14, 'claims'), (15, 'numbers'), (16, 'completed') $$, 'the migrations recorded themselves');
SELECT is((SELECT count(*) FROM cara.installed), 0::bigint, 'psql leaves no checksum, so that a server applies its own');

-- It explains itself.
CREATE VIEW given.function AS
SELECT p.oid, n.nspname AS schema, p.proname AS name, p.oid::regprocedure AS signature, p.prosecdef, p.proconfig, p.prosqlbody, p.prosrc, l.lanname
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
 WHERE n.nspname IN ('cara', 'api') AND l.lanname IN ('sql', 'plpgsql');

SELECT is_empty($$ SELECT signature FROM given.function WHERE coalesce(obj_description(oid, 'pg_proc'), '') = '' $$,
    'every function has a comment');
SELECT is_empty($$ SELECT c.oid::regclass FROM pg_class c WHERE c.relnamespace IN ('cara'::regnamespace, 'api'::regnamespace)
    AND c.relkind IN ('r', 'v') AND coalesce(obj_description(c.oid, 'pg_class'), '') = '' $$, 'every table and view has a comment');
SELECT is_empty($$ SELECT name FROM cara.setting WHERE comment = '' $$, 'every setting has a comment');

-- A function whose body is parsed when it is made (RETURN ...) cannot be led astray by a search_path; the others set it, but
-- for those that are called for each row or manifest and name all they use in full.
CREATE TEMP TABLE full_names (signature text);
INSERT INTO full_names VALUES ('cara.stamp()'), ('cara.stamp_new()'), ('cara.stamp_spec()'), ('cara.stamp_phase()'), ('cara.stamp_state()'), ('cara.check_phase_move()'),
    ('cara.wire_map(jsonb)'), ('cara.render(jsonb,text)'), ('cara.read_manifest(jsonb,text)'), ('cara.demand_of(text,jsonb)'), ('cara.names_of(text[],jsonb[])'),
    ('cara.check_name(text)'), ('cara.check_size(jsonb,numeric)'), ('cara.check_version(text,text,text,text)'), ('cara.check_project(jsonb,numeric,boolean)'),
    ('cara.check_project_spec(jsonb)'), ('cara.check_service(jsonb,jsonb,text)'), ('cara.is_canonical(jsonb,text)'), ('cara.render_string_list(jsonb)');
INSERT INTO full_names SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'cara'::regnamespace AND obj_description(p.oid, 'pg_proc') LIKE '%Written from cara.field.';
SELECT is_empty($$ SELECT signature FROM given.function WHERE prosqlbody IS NULL
    AND NOT coalesce(proconfig, '{}') @> '{"search_path=cara, pg_temp"}'
    AND signature::text NOT IN (SELECT f.signature FROM full_names f) $$, 'every function with a body of text sets its search_path');
SELECT is_empty($$ SELECT f.signature, m[1] FROM full_names f JOIN pg_proc p ON p.oid = f.signature::regprocedure,
        regexp_matches(p.prosrc, '(?<![\w.''>])([a-z_]+)\s*\(', 'g') m
    WHERE EXISTS (SELECT FROM pg_proc o WHERE o.pronamespace = 'cara'::regnamespace AND o.proname = m[1]) $$, 'or names in full the functions it calls');
SELECT is_empty($$ SELECT f.signature, m[1] FROM full_names f JOIN pg_proc p ON p.oid = f.signature::regprocedure,
        regexp_matches(p.prosrc, '(?:FROM|JOIN|INTO|UPDATE)\s+([a-z_]+)\M(?!\.)', 'g') m
    WHERE to_regclass('cara.' || m[1]) IS NOT NULL $$, 'and the tables it reads');
SELECT is_empty($$ SELECT signature FROM given.function WHERE schema = 'api' AND NOT prosecdef $$,
    'functions of api are SECURITY DEFINER');
SELECT is_empty($$ SELECT signature FROM given.function WHERE schema = 'cara' AND prosecdef $$, 'no function of cara is');
SELECT is_empty($$ SELECT name FROM given.function WHERE schema = 'api' GROUP BY name HAVING count(*) > 1 $$,
    'no function of api is overloaded');
SELECT is_empty($$ SELECT signature FROM given.function WHERE schema = 'api' AND signature::text ~ '_(create|update|delete|apply)\('
    AND pg_get_function_arguments(oid) !~ 'p_actor text DEFAULT SESSION_USER' $$, 'what people ask for is somebody''s: p_actor, by default session_user');
SELECT is_empty($$ SELECT signature FROM given.function WHERE prosrc ~* '\mSET\s+ROLE\M' $$, 'no function changes role');

-- Each call the server makes, with the parameters it passes.
SELECT has_function('api', f.name, f.parameters, format('api.%s(%s)', f.name, array_to_string(f.parameters, ', ')))
  FROM (VALUES ('tick', ARRAY['boolean', 'timestamp with time zone']),
               ('schedule', ARRAY['timestamp with time zone']),
               ('node_heartbeat', ARRAY['text', 'text', 'timestamp with time zone']),
               ('project_report', ARRAY['text', 'jsonb', 'text', 'timestamp with time zone'])) f(name, parameters);

-- Settings can be tuned but not to nonsense.
SELECT lives_ok($$ UPDATE cara.setting SET value = '30s' WHERE name = 'heartbeat_timeout' $$, 'a setting can be changed');
SELECT is(cara.setting_interval('heartbeat_timeout'), interval '30 seconds', 'and is read anew at once');
SELECT results_eq(format($$ SELECT given.error_of(format('UPDATE cara.setting SET value = %%L WHERE name = %%L', v.value, v.name)) <> 'none'
        FROM (VALUES ('heartbeat_timeout', '-1s'), ('heartbeat_timeout', 'soon'), ('max_services', '-1'), ('max_services', '1.5'),
                     ('max_services', 'many'), ('eviction_brake', '-0.1')) v(name, value) $$),
    $$ SELECT true FROM generate_series(1, 6) $$, 'a negative or meaningless value is refused');
SELECT is(cara.setting_interval('no_such_setting'), NULL, 'a setting that is not there is NULL');

SELECT * FROM finish();
ROLLBACK;
