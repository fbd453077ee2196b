-- PATCH of a project's phase without an epoch: an operator's word, or that of the original's agent. Any phase may
-- be forced and the event says by whom, but nothing comes back from a deletion.
BEGIN;
\ir given.psql
SELECT plan(59);

SELECT given.node('n1');
SELECT is(given.error_of(format('SELECT api.project_report(%L, %L)', name, body)), error, error)
  FROM (VALUES ('nobody', '{}', 'SR400 phase: phase is required'),
               ('nobody', '{"phase":""}', 'SR400 phase: phase is required'),
               ('nobody', '{"phase":"Bogus"}', 'SR400 phase: invalid phase Bogus: must be one of Pending, Scheduled, Running, Failed, Terminating, Terminated'),
               ('nobody', '{"phase":"running"}', 'SR400 phase: invalid phase running: must be one of Pending, Scheduled, Running, Failed, Terminating, Terminated'),
               ('nobody', '{"phase":5}', 'SR400 phase: invalid request body: phase: expected a string, found 5'),
               ('nobody', '{"phase":"Running"}', 'SR404 project not found: nobody: resource not found')) v(name, body, error);

-- Any phase after any phase, except back from a deletion.
CREATE FUNCTION given.forced(p_from text, p_to text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_error text;
BEGIN
    PERFORM given.project('p');
    PERFORM api.project_report('p', jsonb_build_object('phase', p_from), 'ann', given.t());
    v_error := given.error_of(format('SELECT api.project_report(%L, %L, %L, given.t())', 'p', jsonb_build_object('phase', p_to, 'reason', 'Because'), 'bob'));
    v_error := concat_ws(' ', v_error, given.phase_of('p'),
        (SELECT 'forced by ' || actor FROM cara.event WHERE name = 'p' AND reason = 'PhaseForced' AND actor = 'bob' ORDER BY id DESC LIMIT 1));
    DELETE FROM cara.project;
    DELETE FROM cara.event;
    RETURN v_error;
END
$$;
SELECT is(given.forced(f.name, t.name),
          CASE WHEN f.name IN ('Terminating', 'Terminated') AND t.name NOT IN ('Terminating', 'Terminated') THEN 'SR409 phase: project "p" is being deleted ' || f.name
               WHEN f.name = t.name OR EXISTS (SELECT FROM cara.phase_transition WHERE (from_phase, to_phase) = (f.name, t.name)) THEN 'none ' || t.name
               ELSE format('none %s forced by bob', t.name) END, format('PATCH from %s to %s', f.name, t.name))
  FROM cara.phase f, cara.phase t ORDER BY f.position, t.position;

-- What follows from it.
SELECT given.project('web');
SELECT api.schedule(given.t());
SELECT is(api.project_report('web', '{"phase":"Running","reason":"ContainersRunning","message":"m","services":[]}', 'ann', given.t('1s'))::text, NULL, 'a PATCH answers nothing');
SELECT is((api.project_get('web')#>'{status,conditions,0}')::text, '{"type":"Phase","status":"True","lastHeartbeatTime":"0001-01-01T00:00:00Z","lastTransitionTime":"2030-01-01T00:00:01Z","reason":"ContainersRunning","message":"m"}',
    'reason and message become the condition');
SELECT is(given.node_of('web'), 'n1', 'its node stays');
SELECT api.project_report('web', '{"phase":"Pending"}', 'ann', given.t('2s'));
SELECT is((SELECT released_because FROM cara.assignment), 'Forced', 'back to Pending takes it from its node');
SELECT is(api.node_assignments('n1')#>>'{items,0,desired}', 'Removed', 'which clears up');
SELECT is(api.schedule(given.t('3s')), 1, 'and it is placed anew');
SELECT api.project_report('web', '{"phase":"Failed","reason":"RemoveError"}', 'node', given.t('4s'));
SELECT is(given.phase_of('web'), 'Failed', 'RemoveError without a deletion is just a failure');
SELECT api.project_report('web', '{"phase":"Terminating"}', 'ann', given.t('5s'));
SELECT is((SELECT deleted_at FROM cara.project), given.t('5s'), 'Terminating by hand is a deletion');
SELECT is((SELECT count(*) FROM cara.revision WHERE name = 'web' AND verb = 'delete'), 1::bigint, 'on record like any other');
SELECT api.project_report('web', '{"phase":"Failed","reason":"RemoveError","message":"busy"}', 'node', given.t('6s'));
SELECT is(given.phase_of('web') || ' ' || given.reason_of('web'), 'Terminating RemoveError', 'during which RemoveError is no failure');
SELECT throws_ok($$ SELECT api.project_report('web', '{"phase":"Running"}') $$, 'SR409', 'project "web" is being deleted', 'nothing resurrects it');
SELECT api.project_report('web', '{"phase":"Terminated","reason":"ResourcesRemoved"}', 'node', given.t('7s'));
SELECT is((SELECT count(*) FROM cara.assignment WHERE gone_at IS NULL), 0::bigint, 'Terminated by hand leaves nothing on its node');
SELECT given.tick(given.t('9s'));
SELECT throws_ok($$ SELECT api.project_get('web') $$, 'SR404', NULL, 'and the row goes');

-- With an epoch it is an agent's report, and fenced like one.
SELECT given.project('web');
SELECT api.schedule(given.t());
SELECT throws_ok(format('SELECT api.project_report(%L, %L)', 'web', jsonb_build_object('phase', 'Running', 'generation', 1, 'epoch', given.epoch_of('web') - 1)), 'SR409', NULL, 'a stale epoch is refused');
SELECT throws_ok(format('SELECT api.project_report(%L, %L)', 'web', jsonb_build_object('phase', 'Running', 'generation', 1, 'node', 'n2', 'epoch', given.epoch_of('web'))), 'SR409', NULL, 'another node too');
SELECT lives_ok(format('SELECT api.project_report(%L, %L)', 'web', jsonb_build_object('phase', 'Running', 'generation', 1, 'epoch', given.epoch_of('web'))), 'the current one is taken');
SELECT is((SELECT actor FROM cara.event ORDER BY id DESC LIMIT 1), 'node:n1', 'as its node''s word');

SELECT * FROM finish();
ROLLBACK;
