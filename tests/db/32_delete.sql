-- Deleting a project, by phase: the row goes only when nothing is left on a node, or by force.
BEGIN;
\ir given.psql
SELECT plan(49);

SELECT given.node('n1');

-- What a DELETE does in each phase, to a project that has a node and to one that has not.
CREATE FUNCTION given.project_in(p_phase text, p_placed boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_name text := lower(p_phase) || CASE WHEN p_placed THEN '-placed' ELSE '' END;
BEGIN
    PERFORM given.project(v_name);
    IF p_placed THEN
        INSERT INTO cara.assignment (project, node, why) VALUES (v_name, 'n1', 'test');
    END IF;
    IF p_phase <> 'Pending' THEN
        PERFORM cara.project_set_phase(v_name, p_phase, '', '', NULL, 'test', given.t(), true);
        UPDATE cara.project SET deleted_at = given.t() WHERE name = v_name AND p_phase IN ('Terminating', 'Terminated');
    END IF;
    RETURN v_name;
END
$$;
CREATE FUNCTION given.deleted(p_name text, p_query jsonb DEFAULT '{}') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_answer json := api.project_delete(p_name, p_query, 'bob');
BEGIN
    RETURN CASE WHEN v_answer IS NULL THEN '204' ELSE '202' END || ' ' || coalesce(given.phase_of(p_name), 'gone');
END
$$;
SELECT is(given.deleted(given.project_in(v.phase, v.placed)), v.answer, format('DELETE of a %s project %s', v.phase, CASE WHEN v.placed THEN 'on a node' ELSE 'without a node' END))
  FROM (VALUES ('Pending',     false, '204 gone'),
               ('Pending',     true,  '202 Terminating'),
               ('Scheduled',   true,  '202 Terminating'),
               ('Running',     true,  '202 Terminating'),
               ('Failed',      false, '204 gone'),
               ('Failed',      true,  '202 Terminating'),
               ('Terminating', true,  '202 Terminating'),
               ('Terminated',  true,  '204 gone'),
               ('Terminated',  false, '204 gone')) v(phase, placed, answer);
SELECT is((SELECT count(*) FROM cara.project WHERE deleted_at IS NULL), 0::bigint, 'whatever is left is being deleted');
DELETE FROM cara.project;
SELECT is(given.deleted(given.project_in(p.name, v.placed), '{"force":["true"]}'), '204 gone', format('DELETE by force of a %s project%s', p.name, CASE WHEN v.placed THEN ' on a node' ELSE '' END))
  FROM cara.phase p, (VALUES (false), (true)) v(placed);

-- Force is exactly `true`.
SELECT is(given.deleted(given.project_in('Running', true), '{"force":["1"]}'), '202 Terminating', 'force=1 is not force');
SELECT is(given.deleted('running-placed', '{"force":["TRUE"]}'), '202 Terminating', 'nor is TRUE; again while Terminating is fine');
SELECT is(given.deleted('running-placed', '{"force":[""]}'), '202 Terminating', 'as often as one likes');
SELECT is((SELECT count(*) FROM cara.revision r JOIN cara.project p USING (uid) WHERE verb = 'delete'), 1::bigint, 'which is one deletion on record');
SELECT is(given.deleted('running-placed', '{"force":["true","false"]}'), '204 gone', 'the first value counts');
SELECT throws_ok($$ SELECT api.project_delete('running-placed') $$, 'SR404', 'project not found: running-placed: resource not found', 'what is gone is not there');
SELECT is((SELECT count(*) FROM cara.claim) + (SELECT count(*) FROM cara.assignment WHERE project = 'running-placed'), 0::bigint, 'nor are its claims and assignments');

-- The story of an ordinary deletion.
DELETE FROM cara.project;
SELECT given.project('web');
SELECT api.schedule(given.t()), given.running('web');
SELECT is(api.project_delete('web', '{}', 'bob')#>>'{status,phase}', 'Terminating', 'a deletion answers with the project');
SELECT matches(api.project_get('web')#>>'{metadata,deletionTimestamp}', '^\d{4}-\d\d-\d\dT', 'which shows since when');
SELECT is(api.node_assignments('n1')#>>'{items,0,desired}', 'Removed', 'its node is to clear it away');
SELECT is(given.says('web', 'Running', 'ContainersRunning'), '409 project "web" is being deleted', 'a late word that it runs is refused');
SELECT is(given.says('web', 'Terminating', 'RemoveError'), '204', 'a step that failed is told');
SELECT is(given.phase_of('web'), 'Terminating', 'and it is still being deleted');
SELECT is(given.says('web', 'Failed', 'RemoveError'), '204', 'so it is when the agent says Failed');
SELECT is(given.phase_of('web') || ' ' || given.reason_of('web'), 'Terminating RemoveError', 'with the reason seen');
SELECT is(given.says('web', 'Terminated', 'ResourcesRemoved'), '204', 'then nothing is left');
SELECT is(given.phase_of('web'), 'Terminated', 'and it is Terminated');
SELECT is_empty($$ SELECT FROM json_array_elements(api.node_assignments('n1')->'items') e WHERE e->>'project' = 'web' $$, 'its node has nothing more to do');
SELECT is(given.tick(given.t('1s'))->>'removed', '1', 'after a moment');
SELECT throws_ok($$ SELECT api.project_get('web') $$, 'SR404', NULL, 'the row is gone');

-- It moved before it was deleted: it is gone when both nodes say so.
SELECT given.node('n2'), given.project('web');
SELECT api.schedule(given.t()), given.running('web');
SELECT given.node_of('web') AS old_node, given.epoch_of('web') AS old_epoch \gset
UPDATE cara.node_status SET state = 'NotReady', not_ready_since = given.t() WHERE node = :'old_node';
SELECT api.node_heartbeat(name, '', given.t('3min')) FROM cara.node WHERE name <> :'old_node';
SELECT is(given.tick(given.t('3min'))->>'rescheduled', '1', 'given it was moved from a lost node');
SELECT isnt(given.node_of('web'), :'old_node', 'to the other one');
SELECT given.running('web'), api.project_delete('web');
SELECT is(given.says('web', 'Terminated', 'ResourcesRemoved', given.t('4min')), '204', 'the new node clears up first');
SELECT is(given.phase_of('web'), 'Terminating', 'but the old one still has something');
SELECT is(api.node_assignments(:'old_node')#>>'{items,0,desired}', 'Removed', 'which it is asked to remove');
SELECT is(given.report(:'old_node', jsonb_build_object('project', 'web', 'epoch', :old_epoch, 'phase', 'Terminated')), '204', 'when it has');
SELECT is(given.phase_of('web'), 'Terminated', 'the project is gone, at once');

SELECT * FROM finish();
ROLLBACK;
