-- What becomes of the clock when a decision fails: all that is due by time goes on, and the reason is told.
BEGIN;
\ir given.psql
SELECT plan(20);

-- Another body for a function, until the ROLLBACK.
CREATE FUNCTION given.body(p_function text, p_arguments text, p_returns text, p_body text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('CREATE OR REPLACE FUNCTION %s(%s) RETURNS %s LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp AS %L', p_function, p_arguments, p_returns, p_body);
END
$$;
CREATE FUNCTION given.told() RETURNS bigint LANGUAGE sql AS $$ SELECT sum(count) FROM cara.event WHERE reason = 'DecisionFailed' $$;
SELECT pg_get_functiondef('api.schedule'::regproc) AS schedule \gset

SELECT given.node('n1'), given.node('n2'), given.project('gone'), given.project('late', '{"expireAt":"2030-01-01T00:01:00Z"}');
SELECT api.schedule(given.t()) \g /dev/null
SELECT given.running('gone'), given.running('late');
SELECT api.project_delete('gone', '{}', 'ann');
SELECT given.says('gone', 'Terminated', 'ResourcesRemoved');
SELECT given.project('new');
INSERT INTO cara.change (id, kind, name, op, at) VALUES (nextval('cara.change_id'), 'Node', 'old', 'UPDATE', given.t('-2h'));
UPDATE cara.clock SET trim_due_at = given.t();

SELECT given.body('api.schedule', 'p_now timestamptz DEFAULT clock_timestamp()', 'int', $$ BEGIN
    UPDATE project_status SET message = 'half done' WHERE project = 'new'; PERFORM 1 / 0; RETURN 1; END $$);
SELECT api.node_heartbeat('n2', '', given.t('91s')) \g /dev/null
SELECT given.tick(given.t('91s')) AS tick \gset
SELECT is(:'tick'::json->>'failed', 'Placing projects failed and is tried again: division by zero (22012)', 'a decision that raises is told');
SELECT is(:'tick'::json->>'placed', '0', 'as none');
SELECT is((:'tick'::json->>'nextInMs')::int, 1000, 'and tried again after a second');
SELECT is(given.state_of('n1'), 'NotReady', 'leases run out');
SELECT is(given.phase_of('late'), 'Terminating', 'what expires is deleted');
SELECT is((SELECT count(*) FROM cara.project WHERE name = 'gone'), 0::bigint, 'deletions end');
SELECT is((SELECT count(*) FROM cara.change WHERE name = 'old'), 0::bigint, 'the change log is trimmed');
SELECT is((SELECT message FROM cara.project_status WHERE project = 'new'), '', 'what the decision had done is undone');
SELECT results_eq($$ SELECT kind, name, type, message, actor FROM cara.event WHERE reason = 'DecisionFailed' $$,
    $$ VALUES ('Cluster', 'cluster' COLLATE "C", 'Warning', 'Placing projects failed and is tried again: division by zero (22012)', 'system:scheduler') $$, 'an event of the cluster says so');
SELECT given.tick(given.t('92s')) \g /dev/null
SELECT cara.event_record('Cluster', 'cluster', 'Warning', 'EvictionStopped', 'another one in between', 'system:tick', given.t('92s'));
SELECT given.tick(given.t('93s')) \g /dev/null
SELECT is(given.told(), 1::bigint, 'once for each cause');
SELECT given.tick(given.t('93s') + interval '1h') \g /dev/null
SELECT is(given.told(), 2::bigint, 'and again after an hour');

-- Cancelled, as by a statement timeout.
SELECT given.body('api.schedule', 'p_now timestamptz DEFAULT clock_timestamp()', 'int', $$ BEGIN PERFORM pg_cancel_backend(pg_backend_pid()); PERFORM pg_sleep(60); RETURN 1; END $$);
SELECT matches(given.tick(given.t('1h 94s'))->>'failed', '^Placing projects failed .*\(57014\)$', 'a decision that is cancelled has failed, and the rest is done');
SELECT is(given.told(), 3::bigint, 'another cause is told, too');

-- What takes projects off nodes may fail as well; both are tried.
SELECT pg_get_functiondef('cara.evict_unwanted'::regproc) AS evict \gset
SELECT given.body('cara.evict_unwanted', 'p_now timestamptz, p_limit bigint', 'bigint', $$ BEGIN RAISE 'no %', p_limit; END $$);
SELECT api.node_heartbeat('n2', '', given.t('2h')) \g /dev/null
:schedule;
SELECT given.tick(given.t('2h')) AS tick \gset
SELECT is(:'tick'::json->>'failed', 'Taking projects off nodes failed and is tried again: no <NULL> (P0001)', 'what fails to take projects off nodes is told');
SELECT is(:'tick'::json->>'placed', '1', 'and keeps nobody from being placed');
SELECT is(given.node_of('new'), 'n2', 'where it should be');
SELECT is((api.tick_due(false, given.t('2h'))->>'removed')::int >= 0, true, 'what is due by time can be had alone');
SELECT is((SELECT count(*) FROM json_object_keys(api.decide(given.t('2h')))), 4::bigint, 'and so can decisions');
:evict;
SELECT is(given.tick(given.t('2h 1s'))->>'failed', NULL, 'nothing is told when nothing fails');
SELECT is(current_setting('lock_timeout'), '0', 'and a decision''s patience with locks is its own');

SELECT * FROM finish();
ROLLBACK;
