-- Lists: selectors, pages, a position to watch from; and writers who say which version they started from.
BEGIN;
\ir given.psql
SELECT no_plan();

CREATE FUNCTION given.listed(p_kind text, p_query jsonb) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT coalesce(string_agg(i#>>'{metadata,name}', ' '), '-') FROM json_array_elements((CASE p_kind WHEN 'Node' THEN api.node_list(p_query) ELSE api.project_list(p_query) END)->'items') i);
END
$$;
SELECT api.project_create(given.manifest(name) || jsonb_build_object('metadata', jsonb_build_object('name', name, 'labels', labels::jsonb)), 'ann')
  FROM (VALUES ('a', '{"app":"x","tier":"1"}'), ('b', '{"app":"x","tier":"2","example.com/old":"yes"}'), ('c', '{"app":"y"}'), ('d', '{}'), ('e', '{"app":"","tier":"10"}')) v(name, labels);

-- Kubernetes' selectors.
SELECT is(given.listed('Project', jsonb_build_object('labelSelector', ARRAY[selector])), listed, selector)
  FROM (VALUES ('', 'a b c d e'), (' ', 'a b c d e'), ('app', 'a b c e'), ('!app', 'd'), ('app=x', 'a b'), ('app==x', 'a b'), ('app = x', 'a b'), ('app=', 'e'), ('app!=x', 'c d e'), ('app in (x,y)', 'a b c'),
               ('app in (x)', 'a b'), ('app in ( x , y )', 'a b c'), ('app notin (x,y)', 'd e'), ('app in ()', 'e'), ('app,tier', 'a b e'), ('app=x,tier!=2', 'a'), ('app=x,app=y', '-'), ('app=x,app in (x,y),!example.com/old', 'a'),
               ('example.com/old=yes', 'b'), ('tier>1', 'b e'), ('tier<2', 'a'), ('app=x , tier=2', 'b'), ('!app , !tier', 'd'), ('in=x', '-'), ('in in (in)', '-'), ('notin', '-')) v(selector, listed);
SELECT is(given.error_of(format('SELECT api.project_list(%L)', jsonb_build_object('labelSelector', ARRAY[selector]))), format('SR400 labelSelector: labelSelector %s: at position %s a requirement was expected', to_json(selector), at), selector)
  FROM (VALUES ('=x', 1), ('app=x,', 1), ('app=x,,tier', 7), ('app x', 1), ('app=x y', 1), ('app in x', 1), ('app in (x', 1), ('app in (x y)', 1), ('!app=x', 1), ('! ', 1), ('app=x, !tier=1', 8), ('tier>x', 1), ('app==', 0), ('app/=x', 1), ('a/b/c', 1),
               ('-app', 1), ('app=-x', 1), ('app===x', 1), ('app=x;tier', 1), ('app=''x''', 1)) v(selector, at) WHERE at > 0;
SELECT is(given.error_of(format('SELECT api.project_list(%L)', jsonb_build_object('labelSelector', ARRAY[repeat('a', 4097)]))), 'SR400 labelSelector: labelSelector must not be longer than 4096 characters', 'a selector has an end');
SELECT is(given.listed('Project', '{"name":["c","a","nobody"]}') || given.listed('Project', '{"name":[""]}'), 'a ca b c d e', 'some by their names');
SELECT is(given.listed('Project', '{"fieldSelector":["metadata.name=c"]}') || given.listed('Project', '{"fieldSelector":["metadata.name==nobody"]}'), 'c-', 'one by its name');
SELECT given.node('n1'), given.node('n2');
SELECT api.node_update('n1', '{"metadata":{"labels":{"zone":"z"}}}'), api.node_heartbeat('n2', '{"state":"NotReady"}', given.t());
SELECT is(given.listed('Node', query::jsonb), listed, query)
  FROM (VALUES ('{}', 'n1 n2'), ('{"labelSelector":["zone"]}', 'n1'), ('{"state":["Ready"]}', 'n1'), ('{"state":["Ready","NotReady"]}', 'n1 n2'), ('{"state":["NotReady"],"labelSelector":["zone"]}', '-'), ('{"phase":["Pending"]}', 'n1 n2')) v(query, listed);

-- Pages.
CREATE FUNCTION given.pages(p_kind text, p_query jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_list json;
    v_more jsonb := '{}';
    v_out  text[] := '{}';
BEGIN
    LOOP
        v_list := CASE p_kind WHEN 'Node' THEN api.node_list(p_query || v_more) ELSE api.project_list(p_query || v_more) END;
        v_out := v_out || (SELECT coalesce(string_agg(i#>>'{metadata,name}', ' '), '-') FROM json_array_elements(v_list->'items') i);
        EXIT WHEN v_list#>>'{metadata,continue}' IS NULL OR cardinality(v_out) > 9;
        v_more := jsonb_build_object('continue', jsonb_build_array(v_list#>>'{metadata,continue}'));
    END LOOP;
    RETURN array_to_string(v_out, ' / ');
END
$$;
SELECT is(given.pages(kind, query::jsonb), pages, kind || query)
  FROM (VALUES ('Project', '{"limit":["2"]}', 'a b / c d / e'), ('Project', '{"limit":["5"]}', 'a b c d e'), ('Project', '{"limit":["1000"]}', 'a b c d e'), ('Project', '{"limit":["0"]}', 'a b c d e'), ('Project', '{"limit":[""]}', 'a b c d e'),
               ('Project', '{"limit":["1"],"labelSelector":["app in (x,y)"]}', 'a / b / c'), ('Project', '{"limit":["3"],"phase":["Running"]}', '-'), ('Node', '{"limit":["1"]}', 'n1 / n2')) v(kind, query, pages);
SELECT api.project_list('{"limit":["2"]}')::jsonb->'metadata' AS first \gset
SELECT is(:'first'::jsonb->>'resourceVersion', api.bus_read()->>'position', 'a list says from where to watch');
SELECT matches(:'first'::jsonb->>'continue', '^[A-Za-z0-9_-]+$', 'a token can stand in a URL as it is');
SELECT given.project('bb'), given.project('cc'), api.project_delete('b');
SELECT api.project_list(jsonb_build_object('limit', ARRAY['2'], 'continue', ARRAY[:'first'::jsonb->>'continue'])) AS second \gset
SELECT is((SELECT string_agg(i#>>'{metadata,name}', ' ') FROM json_array_elements(:'second'::json->'items') i), 'bb c', 'the next page goes on by name, whatever changed meanwhile');
SELECT is(:'second'::json#>>'{metadata,resourceVersion}', :'first'::jsonb->>'resourceVersion', 'and a watch from where the first page was sees what did');
SELECT is(given.error_of(format('SELECT api.project_list(%L)', query::jsonb || jsonb_build_object('continue', ARRAY[coalesce(token, :'first'::jsonb->>'continue')]))), 'SR400 continue: continue is not a token of this list', coalesce(token, query))
  FROM (VALUES ('{}', 'x'), ('{}', '!!'), ('{}', repeat('A', 3000)), ('{}', translate(encode('{"m":1}', 'base64'), E'=\n', '')), ('{"phase":["Pending"]}', NULL)) v(query, token);
SELECT is(given.error_of(format('SELECT api.node_list(%L)', jsonb_build_object('continue', ARRAY[:'first'::jsonb->>'continue']))), 'SR400 continue: continue is not a token of this list', 'nor of another kind');
SELECT is(given.error_of(format('SELECT api.project_list(%L)', jsonb_build_object('limit', ARRAY[bad]))), format('SR400 limit: limit "%s" must be a number from 1 to 1000', bad), 'limit ' || bad)
  FROM (VALUES ('-1'), ('1001'), ('many'), ('1.5'), ('99999999999')) v(bad);

-- Who says which version it started from is refused when there is a newer one.
SELECT api.project_get('c')#>>'{metadata,resourceVersion}' AS v \gset
CREATE FUNCTION given.versioned(p_version text, p_image text) RETURNS jsonb LANGUAGE sql AS $$ SELECT given.manifest('c', jsonb_build_object('services', jsonb_build_array(jsonb_build_object('name', 'web', 'image', p_image))))
    || jsonb_build_object('metadata', jsonb_build_object('name', 'c', 'resourceVersion', p_version)) $$;
SELECT lives_ok(format('SELECT api.project_update(%L, %L)', 'c', given.versioned(:'v', 'i:1')), 'the newest');
SELECT api.project_get('c')#>>'{metadata,resourceVersion}' AS w \gset
SELECT is(given.error_of(format('SELECT api.project_update(%L, %L)', 'c', given.versioned(:'v', 'i:2'))), format('SR409 metadata.resourceVersion: project "c" has been modified: its resourceVersion is %s now', :'w'), 'an old one');
SELECT is(given.error_of(format('SELECT api.apply(%L)', jsonb_build_object('items', jsonb_build_array(given.versioned(:'v', 'i:2'))))), format('SR409 items[0].metadata.resourceVersion: project "c": project "c" has been modified: its resourceVersion is %s now', :'w'), 'in a list, too');
SELECT lives_ok(format('SELECT api.apply(%L)', jsonb_build_object('items', jsonb_build_array(given.versioned(version, image)))), 'version ' || coalesce(version, 'none'))
  FROM (VALUES (:'w', 'i:3'), ('', 'i:4'), (NULL, 'i:5')) v(version, image);
SELECT api.project_update('c', given.manifest('c'));
SELECT is((SELECT split_part(given.error_of(format('SELECT api.project_update(%L, %L, %L, %L)', 'c', given.manifest('c'), 'ann', format(tag, api.project_get('c')#>>'{metadata,resourceVersion}'))), ' ', 1)), outcome, 'If-Match: ' || tag)
  FROM (VALUES ('"%s"', 'none'), ('W/"%s"', 'none'), ('"1", "%s"', 'none'), ('*', 'none'), ('', 'none'), ('"1"', 'SR409'), ('"%s1"', 'SR409'), ('%s', 'none'), ('%s1', 'SR409'), ('W/"1", "2"', 'SR409')) v(tag, outcome);
SELECT is(split_part(given.error_of($$ SELECT api.project_update('nobody', given.manifest('nobody'), 'ann', '"1"') $$), ' ', 1), 'SR404', 'what is not there is not found');
SELECT is(split_part(given.error_of($$ SELECT api.project_delete('c', '{}', 'ann', '"1"') $$), ' ', 1), 'SR409', 'deletions of projects');
SELECT is(split_part(given.error_of($$ SELECT api.node_delete('n1', 'ann', '"1"') $$), ' ', 1), 'SR409', 'of nodes');
SELECT is(split_part(given.error_of($$ SELECT api.node_update('n1', '{"metadata":{"resourceVersion":"1"}}') $$), ' ', 1), 'SR409', 'and changes of nodes');
SELECT lives_ok(format($$ SELECT api.node_update('n1', '{}', 'ann', '"%s"') $$, api.node_get('n1')#>>'{metadata,resourceVersion}'), 'with the newest version they are let through');
SELECT lives_ok(format($$ SELECT api.node_delete('n1', 'ann', '"%s"') $$, api.node_get('n1')#>>'{metadata,resourceVersion}'), 'deletions, too');

-- What a node has to do, and whether that is anything new.
DELETE FROM cara.project;
SELECT given.node('n3'), given.project('a'), given.project('b'), api.schedule(given.t());
CREATE FUNCTION given.tag() RETURNS text LANGUAGE sql AS $$ SELECT api.node_assignments('n3')->>'resourceVersion' $$;
SELECT given.tag() AS tag \gset
SELECT is(api.node_assignments('n3', '"' || :'tag' || '"')::text, NULL, 'nothing new');
SELECT is(api.node_assignments('n3', 'W/"x", W/"' || :'tag' || '"')::text, NULL, 'however it is asked');
SELECT is(api.node_assignments('n3', '"0"')->>'resourceVersion', :'tag', 'anything else is');
SELECT api.node_heartbeat('n3', '', given.t('1s'));
SELECT is(given.tag(), :'tag', 'a heartbeat is no news');
SELECT given.running('a');
SELECT isnt(given.tag(), :'tag', 'a phase is');
SELECT given.tag() AS tag \gset
SELECT api.project_update('a', given.manifest('a', '{"services":[{"name":"web","image":"nginx:2"}]}'));
SELECT isnt(given.tag(), :'tag', 'another manifest');
SELECT given.tag() AS tag \gset
UPDATE cara.assignment SET released_at = given.t(), released_because = 'Moved' WHERE project = 'b';
SELECT isnt(given.tag(), :'tag', 'something to clear away');
SELECT given.tag() AS tag \gset
UPDATE cara.assignment SET gone_at = given.t() WHERE project = 'b';
SELECT isnt(given.tag(), :'tag', 'that is gone');
SELECT given.tag() AS tag \gset
SELECT api.project_delete('a', '{"force":["true"]}');
SELECT isnt(given.tag(), :'tag', 'a project that goes');
SELECT given.node('n4');
SELECT is(json_array_length(api.node_assignments('n4')->'items'), 0, 'nothing at all');
SELECT is(api.node_assignments('n4', api.node_assignments('n4')->>'resourceVersion')::text, NULL, 'is a version, too');
SELECT throws_ok($$ SELECT api.node_assignments('n9', 'x') $$, 'SR404', 'node not found: n9: resource not found', 'a node that is not there has none');

SELECT * FROM finish();
ROLLBACK;
