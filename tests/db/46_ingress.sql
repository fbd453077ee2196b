-- Ingress: hosts and paths, whose a host is, and where other nodes find it.
BEGIN;
\ir given.psql
SELECT plan(41);

CREATE FUNCTION given.entry(p_name text, p_more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql
    AS $$ SELECT jsonb_build_object('name', p_name, 'target', '{"service":"web","port":80}'::jsonb, 'access', '{"scope":"Internal"}'::jsonb) || p_more $$;
CREATE FUNCTION given.with_ingress(VARIADIC p_entries jsonb[]) RETURNS jsonb LANGUAGE sql
    AS $$ SELECT jsonb_build_object('ingress', to_jsonb(p_entries)) $$;
CREATE FUNCTION given.lookup(p_host text) RETURNS jsonb LANGUAGE sql
    AS $$ SELECT api.ingress_lookup(jsonb_build_object('host', jsonb_build_array(p_host)))::jsonb $$;

-- Paths and wildcards are checked like the rest of a manifest.
SELECT is(given.error_of(format('SELECT cara.check_project_spec(%L)', '{"services":[{"name":"web","image":"x"}]}'::jsonb || given.with_ingress(given.entry('i', more)))), error, more::text)
  FROM (VALUES
    ('{"host":"*.example.com"}'::jsonb,     'none'),
    ('{"host":"*"}',                        'none'),
    ('{"path":"/"}',                        'none'),
    ('{"path":"/a/b.c/%20"}',               'none'),
    ('{"host":"a.*.com"}',                  'SR400 spec.ingress[0].host: ingress i: host "a.*.com" is not a host name'),
    ('{"host":"*a.com"}',                   'SR400 spec.ingress[0].host: ingress i: host "*a.com" is not a host name'),
    ('{"host":"**.com"}',                   'SR400 spec.ingress[0].host: ingress i: host "**.com" is not a host name'),
    ('{"path":"a"}',                        'SR400 spec.ingress[0].path: ingress i: path "a" must begin with "/" and hold no "?", "#" or blanks'),
    ('{"path":"/a?b"}',                     'SR400 spec.ingress[0].path: ingress i: path "/a?b" must begin with "/" and hold no "?", "#" or blanks'),
    ('{"path":"/a#b"}',                     'SR400 spec.ingress[0].path: ingress i: path "/a#b" must begin with "/" and hold no "?", "#" or blanks'),
    ('{"path":"/a b"}',                     'SR400 spec.ingress[0].path: ingress i: path "/a b" must begin with "/" and hold no "?", "#" or blanks'),
    ('{"path":"/ünï"}',                     'none')) v(more, error);
SELECT is(given.error_of(format('SELECT api.project_create(%L)', given.manifest('n', given.with_ingress(given.entry('i', '{"path":7}'))))),
    'SR400 spec.ingress[0].path: invalid request body: spec.ingress[0].path: expected a string, found 7', 'a path is a string');

-- One host, several paths: they belong to one project, and no two are the same.
SELECT lives_ok($$ SELECT given.project('web', given.with_ingress(given.entry('a', '{"host":"Shop.example.com"}'), given.entry('b', '{"host":"shop.example.com","path":"/api"}'))) $$,
    'a host may lead to two services by path');
SELECT is(api.project_get('web')#>>'{spec,ingress,1,path}', '/api', 'the path is kept');
SELECT is(given.error_of($$ SELECT given.project('b', given.with_ingress(given.entry('a', '{"host":"b.com"}'), given.entry('b', '{"host":"B.com","path":"/"}'))) $$),
    'SR400 spec.ingress: ingress host "b.com" is used twice', 'no path and / are the same');
SELECT is(given.error_of($$ SELECT given.project('b', given.with_ingress(given.entry('a', '{"host":"b.com","path":"/x"}'), given.entry('b', '{"host":"b.com","path":"/x"}'))) $$),
    'SR400 spec.ingress: ingress host "b.com/x" is used twice', 'so are two equal ones');
SELECT is(given.error_of($$ SELECT given.project('thief', given.with_ingress(given.entry('a', '{"host":"shop.example.com","path":"/mine"}'))) $$),
    'SR409 spec.ingress: ingress host "shop.example.com" is already used by project "web"', 'another project gets no path of a host that is taken');
SELECT given.project('star', given.with_ingress(given.entry('a', '{"host":"*.example.com"}'), given.entry('b', '{"host":"short"}')));
SELECT is(given.error_of($$ SELECT given.project('thief', given.with_ingress(given.entry('a', '{"host":"*.Example.com"}'))) $$),
    'SR409 spec.ingress: ingress host "*.example.com" is already used by project "star"', 'a wildcard is taken, too');

-- Whose is it?
SELECT is(given.lookup(host)->>'project', project, host)
  FROM (VALUES ('shop.example.com', 'web'), ('SHOP.example.com', 'web'), ('shop.example.com.', 'web'), ('other.example.com', 'star'),
               ('short.star.local', 'star')) v(host, project);
SELECT is(given.error_of(format('SELECT given.lookup(%L)', host)), 'SR404 host: no project has the ingress host "' || host || '"', host || ': a wildcard stands for one label')
  FROM (VALUES ('a.b.example.com'), ('example.com'), ('short'), ('*.com')) v(host);
SELECT is(given.error_of($$ SELECT api.ingress_lookup('{}') $$), 'SR400 host: host is required', 'a host is to be named');
SELECT is(given.lookup('shop.example.com'), '{"apiVersion":"caravanserai/v1","kind":"IngressPlace","host":"shop.example.com","project":"web"}', 'what is not placed is nowhere');

-- Where is it?
SELECT given.node('n1');
SELECT api.schedule(given.t());
SELECT is(given.lookup('shop.example.com')->>'node', 'n1', 'the node that has it');
SELECT is(given.lookup('shop.example.com')->'port', NULL, 'whose proxy does not listen');
SELECT api.node_heartbeat('n1', '{"proxy":{"port":8081,"key":"secret"}}', given.t());
SELECT is(given.lookup('shop.example.com'),
    '{"apiVersion":"caravanserai/v1","kind":"IngressPlace","host":"shop.example.com","project":"web","node":"n1","ip":"10.0.0.5","port":8081,"key":"secret"}', 'now it does');
SELECT api.node_heartbeat('n1', NULL, given.t()), api.node_heartbeat('n1', '{"state":"Ready"}', given.t());
SELECT is(given.lookup('shop.example.com')->>'port', '8081', 'a heartbeat that says nothing of it changes nothing');
SELECT unalike(api.node_get('n1')::text, '%secret%', 'the key is no part of the node that everyone can see');
SELECT is(given.error_of($$ SELECT api.node_heartbeat('n1', '{"proxy":{"port":70000}}', given.t()) $$), 'SR400 proxy.port: proxy.port 70000 must be between 0 and 65535', 'a port is a port');
SELECT api.node_heartbeat('n1', '{"proxy":{"port":0,"key":""}}', given.t());
SELECT is(given.lookup('shop.example.com')->'port', NULL, 'it listens no longer');

-- What the agent gets has the hosts as they are.
SELECT is((SELECT i->'ingress' FROM json_array_elements(api.node_assignments('n1')->'items') i WHERE i->>'project' = 'star')::jsonb,
    '[{"host":"*.example.com","path":"/","service":"web","port":80},{"host":"short.star.local","path":"/","service":"web","port":80}]', 'an assignment says which hosts and paths lead where');

-- What is being deleted is nowhere, and its host is free when it is gone.
SELECT given.running('web'), api.project_delete('web');
SELECT is(given.lookup('shop.example.com')->'node', NULL, 'what is being deleted is nowhere');
SELECT api.project_delete('web', '{"force":["true"]}');
SELECT is(given.lookup('shop.example.com')->>'project', 'star', 'then the wildcard has it');
SELECT lives_ok($$ SELECT given.project('next', given.with_ingress(given.entry('a', '{"host":"shop.example.com"}'))) $$, 'or who comes next');

SELECT * FROM finish();
ROLLBACK;
