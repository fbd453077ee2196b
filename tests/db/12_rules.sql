-- The rules a project's spec must keep (contract 2.5 and what it left unchecked), in the order they are looked at.
BEGIN;
\ir given.psql
SELECT plan(60);

CREATE FUNCTION given.check(p_spec jsonb) RETURNS text LANGUAGE sql
    AS $$ SELECT given.error_of(format('SELECT cara.check_project_spec(cara.read_object(%L, %L, %L, true))', p_spec, 'ProjectSpec', 'spec')) $$;
-- A service, a volume, an ingress entry with something changed; given.spec() puts them into a spec that is fine.
CREATE FUNCTION given.service(p_more text) RETURNS jsonb LANGUAGE sql AS $$ SELECT '{"name":"web","image":"nginx:1"}' || p_more::jsonb $$;
CREATE FUNCTION given.ingress(p_more text) RETURNS jsonb LANGUAGE sql
    AS $$ SELECT '{"name":"main","target":{"service":"web","port":80},"access":{"scope":"Internal"}}' || p_more::jsonb $$;

SELECT is(given.check('{"services":[{"name":"web","image":"nginx:1"}]}'), 'none', 'one service with an image is a project');
SELECT is(given.check('{"services":[{"name":"web","image":"localhost:5000/a/b:1@sha256:00","env":[{"name":"A","value":"1"},{"name":"B"}],
    "volumeMounts":[{"name":"data","mountPath":"/data"}],"command":["sh"],"args":["-c","true"],"restartPolicy":"OnFailure","imagePullPolicy":"Always",
    "healthcheck":{"test":["CMD","true"],"interval":"10s","timeout":"1s","startPeriod":"5s","retries":3},"stopGracePeriod":"30s"},
    {"name":"db","image":"db"}],"volumes":[{"name":"data","type":"Ephemeral"}],
    "ingress":[{"name":"main","host":"shop.example.com","target":{"service":"web","port":80},"access":{"scope":"Internal"}},
               {"name":"admin","host":"admin","target":{"service":"db","port":65535}}],"expireAt":"2030-01-01T00:00:00Z"}'), 'none', 'everything there is, used well');

-- Services.
SELECT is(given.check(jsonb_build_object('services', jsonb_build_array(service::jsonb))), 'SR400 spec.services[0].' || path || ': ' || message, message)
  FROM (VALUES
    ('{"image":"x"}',             'name',  'each service must have a non-empty name'),
    ('{"name":"","image":"x"}',   'name',  'each service must have a non-empty name'),
    ('{"name":"a b","image":"x"}', 'name', 'service "a b": the name must be at most 63 letters, digits, hyphens (-), underscores (_) or dots (.), and start and end with a letter or digit'),
    ('{"name":"-a","image":"x"}', 'name',  'service "-a": the name must be at most 63 letters, digits, hyphens (-), underscores (_) or dots (.), and start and end with a letter or digit'),
    ('{"name":"web"}',            'image', 'service web: image is required'),
    ('{"name":"web","image":""}', 'image', 'service web: image is required'),
    ('{"name":"web","image":"a b"}', 'image', 'service web: image "a b" is not an image reference')) v(service, path, message);
SELECT is(given.check(jsonb_build_object('services', jsonb_build_array(given.service(more)))), 'SR400 spec.services[0].' || path || ': ' || message, message)
  FROM (VALUES
    ('{"env":[{"name":"A"},{"value":"x"}]}', 'env[1].name',                'service web: env name "" must not be empty or hold "=" or blanks'),
    ('{"env":[{"name":"A=B"}]}',             'env[0].name',                'service web: env name "A=B" must not be empty or hold "=" or blanks'),
    ('{"volumeMounts":[{"name":"data","mountPath":"/data"}]}', 'volumeMounts[0].name', 'service web: volume "data" is not declared in spec.volumes'),
    ('{"restartPolicy":"Sometimes"}',        'restartPolicy',              'spec.services[0].restartPolicy: "Sometimes" is not one of Always, OnFailure, Never'),
    ('{"restartPolicy":"always"}',           'restartPolicy',              'spec.services[0].restartPolicy: "always" is not one of Always, OnFailure, Never'),
    ('{"imagePullPolicy":"Maybe"}',          'imagePullPolicy',            'spec.services[0].imagePullPolicy: "Maybe" is not one of IfNotPresent, Always, Never'),
    ('{"healthcheck":{"interval":"1s"}}',    'healthcheck.test',           'service web: healthcheck.test is required'),
    ('{"healthcheck":{"test":["curl"]}}',    'healthcheck.test[0]',        'service web: healthcheck.test must begin with CMD, CMD-SHELL or NONE'),
    ('{"healthcheck":{"test":["CMD","x"],"retries":-1}}', 'healthcheck.retries', 'service web: healthcheck.retries must be between 0 and 1000')) v(more, path, message);
SELECT is(given.check(jsonb_build_object('services', jsonb_build_array(given.service('{"volumeMounts":[{"name":"d"}]}') || jsonb_build_object('volumeMounts',
        jsonb_build_array(jsonb_build_object('name', 'd', 'mountPath', path)))), 'volumes', '[{"name":"d","type":"Ephemeral"}]'::jsonb)),
    format('SR400 spec.services[0].volumeMounts[0].mountPath: service web: mountPath %s must be an absolute path without ":"', cara.quote(path)), 'mountPath ' || path)
  FROM (VALUES (''), ('data'), ('/a:ro')) v(path);
SELECT is(given.check('{"services":[]}'), 'SR400 spec.services: spec.services must contain at least one service', 'no services');
SELECT is(given.check('{}'), 'SR400 spec.services: spec.services must contain at least one service', 'an empty spec');
SELECT is(given.check('{"services":[{"name":"a","image":"x"},{"name":"a","image":"y"}]}'), 'SR400 spec.services: duplicate service name: a', 'duplicate services');
SELECT is(given.check(jsonb_build_object('services', (SELECT jsonb_agg(jsonb_build_object('name', 's' || i, 'image', 'x')) FROM generate_series(1, n) i))), result, n || ' services')
  FROM (VALUES (100, 'none'), (101, 'SR400 spec.services: spec.services has 101 services: at most 100 are allowed')) v(n, result);
SELECT is(left(given.check(jsonb_build_object('services', jsonb_build_array(jsonb_build_object('name', repeat('a', n), 'image', 'x')))), 5), result, format('a service''s name of %s characters', n))
  FROM (VALUES (63, 'none'), (64, 'SR400')) v(n, result);

-- Volumes.
SELECT is(given.check('{"services":[{"name":"web","image":"x"}]}' || jsonb_build_object('volumes', volumes::jsonb)), 'SR400 ' || message, message)
  FROM (VALUES
    ('[{"type":"Ephemeral"}]', 'spec.volumes: volume "": the name must be 1 to 63 letters, digits, hyphens (-), underscores (_) or dots (.), and start and end with a letter or digit'),
    ('[{"name":"a/b","type":"Ephemeral"}]', 'spec.volumes: volume "a/b": the name must be 1 to 63 letters, digits, hyphens (-), underscores (_) or dots (.), and start and end with a letter or digit'),
    ('[{"name":"a","type":"Ephemeral"},{"name":"a","type":"Ephemeral"}]', 'spec.volumes: duplicate volume name: a'),
    ('[{"name":"a","type":"Ephemeral"},{"name":"b","type":"HostPath"}]', 'spec.volumes[1].type: spec.volumes[1].type: "HostPath" is not one of Ephemeral, Local'),
    ('[{"name":"a"}]', 'spec.volumes[0].type: spec.volumes[0].type: "" is not one of Ephemeral, Local')) v(volumes, message);

-- Ingress.
SELECT is(given.check('{"services":[{"name":"web","image":"x"}]}' || jsonb_build_object('ingress', jsonb_build_array(given.ingress(more)))),
    'SR400 spec.ingress[0].' || path || ': ' || message, message)
  FROM (VALUES
    ('{"name":""}',                             'name',           'each ingress entry must have a non-empty name'),
    ('{"target":{"service":"db","port":80}}',   'target.service', 'ingress main: target service db does not exist in spec.services'),
    ('{"target":{"port":80}}',                  'target.service', 'ingress main: target service  does not exist in spec.services'),
    ('{"target":{"service":"web"}}',            'target.port',    'ingress main: target port must be greater than 0'),
    ('{"target":{"service":"web","port":-1}}',  'target.port',    'ingress main: target port must be greater than 0'),
    ('{"target":{"service":"web","port":65536}}', 'target.port',  'ingress main: target port must not be greater than 65535'),
    ('{"access":{"scope":"Public"}}',           'access.scope',   'ingress main: only "Internal" scope is supported'),
    ('{"host":"a b"}',                          'host',           'ingress main: host "a b" is not a host name'),
    ('{"host":"-a"}',                           'host',           'ingress main: host "-a" is not a host name'),
    ('{"host":"a..b"}',                         'host',           'ingress main: host "a..b" is not a host name'),
    ('{"host":"a:80"}',                         'host',           'ingress main: host "a:80" is not a host name')) v(more, path, message);
SELECT is(given.check('{"services":[{"name":"web","image":"x"}]}' || jsonb_build_object('ingress', jsonb_build_array(given.ingress('{"host":"a"}'), given.ingress('{"host":"b"}')))),
    'SR400 spec.ingress[0].name: duplicate ingress name: main', 'ingress names are unique');
SELECT is(given.check('{"services":[{"name":"web","image":"x"}]}' || jsonb_build_object('ingress', jsonb_build_array(given.ingress('{"host":"a"}'), given.ingress('{"name":"b","host":"A"}')))),
    'SR400 spec.ingress: ingress host "a" is used twice', 'hosts too, whatever their case');

-- The order: services before volumes before ingress, each in the order of its list.
SELECT is(given.check('{"services":[{"name":"web"}],"volumes":[{"name":"a/b"}],"ingress":[{"name":""}]}'), 'SR400 spec.services[0].image: service web: image is required', 'services first');
SELECT is(given.check('{"services":[{"name":"a","image":"x"},{"name":"b"},{"image":"x"}]}'), 'SR400 spec.services[1].image: service b: image is required', 'in their order');

-- Names of nodes and projects, with the limit counted in bytes.
SELECT is(given.error_of(format('SELECT cara.check_name(%L)', name)), CASE message WHEN '' THEN 'none' ELSE 'SR400 metadata.name: ' || message END, 'name ' || left(cara.quote(name), 30))
  FROM (VALUES ('a', ''), ('a.b-c', ''), ('a..b', ''), (repeat('a', 253), ''),
    ('', 'metadata.name is required'),
    (repeat('a', 254), 'name "aaaaaaaaaaaaaaaaaaaa..." is 254 characters long: must be no more than 253 characters'),
    (repeat('ä', 127), 'name "ääääääääääääääääääää..." is 254 characters long: must be no more than 253 characters'),
    ('A', 'name "A" is invalid: must consist of lowercase alphanumeric characters, hyphens (-) or dots (.), and must start and end with an alphanumeric character'),
    (E'a\n', 'name "a\n" is invalid: must consist of lowercase alphanumeric characters, hyphens (-) or dots (.), and must start and end with an alphanumeric character'),
    (repeat('a', 45) || '_', 'name "' || repeat('a', 40) || '..." is invalid: must consist of lowercase alphanumeric characters, hyphens (-) or dots (.), and must start and end with an alphanumeric character')) v(name, message);

-- Size.
UPDATE cara.setting SET value = '200' WHERE name = 'max_manifest_bytes';
SELECT throws_like(format('SELECT api.project_create(%L)', given.manifest('big', jsonb_build_object('services', jsonb_build_array(given.service(format('{"env":[{"name":"A","value":"%s"}]}', repeat('x', 200))))))),
    'the manifest is % bytes: at most 200 are stored', 'a manifest larger than the setting is refused');
SELECT is(left(given.error_of(format('SELECT api.node_create(%L)', jsonb_build_object('metadata', jsonb_build_object('name', 'n', 'annotations', jsonb_build_object('a', repeat('x', 200)))))), 5),
    'SR413', 'with status 413, nodes too');

SELECT * FROM finish();
ROLLBACK;
