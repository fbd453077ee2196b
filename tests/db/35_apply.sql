-- Applying many manifests: one transaction, all or nothing, and an answer for each in its place.
BEGIN;
\ir given.psql
SELECT plan(27);

CREATE FUNCTION given.apply(VARIADIC p_items jsonb[]) RETURNS text LANGUAGE sql
    AS $$ SELECT string_agg(concat(i->>'kind', '/', i->>'name', ' ', i->>'result'), ', ') FROM json_array_elements(
                 api.apply(jsonb_build_object('kind', 'List', 'items', to_jsonb(p_items)), 'ann')->'items') i $$;
CREATE FUNCTION given.a_node(p_name text, p_spec jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql
    AS $$ SELECT jsonb_build_object('kind', 'Node', 'metadata', jsonb_build_object('name', p_name), 'spec', p_spec) $$;

SELECT is(given.apply(given.manifest('web'), given.a_node('n1'), given.manifest('db')), 'Project/web created, Node/n1 created, Project/db created', 'answers come in the order of the manifests');
SELECT is(given.apply(given.manifest('web'), given.a_node('n1', '{"hostname":"h"}'), given.manifest('db')), 'Project/web unchanged, Node/n1 configured, Project/db unchanged', 'and say what became of each');
SELECT is(given.apply(given.manifest('web', '{"services":[{"name":"a","image":"x"}]}'), given.manifest('web')), 'Project/web configured, Project/web configured', 'the same one twice is applied twice, in order');
SELECT is(api.project_get('web')#>>'{spec,services,0,name}', 'web', 'so that the last wins');
SELECT is(api.apply(jsonb_build_object('items', jsonb_build_array(given.manifest('web'))))#>'{items,0,object}' #>> '{}', api.project_get('web')::text, 'each answer holds the whole object');
SELECT is(api.apply('{"items":[]}')::text, '{"apiVersion":"caravanserai/v1","kind":"ApplyResult","items":[]}', 'nothing to apply is fine');
SELECT is((SELECT actor FROM cara.revision ORDER BY id LIMIT 1), 'ann', 'who applied is on record');

-- All or nothing: the error names the item and nothing else of the list is kept.
SELECT is(given.error_of(format('SELECT given.apply(VARIADIC %L::jsonb[])', ARRAY[given.manifest('new')] || items)), error, error)
  FROM (VALUES
    (ARRAY[given.manifest('bad', '{"services":[{"name":"web"}]}')],                'SR400 items[1].spec.services[0].image: project "bad": service web: image is required'),
    (ARRAY[given.manifest('b', '{"replicas":1}')],                                 'SR400 items[1].spec.replicas: project "b": unknown field "spec.replicas": spec has services, volumes, ingress, expireAt, placement, onNodeLost'),
    (ARRAY[given.a_node('n1', '{"hostname":5}')],                                  'SR400 items[1].spec.hostname: node "n1": invalid request body: spec.hostname: expected a string, found 5'),
    (ARRAY[given.manifest('B')],                                                   'SR400 items[1].metadata.name: project "B": name "B" is invalid: must consist of lowercase alphanumeric characters, hyphens (-) or dots (.), and must start and end with an alphanumeric character'),
    (ARRAY[given.manifest('')],                                                    'SR400 items[1].metadata.name: project "": metadata.name is required'),
    (ARRAY[given.manifest('a'), given.manifest('a-b', '{"services":[{"name":"c","image":"x"}]}'), given.manifest('a', '{"services":[{"name":"b-c","image":"x"}]}')],
        'SR409 items[3].spec.services: project "a": container name "a-b-c" is already used by project "a-b"'),
    (ARRAY['{"kind":"Secret","metadata":{"name":"s"}}'::jsonb],                    'SR400 items[1].kind: unsupported kind "Secret"'),
    (ARRAY['{"metadata":{"name":"s"}}'::jsonb],                                    'SR400 items[1].kind: unsupported kind ""'),
    (ARRAY['"web"'::jsonb],                                                        'SR400 items[1].kind: unsupported kind ""')) v(items, error);
SELECT is((SELECT count(*) FROM cara.project), 2::bigint, 'what came before an error is not kept');
SELECT is(given.error_of(format('SELECT api.apply(%L)', body)), 'SR400 items: invalid request body: items: expected an array of manifests', body)
  FROM (VALUES ('{}'), ('[]'), ('"x"'), ('{"items":{}}'), ('{"items":null}'), ('null')) v(body);
SELECT throws_ok('SELECT api.apply(NULL)', 'SR400', NULL, 'no body');
SELECT given.node('n2'), api.schedule(given.t()), api.project_delete('web');
SELECT is(given.error_of($$ SELECT given.apply(given.manifest('web')) $$), 'SR409 items[0]: project "web": operation conflicts with current resource state: project "web" is being deleted', 'what is being deleted cannot be applied');
UPDATE cara.setting SET value = '50' WHERE name = 'max_manifest_bytes';
SELECT matches(given.error_of($$ SELECT given.apply(given.manifest('web')) $$), '^SR413 items\[0\]\.spec: project "web": the manifest is \d+ bytes: at most 50 are stored$', 'what is too large says which it is');

-- A thousand at once.
UPDATE cara.setting SET value = '1000000' WHERE name = 'max_manifest_bytes';
SELECT is((SELECT count(*) FROM json_array_elements(api.apply(jsonb_build_object('items', (SELECT jsonb_agg(given.manifest('p' || i)) FROM generate_series(1, 1000) i)))->'items') r WHERE r->>'result' = 'created'),
    1000::bigint, 'a thousand manifests are one transaction');

SELECT * FROM finish();
ROLLBACK;
