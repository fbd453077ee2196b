-- Epochs over the life of a project: they rise with every decision, and a node that gets a project back takes over
-- what is left of it there.
BEGIN;
\ir given.psql
SELECT plan(18);

-- Given a project that ran on n1 and was lost with it.
SELECT given.node('n1'), given.project('web');
SELECT api.schedule(given.t()), given.running('web');
SELECT given.epoch_of('web') AS epoch \gset
SELECT api.node_heartbeat('n1', '{"state":"NotReady"}', given.t());
SELECT is(given.tick(given.t('3min'))->>'rescheduled', '1', 'given a project that was lost with its node');
SELECT is(given.phase_of('web') || ' ' || given.reason_of('web'), 'Pending NoNodeAvailable', 'and waits');
SELECT is(api.node_assignments('n1')#>>'{items,0,desired}', 'Removed', 'its node, if it comes back now, clears up');

-- The same node comes back and gets it again: nothing has to be cleared away, the new epoch takes over.
SELECT api.node_heartbeat('n1', '{"state":"Ready"}', given.t('4min'));
SELECT is(api.schedule(given.t('4min')), 1, 'the node comes back and gets it again');
SELECT cmp_ok(given.epoch_of('web'), '>', :epoch::bigint, 'under a higher epoch');
SELECT is((SELECT count(*) FROM cara.assignment WHERE project = 'web'), 2::bigint, 'every decision is kept');
SELECT is((SELECT gone_at FROM cara.assignment WHERE epoch = :epoch), given.t('4min'), 'the old epoch is superseded');
SELECT is((SELECT string_agg(concat_ws(' ', i->>'desired', i->>'epoch'), ', ') FROM json_array_elements(api.node_assignments('n1')->'items') i),
    'Running ' || given.epoch_of('web'), 'the node is asked for one thing: to run the new one');
SELECT is(given.report('n1', jsonb_build_object('project', 'web', 'epoch', :epoch, 'generation', 1, 'phase', 'Running')), format('409 epoch %s is not current (%s)', :epoch, given.epoch_of('web')), 'the old epoch is stale');
SELECT is(given.running('web'), '204', 'the new one is not');

-- Moved to and fro: the old epochs of one node never outlive its newest.
SELECT given.node('n2');
SELECT given.epoch_of('web') AS epoch \gset
SELECT api.node_heartbeat('n1', '{"state":"NotReady"}', given.t('10min')), api.node_heartbeat('n2', '', given.t('14min'));
SELECT given.tick(given.t('14min'));
SELECT is(given.node_of('web'), 'n2', 'lost again, moved to the other node');
SELECT api.node_heartbeat('n1', '{"state":"Ready"}', given.t('20min')), api.node_heartbeat('n2', '{"state":"NotReady"}', given.t('20min'));
SELECT given.tick(given.t('20min'));
SELECT is(given.node_of('web'), 'n1', 'which is lost before it ran there, so back at once');
SELECT results_eq($$ SELECT node, released_because, gone_at IS NULL FROM cara.assignment WHERE project = 'web' ORDER BY epoch $$,
    $$ VALUES ('n1' COLLATE "C", 'NodeLost', false), ('n1', 'NodeLost', false), ('n2', 'NodeLost', true), ('n1', NULL, true) $$, 'the history says all of it');
SELECT is(api.node_assignments('n2')#>>'{items,0,desired}', 'Removed', 'the other node has to clear up');
SELECT is(api.node_assignments('n1')#>>'{items,0,desired}', 'Running', 'this one to run it');

-- Deleted by force while it runs, made anew: the node sees another uid and epoch.
SELECT api.node_assignments('n1')->'items'->0 AS before \gset
SELECT api.project_delete('web', '{"force":["true"]}'), given.project('web');
SELECT is(json_array_length(api.node_assignments('n1')->'items'), 0, 'deleted by force, nothing is asked of the node');
SELECT api.schedule(given.t('21min'));
SELECT isnt(api.node_assignments('n1')#>>'{items,0,uid}', :'before'::json->>'uid', 'the same name again is another project');
SELECT cmp_ok((api.node_assignments('n1')#>>'{items,0,epoch}')::int, '>', (:'before'::json->>'epoch')::int, 'with a higher epoch');

SELECT * FROM finish();
ROLLBACK;
