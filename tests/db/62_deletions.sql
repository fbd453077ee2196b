-- The clock and deletions: they wait for their nodes, but not for ever; what is gone can be seen for a moment;
-- what expires is deleted; history is trimmed.
BEGIN;
\ir given.psql
SELECT plan(28);

SELECT given.node('n1'), given.node('n2'), given.node('n3'), given.project('web');
SELECT api.schedule(given.t()), given.running('web');
UPDATE cara.setting SET value = '100d' WHERE name = 'heartbeat_timeout'; -- nobody is lost by accident here

-- A node that is alive is waited for as long as it takes.
SELECT api.project_delete('web', '{}', 'ann');
UPDATE cara.project SET deleted_at = given.t();
SELECT given.tick(given.t('1d'));
SELECT is(given.phase_of('web'), 'Terminating', 'a node that is alive is waited for');
-- One that is lost until the timeout, counted from when it was lost.
SELECT api.node_heartbeat('n1', '{"state":"NotReady"}', given.t('1d'));
SELECT is((api.project_get('web')#>'{status,conditions,1}')::text, '{"type":"TerminatingAt","status":"True","lastHeartbeatTime":"0001-01-01T00:00:00Z","lastTransitionTime":"2030-01-02T00:00:00Z","reason":"NodeNotReady","message":"Node went NotReady while project was Terminating; force-termination timeout clock started"}',
    'a lost one starts a clock, which is shown');
SELECT given.tick(given.t('1d 9min 59s'));
SELECT is(given.phase_of('web'), 'Terminating', 'that runs for the timeout');
SELECT given.tick(given.t('1d 10min'));
SELECT results_eq('SELECT phase, reason, message, phase_since FROM cara.project_status', $$ VALUES ('Terminated', 'TerminationTimeout',
    'Node was NotReady for too long; project force-terminated. Docker resources on the node may need manual cleanup.', given.t('1d 10min')) $$, 'then it is given up, and says so');
SELECT given.tick(given.t('1d 10min 0.999s'));
SELECT is(given.phase_of('web'), 'Terminated', 'which can be seen for a moment');
SELECT is(given.tick(given.t('1d 10min 1s'))->>'removed', '1', 'before the row goes');
SELECT is((SELECT message || ' (' || actor || ')' FROM cara.event WHERE name = 'web' ORDER BY id DESC LIMIT 1), 'Project deleted (system:tick)', 'with an event');
-- When the node was lost before the deletion was asked for, the clock starts with the deletion.
SELECT api.node_heartbeat('n1', '{"state":"Ready"}', given.t('2d')), given.project('late'), api.schedule(given.t('2d'));
SELECT given.running('late'), api.node_heartbeat('n1', '{"state":"NotReady"}', given.t('2d'));
SELECT api.project_delete('late');
UPDATE cara.project SET deleted_at = given.t('2d 2min');
SELECT given.tick(given.t('2d 11min'));
SELECT is(given.phase_of('late'), 'Terminating', 'a deletion has its whole timeout');
SELECT is(api.project_get('late')#>>'{status,conditions,1,lastTransitionTime}', '2030-01-03T00:02:00Z', 'as its condition shows');
-- After a gap in the control plane nothing is given up before the node could have answered.
UPDATE cara.setting SET value = '90s' WHERE name = 'heartbeat_timeout';
SELECT api.tick(false, given.t('2d 1h'));
SELECT is(given.phase_of('late'), 'Terminating', 'a gap in the control plane is not the node''s');
SELECT is((api.tick(false, given.t('2d 1h 45s'))->>'nextInMs')::int <= 45000, true, 'it is looked at again');
SELECT api.tick(false, given.t('2d 1h 90s'));
SELECT is(given.phase_of('late'), 'Terminated', 'when that is over');
-- A node that comes back in time and clears up.
UPDATE cara.setting SET value = '100d' WHERE name = 'heartbeat_timeout';
SELECT api.node_heartbeat(n, '{"state":"Ready"}', given.t('3d')) FROM unnest('{n1,n2,n3}'::text[]) n;
SELECT given.project('back');
SELECT api.schedule(given.t('3d')), given.running('back');
SELECT api.node_heartbeat('n1', '{"state":"NotReady"}', given.t('3d')), api.project_delete('back');
SELECT given.tick(given.t('3d 5min'));
SELECT api.node_heartbeat('n1', '{"state":"Ready"}', given.t('3d 6min'));
SELECT given.tick(given.t('3d 20min'));
SELECT is(given.phase_of('back'), 'Terminating', 'a node that is back is waited for again');
SELECT is(given.says('back', 'Terminated', 'ResourcesRemoved', given.t('3d 21min')), '204', 'and clears up');
-- A left-over on a node that never clears it: it is given up after the timeout, too.
SELECT given.tick(given.t('3d 22min')), given.project('moved');
SELECT api.schedule(given.t('4d'));
UPDATE cara.assignment SET released_at = given.t('4d'), released_because = 'test' WHERE project = 'moved';
UPDATE cara.project_status SET phase = 'Pending' WHERE project = 'moved';
SELECT api.project_delete('moved');
SELECT given.tick(given.t('4d 9min'));
SELECT is(given.phase_of('moved'), 'Terminating', 'a left-over is waited for');
SELECT given.tick(given.t('4d 10min'));
SELECT is(given.reason_of('moved'), 'TerminationTimeout', 'not longer than the timeout, though its node is alive');
DELETE FROM cara.project;

-- expireAt.
SELECT given.project('soon', '{"expireAt":"2030-01-06T00:00:00Z"}'), given.project('placed', '{"expireAt":"2030-01-06T00:00:00Z"}'), given.project('never');
SELECT given.tick(given.t('4d 23h'));
SELECT is((SELECT count(*) FROM cara.project WHERE deleted_at IS NOT NULL), 0::bigint, 'before its time nothing expires');
SELECT is((given.tick(given.t('4d 23h 59min 55s'))->>'nextInMs')::int, 5000, 'the tick wants to be called in time');
UPDATE cara.assignment SET released_at = given.t('5d'), released_because = 'test', gone_at = given.t('5d') WHERE project = 'soon';
UPDATE cara.project_status SET phase = 'Pending' WHERE project = 'soon';
SELECT given.tick(given.t('5d'));
SELECT is((SELECT string_agg(project || ' ' || phase, ', ' ORDER BY project) FROM cara.project_status), 'never Scheduled, placed Terminating', 'what expired is deleted like by hand');
SELECT is((SELECT DISTINCT actor FROM cara.revision WHERE verb = 'delete' AND name IN ('soon', 'placed')), 'system:expireAt', 'and it is known why');
SELECT given.tick(given.t('5d 1s'));
SELECT is((SELECT count(*) FROM cara.revision WHERE verb = 'delete' AND name = 'placed'), 1::bigint, 'once');

-- History.
INSERT INTO cara.event (kind, name, type, reason, message, actor, first_at, last_at)
SELECT 'Cluster', 'cluster', 'Normal', 'Age', a::text, 'test', given.t('10d') - a, given.t('10d') - a FROM unnest('{6d 23h,7d,7d 1s}'::interval[]) a;
INSERT INTO cara.change (id, kind, name, op, at) SELECT nextval('cara.change_id'), 'Node', 'age' || a, 'UPDATE', given.t('10d') - a FROM unnest('{61min,60min,59min}'::interval[]) a;
SELECT given.tick(given.t('10d'));
SELECT results_eq($$ SELECT message FROM cara.event WHERE reason = 'Age' ORDER BY last_at $$, ARRAY['7 days', '6 days 23:00:00'], 'events are kept for their retention');
SELECT results_eq($$ SELECT name FROM cara.change WHERE name LIKE 'age%' ORDER BY id $$, ARRAY['age01:00:00', 'age00:59:00'], 'changes for theirs');
SELECT cmp_ok((SELECT count(*) FROM cara.revision), '>', 5::bigint, 'revisions for good');

-- Decisions that are over: of each project the newest are kept.
DELETE FROM cara.project;
SELECT given.project('web'), given.project('other');
INSERT INTO cara.assignment (project, node, why, decided_at, released_at, released_because, gone_at)
SELECT 'web', 'n1', 'Spread', given.t('20d 3h') + n * interval '1s', given.t('20d 3h') + n * interval '1s', 'test', CASE WHEN n <> 2 THEN given.t('20d 3h') + n * interval '1s' END FROM generate_series(1, 6) n;
UPDATE cara.setting SET value = '3' WHERE name = 'decisions_kept';
SELECT given.tick(given.t('20d 3h 30s')) \g /dev/null
SELECT is((SELECT count(*) FROM cara.assignment WHERE project = 'web' AND released_because = 'test'), 6::bigint, 'decisions of the last minute stay: they count for the rate of evictions');
UPDATE cara.clock SET trim_due_at = given.t();
SELECT given.tick(given.t('20d 3h 2min')) \g /dev/null
SELECT is((SELECT string_agg(extract(second FROM released_at)::int::text, ' ' ORDER BY released_at) FROM cara.assignment WHERE project = 'web' AND released_because = 'test'), '2 4 5 6',
    'the newest ones are kept, and what a node has yet to clear away');
SELECT is(cara.trim_decisions(given.t('20d 3h 5min')), false, 'nobody is looked at again');
UPDATE cara.setting SET value = '1' WHERE name = 'decisions_kept';
SELECT given.tick(given.t('20d 3h 6min')) \g /dev/null
SELECT is((SELECT string_agg(extract(second FROM released_at)::int::text, ' ' ORDER BY released_at) FROM cara.assignment WHERE project = 'web' AND released_because = 'test'), '2 6', 'until the setting changes');

SELECT * FROM finish();
ROLLBACK;
