-- Data pins a project to where it is, until someone says otherwise; and what a project asked for when its node is lost.
BEGIN;
\ir given.psql
\ir given_placement.psql
SELECT plan(31);

CREATE FUNCTION given.keeps(p_name text, p_more jsonb DEFAULT '{}') RETURNS void LANGUAGE sql
    AS $$ SELECT given.project(p_name, '{"services":[{"name":"db","image":"x","volumeMounts":[{"name":"v","mountPath":"/v"}]}],"volumes":[{"name":"v","type":"Local"}]}' || p_more) $$;
CREATE FUNCTION given.home_of(p_project text) RETURNS text LANGUAGE sql AS $$ SELECT node FROM cara.data_home WHERE project = p_project $$;
CREATE FUNCTION given.lost(p_node text, p_at timestamptz) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    PERFORM api.node_heartbeat(p_node, '{"state":"NotReady"}', p_at);
    UPDATE cara.lease SET renewed_at = p_at + interval '1h';
    RETURN given.tick(p_at) || given.tick(p_at + cara.setting_interval('running_grace') + interval '1s');
END
$$;

-- Its first node becomes its home; one without data has none.
SELECT given.machine('n1'), given.machine('n2'), given.machine('n3');
SELECT given.keeps('db'), given.project('web'), given.project('temp', '{"volumes":[{"name":"v","type":"Ephemeral"}]}');
SELECT is(given.placed(), 'db=n1 temp=n3 web=n2', 'placed like any other');
SELECT is(given.home_of('db'), 'n1', 'its data is there from now on');
SELECT is(given.home_of('web') || given.home_of('temp'), NULL, 'no lasting volume, no home');
SELECT is(given.verdicts('db'), 'n1: fits, n2: DataElsewhere n1, n3: DataElsewhere n1', 'it may run nowhere else');

-- When that node is lost it waits there; what has no data goes.
SELECT given.running(p) FROM unnest('{db,web,temp}'::text[]) p;
SELECT given.lost('n1', given.t('1min')) \g /dev/null
SELECT is(given.node_of('db'), NULL, 'the node is lost, and it has no other');
SELECT is(given.message_of('db'), '2 nodes: its data is on n1; 1: NotReady', 'which it says');
SELECT api.node_heartbeat('n1', '{"state":"Ready"}', given.t('9min'));
SELECT given.placed(given.t('9min')) \g /dev/null
SELECT given.lost('n3', given.t('10min')) \g /dev/null
SELECT is(given.node_of('temp'), 'n1', 'an ephemeral volume holds nobody');
SELECT api.node_heartbeat('n3', '{"state":"Ready"}', given.t('20min'));
SELECT is(given.placed(given.t('20min')), 'db=n1 temp=n1 web=n2', 'back with its data');
SELECT is(given.epoch_of('db') > (SELECT min(epoch) FROM cara.assignment WHERE project = 'db'), true, 'under a new epoch');

-- Someone says otherwise.
SELECT given.lost('n1', given.t('30min')) \g /dev/null
SELECT is(given.node_of('db'), NULL, 'lost once more');
SELECT is(api.project_unpin('db', 'ann')::jsonb#>>'{metadata,name}', 'db', 'unpin answers with the project');
SELECT is((SELECT actor || ': ' || message FROM cara.event WHERE name = 'db' AND reason = 'Unpinned'), 'ann: May run elsewhere than on n1, without the data that is there', 'and is on record');
SELECT given.placed(given.t('40min')) \g /dev/null
SELECT is(given.node_of('db'), 'n2', 'now it may go');
SELECT is(given.home_of('db'), 'n2', 'and its data is here from now on');
SELECT throws_ok($$ SELECT api.project_unpin('none') $$, 'SR404', NULL, 'no such project');
SELECT lives_ok($$ SELECT api.project_unpin('web') $$, 'nothing to forget');

-- Data against every other rule: it stays pinned, and both are told.
SELECT given.nothing(), given.machine('n1', '{"disk":"hdd"}'), given.machine('n2', '{"disk":"ssd"}');
SELECT given.keeps('db');
SELECT given.placed() \g /dev/null
SELECT api.project_update('db', given.manifest('db', (SELECT spec FROM cara.project WHERE name = 'db') || '{"placement":{"nodeSelector":{"disk":"ssd"}}}'), 'ann') \g /dev/null
SELECT is(given.placed(given.t('1s')), 'db=-', 'a selector against the data: nowhere');
SELECT is(given.verdicts('db'), 'n1: NodeSelector, n2: DataElsewhere n1', 'each node for its reason');
SELECT given.nothing(), given.machine('n1', '{}', '{"taints":[{"key":"x","effect":"NoSchedule"}]}'), given.machine('n2');
SELECT given.keeps('db'), given.project('web');
SELECT given.placed() \g /dev/null
SELECT is(given.node_of('db') || given.home_of('db'), 'n2n2', 'a home is chosen by the rules');

-- A volume that comes later, and one that goes.
SELECT given.nothing(), given.machine('n1'), given.machine('n2');
SELECT given.project('web');
SELECT given.placed() \g /dev/null
SELECT api.project_update('web', given.manifest('web', '{"volumes":[{"name":"v","type":"Local"}]}')) \g /dev/null
SELECT is(given.placed(given.t('1s')), 'web=n1', 'a lasting volume that comes later moves nothing');
SELECT is(given.home_of('web'), 'n1', 'it is where the project runs');
SELECT api.project_update('web', given.manifest('web')) \g /dev/null
SELECT is(given.verdicts('web'), 'n1: fits, n2: fits', 'without the volume it is free');
SELECT is(api.project_delete('web', '{"force":["true"]}')::text, NULL, 'deleted');
SELECT is((SELECT count(*) FROM cara.data_home), 0::bigint, 'the home goes with the project');

-- Of two that ask for the same only one keeps data: they are two classes.
SELECT given.keeps('a'), given.project('b', '{"services":[{"name":"db","image":"x"}]}');
SELECT given.placed() \g /dev/null
SELECT is((SELECT string_agg(project, ' ') FROM cara.data_home), 'a', 'one home');

-- onNodeLost: Wait.
SELECT given.nothing(), given.machine('n1'), given.machine('n2');
SELECT given.project('patient', '{"onNodeLost":"Wait"}'), given.project('hasty', '{"onNodeLost":"Reschedule"}'), given.project('fourth', '{"onNodeLost":"Wait"}'), given.project('third');
SELECT is(given.placed(), 'fourth=n1 hasty=n2 patient=n1 third=n2', 'placed like any other');
SELECT given.running(p) FROM unnest('{patient,hasty,third}'::text[]) p;
SELECT given.lost('n1', given.t('1min')) \g /dev/null
SELECT is(given.node_of('patient'), 'n1', 'it waits with its node');
SELECT is(given.node_of('fourth'), 'n1', 'even if it had not run yet');
SELECT is(given.phase_of('patient'), 'Running', 'as what it was');
SELECT given.witness(), given.witness('witness-2'), given.lost('n2', given.t('20min')) \g /dev/null
SELECT is(given.node_of('hasty'), NULL, 'others do not');
SELECT given.nothing();
SELECT is((SELECT count(*) FROM cara.assignment), 0::bigint, 'nothing is left');

SELECT * FROM finish();
ROLLBACK;
