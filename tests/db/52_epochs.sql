-- Epochs over the life of a project: they rise with every decision, and a node that gets a project back takes over
-- what is left of it there.
BEGIN;
\ir given.psql
SELECT plan(26);

-- Given a project that ran on n1 and was lost with it.
SELECT given.witness(), given.node('n1'), given.project('web');
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
SELECT is((SELECT string_agg(concat_ws(' ', e->>'project', e->>'epoch', e->>'uid', e->>'desired', e->>'phase'), ',') FROM json_array_elements(api.node_assignments('n1')->'items') e),
    concat_ws(' ', 'web', :'before'::json->>'epoch', :'before'::json->>'uid', 'Removed Terminated'), 'deleted by force, the node hears of it until it has cleared away, data included');
SELECT api.schedule(given.t('21min'));
SELECT is(json_array_length(api.node_assignments('n1')->'items'), 1, 'its namesake on the same node takes over what is left');
SELECT isnt(api.node_assignments('n1')#>>'{items,0,uid}', :'before'::json->>'uid', 'the same name again is another project');
SELECT cmp_ok((api.node_assignments('n1')#>>'{items,0,epoch}')::int, '>', (:'before'::json->>'epoch')::int, 'with a higher epoch');

-- A node that was away when its project went for good.
SELECT api.project_delete('web', '{"force":["true"]}');
SELECT api.node_assignments('n1')->'items'->0->>'epoch' AS epoch \gset
CREATE FUNCTION given.left_says(p_node text, p_epoch bigint, p_phase text) RETURNS text LANGUAGE sql
RETURN api.node_report(p_node, jsonb_build_object('reports', jsonb_build_array(jsonb_build_object('project', 'web', 'epoch', p_epoch, 'generation', 1, 'phase', p_phase))))#>>'{results,0,status}';
SELECT is(given.left_says('n1', :epoch, 'Running'), '404', 'what is left there does not come back');
SELECT is(given.left_says('n2', :epoch, 'Terminated'), '404', 'nor has another node anything to say');
SELECT is(given.left_says('n1', :epoch, 'Terminating'), '204', 'that it is at it, it may say');
SELECT is((SELECT count(*) FROM cara.leftover WHERE node = 'n1'), 1::bigint, 'and is asked again');
SELECT is(given.left_says('n1', :epoch, 'Terminated'), '204', 'until nothing is left');
SELECT is(json_array_length(api.node_assignments('n1')->'items'), 0, 'then nothing more is asked');
SELECT is(given.left_says('n1', :epoch, 'Terminated'), '404', 'of what nobody knows any more');

SELECT * FROM finish();
ROLLBACK;
