-- Reading manifests: leniently above `spec` as the wire always was, strictly from `spec` downwards, and what
-- is wrong is named by its path. What comes out holds only members with a value.
BEGIN;
\ir given.psql
SELECT plan(111);

CREATE FUNCTION given.read(p_body text) RETURNS jsonb LANGUAGE sql AS $$ SELECT cara.read_manifest(p_body::jsonb, 'Project') $$;
CREATE FUNCTION given.spec(p_spec text) RETURNS jsonb LANGUAGE sql
    AS $$ SELECT cara.read_object(p_spec::jsonb, 'ProjectSpec', 'spec', true) $$;
CREATE FUNCTION given.read_error(p_spec text) RETURNS text LANGUAGE sql
    AS $$ SELECT given.error_of(format('SELECT given.spec(%L)', p_spec)) $$;

-- An empty body, null and {} are the same manifest that says nothing.
SELECT is(given.read(body), '{"name":"","labels":{},"annotations":{},"resourceVersion":null,"spec":{}}', 'read as a manifest: ' || body)
  FROM (VALUES ('{}'), ('null'), ('{"metadata":null,"spec":null}'), ('{"metadata":{},"spec":{}}'), ('{"status":5,"foo":[1]}')) b(body);

-- Above spec, what is not known is ignored; names match without regard to case, the exact one preferred.
SELECT is(given.read('{"MetaData":{"NAME":"web","Labels":{"a":"b"},"colour":"red"}}')->>'name', 'web', 'names match in any case');
SELECT is(given.read('{"metadata":{"name":"right","NAME":"wrong"}}')->>'name', 'right', 'the exact name is preferred, before');
SELECT is(given.read('{"metadata":{"Name":"wrong","name":"right"}}')->>'name', 'right', 'and behind');
SELECT is(given.read('{"METADATA":{"name":"wrong"},"metadata":{"name":"right"}}')->>'name', 'right', 'also of the outer members');
SELECT is(given.spec('{"Services":[{"NAME":"web","iMaGe":"x"}]}'), '{"services":[{"name":"web","image":"x"}]}', 'and of those in spec');
SELECT is(given.read('{"metadata":{"name":"a"},"metadata":{"name":"b"}}')->>'name', 'b', 'of duplicates the last wins');

-- Values that say nothing are not stored.
SELECT is(given.spec('{"services":[{"name":"web","image":"x","env":[],"volumeMounts":null,"command":[],"restartPolicy":"",
    "healthcheck":{},"stopGracePeriod":""}],"volumes":[],"ingress":null,"expireAt":"0001-01-01T00:00:00Z"}'),
    '{"services":[{"name":"web","image":"x"}]}', 'empty lists, objects, strings, null and the zero time are as if absent');
SELECT is(given.spec('{"ingress":[{"name":"i","target":{"service":"","port":0},"access":{"scope":""}}]}'), '{"ingress":[{"name":"i"}]}', 'so are 0 and objects of nothing');
SELECT is(cara.read_object('{"unschedulable":false}', 'NodeSpec', 'spec', true), '{}', 'and false');
SELECT is(given.read('{"metadata":{"labels":{"a":"","b":null,"c":"d"}}}')->'labels', '{"a":"","b":"","c":"d"}', 'but a label may be empty; null is empty');
SELECT is(given.spec('{"services":[{"name":"a","env":[{"name":"E","value":""}]},{}]}'), '{"services":[{"name":"a","env":[{"name":"E"}]},{}]}', 'items of lists stay, however little they say');
SELECT is(given.spec('{"services":[{"command":["","a"]}]}'), '{"services":[{"command":["","a"]}]}', 'strings of a list stay even when empty');

-- The wrong type is refused with its path, what was wanted and what was found.
SELECT is(given.read_error(spec), 'SR400 ' || path || ': invalid request body: ' || path || ': expected ' || message, spec)
  FROM (VALUES
    ('[]',                                                     'spec', 'an object, found an array'),
    ('"x"',                                                    'spec', 'an object, found "x"'),
    ('true',                                                   'spec', 'an object, found true'),
    ('{"services":{}}',                                        'spec.services', 'an array, found an object'),
    ('{"services":"web"}',                                     'spec.services', 'an array, found "web"'),
    ('{"services":["web"]}',                                   'spec.services[0]', 'an object, found "web"'),
    ('{"services":[{},{"name":5}]}',                           'spec.services[1].name', 'a string, found 5'),
    ('{"services":[{"image":true}]}',                          'spec.services[0].image', 'a string, found true'),
    ('{"services":[{"image":{}}]}',                            'spec.services[0].image', 'a string, found an object'),
    ('{"services":[{"env":{"A":"b"}}]}',                       'spec.services[0].env', 'an array, found an object'),
    ('{"services":[{"env":[{"name":"A","value":1}]}]}',        'spec.services[0].env[0].value', 'a string, found 1'),
    ('{"services":[{"command":"ls"}]}',                        'spec.services[0].command', 'an array, found "ls"'),
    ('{"services":[{"command":["ls",1]}]}',                    'spec.services[0].command[1]', 'a string, found 1'),
    ('{"services":[{"command":[null]}]}',                      'spec.services[0].command[0]', 'a string, found null'),
    ('{"ingress":[{"target":{"port":"80"}}]}',                 'spec.ingress[0].target.port', 'an integer, found "80"'),
    ('{"ingress":[{"target":{"port":80.0}}]}',                 'spec.ingress[0].target.port', 'an integer, found 80.0'),
    ('{"ingress":[{"target":{"port":80.5}}]}',                 'spec.ingress[0].target.port', 'an integer, found 80.5'),
    ('{"ingress":[{"target":{"port":1e30}}]}',                 'spec.ingress[0].target.port', 'an integer, found 1000000000000000000000000000000'),
    ('{"ingress":[{"target":[]}]}',                            'spec.ingress[0].target', 'an object, found an array'),
    ('{"services":[{"stopGracePeriod":10}]}',                  'spec.services[0].stopGracePeriod', 'a duration such as "30s" or "1m30s", found 10'),
    ('{"services":[{"name":"' || repeat('x', 50) || '","image":7}]}', 'spec.services[0].image', 'a string, found 7')) v(spec, path, message);
SELECT is(given.error_of($$ SELECT given.read('[]') $$), 'SR400 invalid request body: body: expected an object, found an array', 'a body that is no object');
SELECT is(given.error_of($$ SELECT given.read('{"metadata":{"name":5}}') $$),
    'SR400 metadata.name: invalid request body: metadata.name: expected a string, found 5', 'metadata is checked too');
SELECT is(given.error_of($$ SELECT given.read('{"metadata":{"labels":{"a":5}}}') $$),
    'SR400 metadata.labels.a: invalid request body: metadata.labels.a: expected a string, found 5', 'labels are strings');
SELECT is(given.hint_of($$ SELECT given.read('{"metadata":{"labels":{"a":5}}}') $$),
    'in quotes it is one: "5"', 'and how they would be');
SELECT is(given.error_of($$ SELECT given.read('{"metadata":{"labels":["a"]}}') $$),
    'SR400 metadata.labels: invalid request body: metadata.labels: expected an object of strings, found an array', 'in an object');
SELECT is(given.error_of($$ SELECT cara.read_object('{"unschedulable":"yes"}', 'NodeSpec', 'spec', true) $$),
    'SR400 spec.unschedulable: invalid request body: spec.unschedulable: expected true or false, found "yes"', 'a boolean is true or false');
SELECT is(given.error_of(format('SELECT given.spec(%L)', jsonb_build_object('expireAt', repeat('9', 500)))),
    'SR400 spec.expireAt: invalid request body: spec.expireAt: expected an RFC 3339 time such as "2030-01-01T00:00:00Z", found "' || repeat('9', 40) || '..."',
    'what was found is cut to a bounded length');

-- Unknown members of spec are refused with the nearest name there is.
SELECT is(given.read_error(spec), 'SR400 ' || path || ': unknown field "' || path || '": ' || message, spec)
  FROM (VALUES
    ('{"service":[]}',                                'spec.service', 'did you mean "services"?'),
    ('{"services":[{"imgae":"x"}]}',                  'spec.services[0].imgae', 'did you mean "image"?'),
    ('{"services":[{"volumemount":[]}]}',             'spec.services[0].volumemount', 'did you mean "volumeMounts"?'),
    ('{"services":[{"gates":[]}]}',                   'spec.services[0].gates',
        'spec.services[0] has name, image, env, volumeMounts, command, args, restartPolicy, imagePullPolicy, healthcheck, stopGracePeriod, resources, ports'),
    ('{"services":[{"env":[{"nane":"x"}]}]}',         'spec.services[0].env[0].nane', 'did you mean "name"?'),
    ('{"ingress":[{"target":{"prot":1}}]}',           'spec.ingress[0].target.prot', 'did you mean "port"?'),
    ('{"ingress":[{"access":{"scopes":"Internal"}}]}', 'spec.ingress[0].access.scopes', 'did you mean "scope"?'),
    ('{"volumes":[{"size":"1G"}]}',                   'spec.volumes[0].size', 'spec.volumes[0] has name, type'),
    ('{"services":[{"healthcheck":{"intervall":"1s"}}]}', 'spec.services[0].healthcheck.intervall', 'did you mean "interval"?'),
    ('{"replicas":3}',                                'spec.replicas', 'spec has services, volumes, ingress, expireAt, placement, onNodeLost')) v(spec, path, message);
SELECT is(given.error_of($$ SELECT cara.read_object('{"roles":[]}', 'NodeSpec', 'spec', true) $$),
    'SR400 spec.roles: unknown field "spec.roles": spec has hostname, unschedulable, taints, reserved', 'nodes too');
SELECT cmp_ok(length(given.read_error(jsonb_build_object(repeat('x', 1000000), 1)::text)), '<', 2000, 'a name of any length is answered in bounded length');

SELECT cmp_ok(length(given.error_of(format('SELECT given.read(%L)', jsonb_build_object('metadata', jsonb_build_object('labels', jsonb_build_object(repeat('x', 1000000), 1)))))),
    '<', 6000, 'so is a label''s');

-- Times are RFC 3339 and nothing else.
SELECT is(given.spec(jsonb_build_object('expireAt', written)::text)->>'expireAt', stored, 'the time ' || written)
  FROM (VALUES ('2030-01-01T00:00:00Z', '2030-01-01T00:00:00Z'), ('2030-01-01T01:30:00+01:30', '2030-01-01T00:00:00Z'),
               ('2029-12-31T19:00:00-05:00', '2030-01-01T00:00:00Z'), ('2030-01-01T00:00:00.120Z', '2030-01-01T00:00:00.12Z'),
               ('2030-01-01T00:00:00.123456789Z', '2030-01-01T00:00:00.123457Z'), ('2028-02-29T00:00:00Z', '2028-02-29T00:00:00Z'),
               ('0001-01-01T00:00:00Z', NULL), ('0001-01-01T01:00:00+01:00', NULL)) v(written, stored);
SELECT is(left(given.read_error(jsonb_build_object('expireAt', written)::text), 21), 'SR400 spec.expireAt: ', 'no time: ' || coalesce(written #>> '{}', 'null'))
  FROM (VALUES ('"2030-01-01"'::jsonb), ('"2030-01-01 00:00:00Z"'), ('"2030-01-01t00:00:00Z"'), ('"2030-01-01T00:00:00"'), ('"2030-01-01T00:00:00z"'),
               ('"2030-02-30T00:00:00Z"'), ('"2030-13-01T00:00:00Z"'), ('"2030-01-01T24:00:00Z"'), ('"2030-01-01T00:60:00Z"'),
               ('"0000-01-01T00:00:00Z"'), ('"0001-01-01T00:00:00+01:00"'), ('"9999-12-31T23:59:59-01:00"'),
               ('"now"'), ('"infinity"'), ('""'), ('1893456000'), ('true'), ('{}'), ('"2030-01-01T00:00:00Z\n"'), ('" 2030-01-01T00:00:00Z"')) v(written);

-- Durations are Go's, from hours to milliseconds.
SELECT is(cara.read_duration(to_jsonb(written), 'd'), length, 'the duration ' || written)
  FROM (VALUES ('30s', interval '30 seconds'), ('1m30s', '90 seconds'), ('1h', '1 hour'), ('1.5h', '90 minutes'), ('250ms', '0.25 seconds'), ('0s', '0'),
               ('1h0m0.5s', '1 hour 0.5 seconds')) v(written, length);
SELECT is(left(given.error_of(format('SELECT cara.read_duration(%L, %L)', to_jsonb(written), 'd')), 9), 'SR400 d: ', 'no duration: ' || written)
  FROM (VALUES (''), ('30'), ('s'), ('-1s'), ('1d'), ('1 s'), ('1s '), ('1e3s'), ('.5s'), ('1234567s'), (E'1s\n')) v(written);
SELECT is(given.spec('{"services":[{"stopGracePeriod":"1m30s"}]}'), '{"services":[{"stopGracePeriod":"1m30s"}]}', 'a duration is stored as it was written');

-- What Postgres itself refuses of a body, with the SQLSTATEs that the server answers 400 for.
SELECT throws_ok(statement, state, NULL, name)
  FROM (VALUES ($$ SELECT given.read('{"metadata":{"name":"a\u0000b"}}') $$, '22P05', '\u0000 cannot be stored'),
               ($$ SELECT given.read('{') $$, '22P02', 'a body cut short'),
               ($$ SELECT given.read('') $$, '22P02', 'an empty body'),
               ($$ SELECT given.read('{"a":"\ud800"}') $$, '22P02', 'half of a surrogate pair'),
               ($$ SELECT convert_from('\x7b22ff227d', 'UTF8')::jsonb $$, '22021', 'invalid UTF-8'),
               ($$ SELECT given.read(repeat('[', 100000)) $$, '54001', 'nesting without end')) v(statement, state, name);

SELECT * FROM finish();
ROLLBACK;
