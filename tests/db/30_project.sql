-- Projects: creating, reading, listing, changing, and the names only one of them may have.
BEGIN;
\ir given.psql
SELECT plan(52);

SELECT is(api.project_create(given.manifest('web') || '{"status":{"phase":"Running","nodeRef":"n1"}}', 'ann')->'status'->>'phase', 'Pending', 'a new project is Pending, whatever its body says');
SELECT is(api.project_get('web')->'status'->>'nodeRef', NULL, 'and has no node');
SELECT throws_ok($$ SELECT api.project_create(given.manifest('web')) $$, 'SR409', 'project already exists: web: resource already exists', 'a name is taken once');
SELECT throws_ok($$ SELECT api.project_get('nobody') $$, 'SR404', 'project not found: nobody: resource not found', 'there is no such project');
SELECT throws_ok($$ SELECT api.project_create('{"metadata":{"name":"Web"}}') $$, 'SR400', NULL, 'the name is looked at');
SELECT throws_ok($$ SELECT api.project_create('{"metadata":{"name":"web"}}') $$, 'SR400', 'spec.services must contain at least one service', 'then the spec, before it is looked whether it exists');
SELECT is((SELECT count(*) FROM cara.project), 1::bigint, 'what was refused is not there');

-- Changing.
SELECT is(cara.project_change(cara.read_manifest(given.manifest('web', '{"volumes":[],"expireAt":null}'), 'Project'), 'bob'), 'unchanged', 'the same again is unchanged');
SELECT is(cara.project_change(cara.read_manifest(api.project_get('web')::jsonb, 'Project'), 'bob'), 'unchanged', 'so is what get gives');
SELECT is((SELECT count(*) FROM cara.revision) + (SELECT count(*) FROM cara.event), 2::bigint, 'and leaves no revision or event');
SELECT is(api.project_update('web', given.manifest('web') || '{"metadata":{"annotations":{"a":"b"}}}', 'bob')#>>'{metadata,generation}', '1', 'an annotation is no new generation');
SELECT is(api.project_update('web', given.manifest('', '{"services":[{"name":"web","image":"nginx:2"}]}'), 'bob')#>>'{metadata,generation}', '2', 'another image is');
SELECT is(api.project_get('web')#>>'{metadata,annotations}', NULL, 'annotations that are not given are cleared');
SELECT is((SELECT array_agg(verb || ' ' || actor || ' ' || generation ORDER BY id) FROM cara.revision), ARRAY['create ann 1', 'update bob 1', 'update bob 2'], 'every version is kept, with who');
SELECT is((SELECT spec_wire::jsonb FROM cara.project), (SELECT spec FROM cara.project), 'the written spec keeps in step');
SELECT throws_ok($$ SELECT api.project_update('web', given.manifest('other')) $$, 'SR400', 'metadata.name "other" does not match URL path "web"', 'the body may not name another');
SELECT throws_ok($$ SELECT api.project_update('nobody', given.manifest('')) $$, 'SR404', 'project not found: nobody: resource not found', 'what is not there cannot be changed');
SELECT throws_ok($$ SELECT api.project_update('nobody', '{}') $$, 'SR400', 'spec.services must contain at least one service', 'a wrong spec is told first');

-- A running project is changed in place: it stays where it is, and its node is told.
SELECT given.node('n1');
SELECT api.schedule(given.t()), given.running('web') \g /dev/null
SELECT given.epoch_of('web') AS epoch \gset
SELECT is(api.project_update('web', given.manifest('web', '{"services":[{"name":"web","image":"nginx:3"}]}'))#>>'{status,phase}', 'Running', 'a change leaves a running project running');
SELECT is(given.epoch_of('web'), :epoch::bigint, 'where it is');
SELECT is(api.node_assignments('n1')#>>'{items,0,generation}', '3', 'its node is asked for the new generation');
SELECT is(api.project_get('web')#>>'{status,observedGeneration}', '2', 'and it is seen that it runs the old one');
-- A failed one starts anew.
SELECT is(given.says('web', 'Failed', 'ContainerCrashed'), '204', 'given it failed');
SELECT is(api.project_update('web', (api.project_get('web')::jsonb) || '{"metadata":{"labels":{"a":"b"}}}')#>>'{status,phase}', 'Failed', 'a label does not help a failed project');
SELECT is(api.project_update('web', given.manifest('web', '{"services":[{"name":"web","image":"nginx:4"}]}'))#>>'{status,phase}', 'Scheduled', 'a new spec gives it a new start on its node');
SELECT is(api.project_get('web')#>>'{status,conditions}', NULL, 'with nothing said against it');
SELECT given.project('lost');
SELECT api.project_report('lost', '{"phase":"Failed"}', 'ann', given.t());
SELECT is(api.project_update('lost', given.manifest('lost', '{"services":[{"name":"web","image":"nginx:4"}]}'))#>>'{status,phase}', 'Pending', 'or a node, when it never had one');
-- One that is going cannot be changed.
SELECT api.project_delete('web') \g /dev/null
SELECT throws_ok($$ SELECT api.project_update('web', given.manifest('web')) $$, 'SR409', 'operation conflicts with current resource state: project "web" is being deleted', 'what is being deleted cannot be changed');
SELECT throws_ok($$ SELECT api.project_create(given.manifest('web')) $$, 'SR409', 'project already exists: web: resource already exists', 'nor created again before it is gone');

-- Lists: by name, filtered by phases (any of) and node.
SELECT given.project('b'), given.project('a-1'), given.project('a1') \g /dev/null
CREATE FUNCTION given.listed(p_query jsonb) RETURNS text LANGUAGE sql AS $$ SELECT coalesce(string_agg(i#>>'{metadata,name}', ' '), '-') FROM json_array_elements(api.project_list(p_query)->'items') i $$;
SELECT is(given.listed(query::jsonb), listed, query)
  FROM (VALUES ('{}', 'a-1 a1 b lost web'), ('{"phase":["Pending"]}', 'a-1 a1 b lost'), ('{"phase":["Pending","Terminating"]}', 'a-1 a1 b lost web'),
               ('{"phase":["Terminating"]}', 'web'), ('{"phase":["Odd"]}', '-'), ('{"phase":[""]}', '-'), ('{"nodeRef":["n1"]}', 'web'), ('{"nodeRef":["n9"]}', '-'),
               ('{"nodeRef":[""]}', 'a-1 a1 b lost web'), ('{"nodeRef":["n1","n9"]}', 'web'), ('{"nodeRef":["n1"],"phase":["Pending"]}', '-'), ('{"other":["x"]}', 'a-1 a1 b lost web')) v(query, listed);

-- Names that only one project of the cluster may use.
SELECT given.project('shop', '{"services":[{"name":"api-web","image":"x"},{"name":"db","image":"x"}],"volumes":[{"name":"a-data","type":"Ephemeral"}],
    "ingress":[{"name":"i","host":"Shop.Example.com","target":{"service":"db","port":80}},{"name":"j","host":"shop","target":{"service":"db","port":80}}]}');
SELECT set_eq($$ SELECT kind, name FROM cara.claim WHERE project = 'shop' $$, $$ VALUES ('container', 'shop-api-web'), ('container', 'shop-db'), ('volume', 'cara-shop-a-data'),
    ('host', 'shop.example.com'), ('host', 'shop.shop.local') $$, 'a project claims its containers, volumes and hosts');
SELECT is(given.error_of(format('SELECT api.project_create(given.manifest(%L, %L))', name, spec)), 'SR409 ' || message, message)
  FROM (VALUES
    ('shop-api', '{}', 'spec.services: container name "shop-api-web" is already used by project "shop"'),
    ('shop-a', '{"volumes":[{"name":"data","type":"Ephemeral"}]}', 'spec.volumes: volume name "cara-shop-a-data" is already used by project "shop"'),
    ('mall', '{"ingress":[{"name":"i","host":"shop.example.COM","target":{"service":"web","port":80}}]}', 'spec.ingress: ingress host "shop.example.com" is already used by project "shop"'),
    ('mall', '{"ingress":[{"name":"i","host":"shop.shop.local","target":{"service":"web","port":80}}]}', 'spec.ingress: ingress host "shop.shop.local" is already used by project "shop"')) v(name, spec, message);
SELECT is((SELECT count(*) FROM cara.claim WHERE project <> 'shop' AND name LIKE '%shop%'), 0::bigint, 'who was refused has claimed nothing');
SELECT is(api.project_create(given.manifest('mall', '{"ingress":[{"name":"i","host":"shop","target":{"service":"web","port":80}}]}'))#>>'{metadata,name}', 'mall', 'the same short host in another project is another host');
SELECT throws_ok($$ SELECT api.project_update('mall', given.manifest('mall', '{"ingress":[{"name":"i","host":"shop.example.com","target":{"service":"web","port":80}}]}')) $$, 'SR409',
    'ingress host "shop.example.com" is already used by project "shop"', 'a change is held to it too');
SELECT lives_ok($$ SELECT api.project_update('shop', given.manifest('shop')) $$, 'names that are given up');
SELECT lives_ok($$ SELECT api.project_update('mall', given.manifest('mall', '{"ingress":[{"name":"i","host":"shop.example.com","target":{"service":"web","port":80}}]}')) $$, 'are free for others');
SELECT api.project_delete('mall') \g /dev/null
SELECT lives_ok($$ SELECT api.project_create(given.manifest('mall2', '{"ingress":[{"name":"i","host":"shop.example.com","target":{"service":"web","port":80}}]}')) $$, 'also when a project is gone');

SELECT * FROM finish();
ROLLBACK;
