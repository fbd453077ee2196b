-- Watches: what they show, what filters let through, what is said of objects that leave, and when a watch is too old.
BEGIN;
\ir given.psql
SELECT no_plan();

-- What a watch shows from where it was last, as 'TYPE name' in order; and it moves on.
CREATE TABLE given.at (watch text PRIMARY KEY, id bigint);
CREATE FUNCTION given.seen(p_kind text, p_query jsonb DEFAULT '{}', p_limit int DEFAULT 1000) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_seen text;
    v_at   bigint := (SELECT id FROM given.at WHERE watch = p_kind || p_query);
    v_last bigint;
BEGIN
    SELECT string_agg(concat_ws(' ', line::json->>'type', line::json#>>'{object,metadata,name}'), ', ' ORDER BY id) FILTER (WHERE line IS NOT NULL), max(id) FILTER (WHERE line IS NULL)
      INTO v_seen, v_last FROM api.watch_read(p_kind, p_query, coalesce(v_at, (SELECT min(id) FROM given.at)), p_limit);
    INSERT INTO given.at VALUES (p_kind || p_query, v_last) ON CONFLICT (watch) DO UPDATE SET id = v_last;
    RETURN coalesce(v_seen, 'nothing');
END
$$;
CREATE FUNCTION given.labelled(p_name text, p_labels jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM api.apply(jsonb_build_object('items', jsonb_build_array(given.manifest(p_name) || jsonb_build_object('metadata', jsonb_build_object('name', p_name, 'labels', p_labels)))), 'ann');
END
$$;
INSERT INTO given.at VALUES ('start', (api.bus_read()->>'position')::bigint);

-- A life.
SELECT given.node('n1');
SELECT is(given.seen('Node'), 'ADDED n1', 'what was made and changed since is one ADDED');
SELECT is(given.seen('Node'), 'nothing', 'once');
SELECT given.project('web');
SELECT is(given.seen('Project'), 'ADDED web', 'a new project');
SELECT api.schedule(given.t());
SELECT is(given.seen('Project'), 'MODIFIED web', 'a decision');
SELECT is(given.seen('Node'), 'nothing', 'is none of the node''s');
SELECT given.running('web');
SELECT api.node_heartbeat('n1', '', given.t('1s'));
SELECT is(given.seen('Project') || '; ' || given.seen('Node'), 'MODIFIED web; nothing', 'a report, and a heartbeat');
SELECT api.node_heartbeat('n1', '{"state":"NotReady"}', given.t('2s'));
SELECT is(given.seen('Project'), 'MODIFIED web', 'that its node is lost is a condition of a project');
SELECT api.node_heartbeat('n1', '{"state":"Ready"}', given.t('3s'));
SELECT is(given.seen('Project'), 'MODIFIED web', 'until it is back');
SELECT given.seen('Node') \g /dev/null
SELECT api.project_update('web', given.manifest('web', '{"services":[{"name":"web","image":"nginx:2"}]}')), api.project_update('web', given.manifest('web'));
SELECT is(given.seen('Project'), 'MODIFIED web', 'versions that were overwritten before they were read are merged into the newest');
SELECT is((SELECT line::jsonb->'object' FROM api.watch_read('Project', '{}', (SELECT id FROM given.at WHERE watch = 'start')) WHERE line IS NOT NULL), api.project_get('web')::jsonb, 'an event has the whole object');
SELECT is((SELECT line FROM api.watch_read('Node', '{}', (SELECT id FROM given.at WHERE watch = 'start')) WHERE line IS NOT NULL), format('{"type":"ADDED","object":%s}', api.node_get('n1')), 'as it is read elsewhere, on one line');
SELECT api.project_delete('web', '{"force":["true"]}');
SELECT is(given.seen('Project'), 'DELETED web', 'a deletion');
SELECT given.labelled('web', '{"app":"<x>"}'), api.project_delete('web');
SELECT is(given.seen('Project'), 'DELETED web', 'what came and went between two looks is gone, for whoever saw it in a list');
SELECT given.labelled('web', '{"app":"<x>"}');
SELECT given.seen('Project');
SELECT api.project_get('web')#>>'{metadata,uid}' AS uid \gset
SELECT id AS before FROM given.at WHERE watch = 'Project{}' \gset
SELECT api.project_delete('web'), given.labelled('web', '{}');
SELECT is(given.seen('Project'), 'DELETED web, ADDED web', 'a name that was deleted and made anew is two objects');
SELECT is((SELECT line::jsonb - 'type' FROM api.watch_read('Project', '{}', :before) WHERE line LIKE '{"type":"DELETED%'), format('{"object":{"apiVersion":"caravanserai/v1","kind":"Project","metadata":{"name":"web",
    "labels":{"app":"<x>"},"uid":"%s","resourceVersion":"%s"},"spec":{},"status":{"phase":"Pending"}}}', :'uid', (SELECT id FROM cara.change WHERE op = 'DELETE' AND kind = 'Project' ORDER BY id DESC LIMIT 1))::jsonb,
    'the last word has name, uid, labels and the version of the deletion');
SELECT is((SELECT count(*) FROM api.watch_read('Project', '{}', :before) WHERE line LIKE '%<%'), 0::bigint, 'nothing raw that a page could trip over');
SELECT api.node_delete('n1'), api.project_delete('web');
SELECT is(given.seen('Node'), 'DELETED n1', 'nodes go, too');

-- Filters: who leaves is DELETED, who enters is ADDED.
SELECT given.node('n1'), given.node('n2');
UPDATE cara.node SET spec = '{"unschedulable":true}' WHERE name = 'n2';
UPDATE given.at SET id = (api.bus_read()->>'position')::bigint;
SELECT is(given.seen('Project', '{"phase":["Pending"]}') || given.seen('Project', '{"phase":["Scheduled","Running"]}') || given.seen('Project', '{"nodeRef":["n1"]}') || given.seen('Project', '{"labelSelector":["app=x"]}')
    || given.seen('Project', '{"labelSelector":["app=x"],"phase":["Running"]}') || given.seen('Project', '{"fieldSelector":["metadata.name=a"]}') || given.seen('Node', '{"state":["Ready"]}') || given.seen('Node', '{"labelSelector":["zone"]}'),
    repeat('nothing', 8), 'given watches with filters');
CREATE FUNCTION given.all_seen() RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(' | ', 'Pending: ' || given.seen('Project', '{"phase":["Pending"]}'), 'Running: ' || given.seen('Project', '{"phase":["Scheduled","Running"]}'), 'n1: ' || given.seen('Project', '{"nodeRef":["n1"]}'),
        'x: ' || given.seen('Project', '{"labelSelector":["app=x"]}'), 'x Running: ' || given.seen('Project', '{"labelSelector":["app=x"],"phase":["Running"]}')) $$;
SELECT given.labelled('a', '{"app":"x"}');
SELECT is(given.all_seen(), 'Pending: ADDED a | Running: nothing | n1: nothing | x: ADDED a | x Running: nothing', 'made');
SELECT api.schedule(given.t());
SELECT is(given.all_seen(), 'Pending: DELETED a | Running: ADDED a | n1: ADDED a | x: MODIFIED a | x Running: nothing', 'placed');
SELECT given.running('a');
SELECT is(given.all_seen(), 'Pending: nothing | Running: MODIFIED a | n1: MODIFIED a | x: MODIFIED a | x Running: ADDED a', 'running');
SELECT given.labelled('a', '{"app":"y"}');
SELECT is(given.all_seen(), 'Pending: nothing | Running: MODIFIED a | n1: MODIFIED a | x: DELETED a | x Running: DELETED a', 'with other labels');
SELECT given.labelled('a', '{"app":"x","more":"y"}');
SELECT is(given.all_seen(), 'Pending: nothing | Running: MODIFIED a | n1: MODIFIED a | x: ADDED a | x Running: ADDED a', 'with its own again');
SELECT given.labelled('a', '{"app":"y"}'), given.labelled('a', '{"app":"x"}');
SELECT is(given.all_seen(), 'Pending: nothing | Running: MODIFIED a | n1: MODIFIED a | x: DELETED a, ADDED a | x Running: DELETED a, ADDED a', 'left and came back between two looks');
SELECT given.says('a', 'Failed', 'ContainerCrashed'), given.labelled('a', '{"app":"y"}');
SELECT is(given.all_seen(), 'Pending: nothing | Running: DELETED a | n1: MODIFIED a | x: DELETED a | x Running: DELETED a', 'left twice is left once');
SELECT given.labelled('a', '{"app":"x"}'), given.running('a'), given.all_seen();
SELECT cara.release(ARRAY['a'], 'NodeLost', 'NodeNotReady', 'lost', 'test', given.t('1s'));
SELECT is(given.all_seen(), 'Pending: ADDED a | Running: DELETED a | n1: DELETED a | x: MODIFIED a | x Running: DELETED a', 'off its node');
UPDATE cara.assignment SET gone_at = released_at WHERE released_at IS NOT NULL;
SELECT api.schedule(given.t('2s')), given.running('a'), given.all_seen();
SELECT api.project_delete('a', '{"force":["true"]}');
SELECT is(given.all_seen(), 'Pending: nothing | Running: DELETED a | n1: DELETED a, DELETED a | x: DELETED a | x Running: DELETED a', 'deleted: who had it hears of it; off its node and gone');
SELECT is(given.seen('Project', '{"fieldSelector":["metadata.name=a"]}'), 'DELETED a', 'of all of which one look at the end shows just that');
SELECT given.seen('Node', '{"state":["Ready"]}');
UPDATE cara.node_status SET state = 'NotReady' WHERE node = 'n2';
UPDATE cara.node SET labels = '{"zone":"z"}' WHERE name = 'n1';
SELECT is(given.seen('Node', '{"state":["Ready"]}') || ' | ' || given.seen('Node', '{"labelSelector":["zone"]}'), 'DELETED n2, MODIFIED n1 | ADDED n1', 'nodes by state and label');
DELETE FROM cara.node;
SELECT is(given.seen('Node', '{"state":["Ready"]}') || ' | ' || given.seen('Node', '{"labelSelector":["zone"]}'), 'DELETED n1 | DELETED n1', 'and when they go');

-- Whoever watches a node's projects hears that they left when the node itself goes.
SELECT given.node('n1'), given.project('b'), api.schedule(given.t('3s'));
SELECT given.running('b'), given.seen('Project', '{"nodeRef":["n1"]}'), api.bus_read()->>'position' AS position \gset
DELETE FROM cara.node;
SELECT is(given.seen('Project', '{"nodeRef":["n1"]}'), 'DELETED b', 'a node goes under its projects');
SELECT is(api.bus_read(:position)->>'nodes', '[]', 'which is not for it to clear away');
SELECT api.project_delete('b');

-- A limit only cuts it in pieces.
UPDATE given.at SET id = (api.bus_read()->>'position')::bigint;
SELECT given.project(p) FROM unnest('{a,b,c}'::text[]) p;
SELECT is(given.seen('Project', '{}', 2) || ' / ' || given.seen('Project', '{}', 2) || ' / ' || given.seen('Project', '{}', 2), 'ADDED a, ADDED b / ADDED c / nothing', 'two at a time');
SELECT is(given.seen('Project', '{"name":["c","a"]}'), 'ADDED a, ADDED c', 'or only some by their names');
SELECT is(given.seen('Project', '{"x":[]}', 0) || ' / ' || given.seen('Project', '{"x":[]}', -1), 'ADDED a / ADDED b', 'never fewer than one');

-- How a watch begins that has no version to go on from.
SELECT results_eq($$ SELECT name, line IS NULL, left(line, 42) FROM api.watch_start('Project', '{}', '', 2) $$,
    $$ VALUES ('a', false, '{"type":"ADDED","object":{"apiVersion":"ca'), ('b', false, '{"type":"ADDED","object":{"apiVersion":"ca'), ('b', true, NULL) $$, 'with what is there, and the name for the next page');
SELECT results_eq($$ SELECT name, line::json#>'{object}' IS NULL, id FROM api.watch_start('Project', '{}', 'b', 2) $$,
    $$ VALUES ('c', false, (SELECT resource_version FROM cara.project WHERE name = 'c')), (NULL, true, (api.bus_read()->>'position')::bigint) $$, 'the last page has no next one');

-- Too old, or of another log.
SELECT throws_ok(format('SELECT api.watch_read(%L, %L, %s)', 'Project', '{}', (SELECT last_value + 1 FROM cara.change_id)), 'SR410', NULL, 'a version that was never given');
SELECT api.bus_read()->>'position' AS position, (SELECT min(id) FROM given.at) AS old \gset
UPDATE cara.setting SET value = '1h' WHERE name = 'change_retention';
UPDATE cara.change SET at = given.t('-2h') WHERE id <= :old;
UPDATE cara.change SET at = given.t() WHERE id > :old;
SELECT is(cara.trim_history(given.t()), false, 'the log is trimmed by age');
SELECT is((SELECT log_trimmed_to FROM cara.clock), :old::bigint, 'and it is known how far');
SELECT lives_ok(format('SELECT api.watch_read(%L, %L, %s)', 'Project', '{}', :old), 'the oldest version there can be');
SELECT throws_ok(format('SELECT api.watch_read(%L, %L, %s)', 'Project', '{}', :old - 1), 'SR410', format('resourceVersion %s is too old: the change log does not reach back to it', :old - 1), 'and one that is older');
SELECT is(api.bus_read(:old - 1)::jsonb, format('{"position":%s,"nodes":[],"channels":{},"trimmed":true,"behind":false,"changed":true}', :position)::jsonb, 'servers are told that they have to wake everyone');
SELECT is_empty(format('SELECT id FROM cara.change_was WHERE id <= %s', :old), 'what objects were is trimmed with it');
UPDATE cara.setting SET value = '1' WHERE name = 'change_max_rows';
SELECT is(cara.trim_history(given.t(), 1), true, 'by size, a piece at a time');
SELECT is(cara.trim_history(given.t()), false, 'the rest');
SELECT is((SELECT count(*) FROM cara.change), 1::bigint, 'until it is as small as the setting says');
SELECT is((SELECT log_trimmed_to FROM cara.clock), :position - 1::bigint, 'a log that was trimmed still has its end');

-- What is not understood is refused.
SELECT is(given.error_of(format('SELECT api.watch_read(%L, %L, 0)', kind, query)), error, error)
  FROM (VALUES ('Pod', '{}', 'SR400 kind: unsupported kind "Pod"'),
               ('Node', '{"labelSelector":["a in b"]}', 'SR400 labelSelector: labelSelector "a in b": at position 1 a requirement was expected'),
               ('Node', '{"fieldSelector":["status.phase=x"]}', 'SR400 fieldSelector: fieldSelector "status.phase=x" is not supported')) v(kind, query, error);

SELECT * FROM finish();
ROLLBACK;
