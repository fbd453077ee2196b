-- Writing: the wire's member order, its escapes and its zero values, byte for byte.
BEGIN;
\ir given.psql
SELECT plan(40);

-- What must be there is there, in the order of contract 1.
SELECT is(cara.render('{}', 'ProjectSpec'), '{"services":null}', 'a spec of nothing');
SELECT is(cara.render('{"services":[{}],"volumes":[{}],"ingress":[{}]}', 'ProjectSpec'),
    '{"services":[{"name":"","image":""}],"volumes":[{"name":"","type":""}],"ingress":[{"name":"","target":{"service":"","port":0},"access":{"scope":""}}]}',
    'members that are always there have their zero values');
SELECT is(cara.render('{"expireAt":"2030-01-01T00:00:00Z","ingress":[{"host":"h","access":{"scope":"Internal"},"target":{"port":80,"service":"web"},"name":"i"}],
    "volumes":[{"type":"Ephemeral","name":"v"}],"services":[{"volumeMounts":[{"mountPath":"/v","name":"v"}],"env":[{"value":"1","name":"A"},{"name":"B"}],"image":"x","name":"web",
    "healthcheck":{"retries":3,"test":["CMD","x"],"timeout":"1s","interval":"2s","startPeriod":"3s"},"args":["b"],"command":["a"],"stopGracePeriod":"1s","imagePullPolicy":"Never","restartPolicy":"Never"}]}', 'ProjectSpec'),
    '{"services":[{"name":"web","image":"x","env":[{"name":"A","value":"1"},{"name":"B"}],"volumeMounts":[{"name":"v","mountPath":"/v"}],'
    || '"command":["a"],"args":["b"],"restartPolicy":"Never","imagePullPolicy":"Never","healthcheck":{"test":["CMD","x"],"interval":"2s","timeout":"1s","startPeriod":"3s","retries":3},"stopGracePeriod":"1s"}],'
    || '"volumes":[{"name":"v","type":"Ephemeral"}],"ingress":[{"name":"i","host":"h","target":{"service":"web","port":80},"access":{"scope":"Internal"}}],"expireAt":"2030-01-01T00:00:00Z"}',
    'everything, in the wire''s order');
SELECT is(cara.render('{}', 'Network'), '{"throughput":{"lastTestTime":"0001-01-01T00:00:00Z"}}', 'a network of nothing');
SELECT is(cara.render('{"agentPort":9090,"throughput":{"upload":"2M","download":"1M"},"mode":"Direct","dnsName":"d","ip":"10.0.0.1"}', 'Network'),
    '{"ip":"10.0.0.1","dnsName":"d","mode":"Direct","agentPort":9090,"throughput":{"download":"1M","upload":"2M","lastTestTime":"0001-01-01T00:00:00Z"}}', 'a whole network');
SELECT is(cara.render('{}', 'Info'), '{}', 'info of nothing');
SELECT is(cara.render('{"hostname":"h","unschedulable":true}', 'NodeSpec'), '{"hostname":"h","unschedulable":true}', 'a node''s spec');

-- What was read and written again is the same, for every type there is.
SELECT is(cara.read_object(cara.render(s.spec, 'ProjectSpec')::jsonb, 'ProjectSpec', 'spec', true), s.spec, 'reading what was written gives it back')
  FROM (VALUES ('{"services":[{"name":"a","image":"b","env":[{"name":"x"}]},{}],"ingress":[{"name":"i"}],"expireAt":"2030-01-01T00:00:00.5Z"}'::jsonb), ('{}')) s(spec);

-- Escapes.
SELECT is(cara.wire_text(E'"\\/\b\f\n\r\t\x01\x1f\x7fä€😀'), E'"\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7fä€😀"', 'short escapes, \u00xx for other controls, all else raw');
SELECT is(cara.wire('["<b>&amp;"]')::text, '["\u003cb\u003e\u0026amp;"]', '< > & are escaped');
SELECT is(cara.wire('["' || U&'\2028\2029' || '"]')::text, '["\u2028\u2029"]', 'and the two line separators');
SELECT is(cara.wire_map('{"b":"1","aa":"2","a":"3","B":"4","ä":"5"}'), '{"B":"4","a":"3","aa":"2","b":"1","ä":"5"}', 'maps are sorted by bytes');
SELECT is(cara.wire_map('{}'), '{}', 'a map of nothing');

-- Times.
SELECT is(cara.wire_time(t), to_json(written)::text, written)
  FROM (VALUES (NULL::timestamptz, '0001-01-01T00:00:00Z'), ('2030-01-01T00:00:00Z', '2030-01-01T00:00:00Z'), ('2030-01-01T00:00:00.5Z', '2030-01-01T00:00:00.5Z'),
               ('2030-01-01T00:00:00.000001Z', '2030-01-01T00:00:00.000001Z'), ('2030-01-01T00:00:10Z', '2030-01-01T00:00:10Z'), ('2030-01-01T02:00:00+02:00', '2030-01-01T00:00:00Z')) v(t, written);
SET LOCAL timezone = 'Asia/Taipei';
SELECT is(cara.wire_time('2030-01-01T00:00:00Z'), '"2030-01-01T00:00:00Z"', 'in UTC whatever the session''s zone');
SET LOCAL timezone = 'UTC';

-- Ages.
SELECT is(cara.age(given.t() - ago, given.t()), age, age)
  FROM (VALUES (interval '0', '0s'), ('59.9 s', '59s'), ('60 s', '1m'), ('59 min 59 s', '59m'), ('1 h', '1h'), ('23 h 59 min', '23h'), ('24 h', '1d'), ('400 d', '400d'), ('-29 s', '-29s')) v(ago, age);
SELECT is(cara.age(NULL), '<unknown>', 'an age that is not known');

-- Whole objects. Names that need care are quoted once and for all in one place.
SELECT api.node_create('{"metadata":{"name":"n1","labels":{"z":"<1>","a":"\""}},"spec":{"hostname":"h"}}') IS NULL AS ignored \gset
UPDATE cara.node SET uid = '00000000-0000-4000-8000-000000000001', created_at = given.t(), updated_at = given.t(), resource_version = 7;
UPDATE cara.node_status SET updated_at = given.t();
UPDATE cara.node SET resource_version = resource_version; -- the trigger stamps what is written
SELECT is(replace(api.node_get('n1')::text, (SELECT format('"%s"', greatest(n.resource_version, s.resource_version)) FROM cara.node n, cara.node_status s), '"VERSION"'),
    '{"apiVersion":"caravanserai/v1","kind":"Node","metadata":{"name":"n1","labels":{"a":"\"","z":"\u003c1\u003e"},"createdAt":"2030-01-01T00:00:00Z","updatedAt":"2030-01-01T00:00:00Z",'
    || '"uid":"00000000-0000-4000-8000-000000000001","generation":1,"resourceVersion":"VERSION"},"spec":{"hostname":"h"},'
    || '"status":{"state":"NotReady","network":{"throughput":{"lastTestTime":"0001-01-01T00:00:00Z"}},"info":{},"lastHeartbeat":"0001-01-01T00:00:00Z"}}',
    'a node that never said anything');
SELECT api.node_heartbeat('n1', '{"network":{"ip":"10.0.0.5"},"capacity":{"memory":"8Gi","cpu":"4"},"allocatable":{"cpu":"3"},
    "info":{"osImage":"Debian","kernelVersion":"6.1","agentVersion":"1","architecture":"amd64","dockerVersion":"20.10"}}', given.t('5s'));
SELECT is(api.node_get('n1')::jsonb->'metadata'->>'updatedAt', '2030-01-01T00:00:05Z', 'a heartbeat is an update');
SELECT matches(api.node_get('n1')::text, '"status":\{"state":"Ready","network":\{"ip":"10.0.0.5","throughput":\{[^}]*\}\},"capacity":\{"cpu":"4","memory":"8Gi"\},"allocatable":\{"cpu":"3"\},'
    || '"info":\{"kernelVersion":"6.1","osImage":"Debian","agentVersion":"1","architecture":"amd64","dockerVersion":"20.10"\},"lastHeartbeat":"2030-01-01T00:00:05Z",'
    || '"conditions":\[\{"type":"Ready","status":"True","lastHeartbeatTime":"0001-01-01T00:00:00Z","lastTransitionTime":"2030-01-01T00:00:05Z","reason":"AgentReady","message":"Agent is healthy and posting heartbeats"\}\]\}\}$',
    'a node that did');

SELECT given.project('web', '{"services":[{"name":"web","image":"nginx:1"},{"name":"db","image":"db"}]}');
SELECT matches(api.project_get('web')::text, '^\{"apiVersion":"caravanserai/v1","kind":"Project","metadata":\{"name":"web","createdAt":"[^"]+","updatedAt":"[^"]+","uid":"[-0-9a-f]{36}","generation":1,"resourceVersion":"\d+"\},'
    || '"spec":\{"services":\[\{"name":"web","image":"nginx:1"\},\{"name":"db","image":"db"\}\]\},"status":\{"phase":"Pending"\}\}$', 'a project that waits');
SELECT api.schedule(given.t());
SELECT given.report('n1', jsonb_build_object('project', 'web', 'epoch', given.epoch_of('web'), 'generation', 1, 'phase', 'Running', 'reason', 'ContainersRunning', 'message', 'All containers running',
    'services', '[{"name":"web","state":"running","containerId":"0123456789ab","image":"nginx:1","imageDigest":"sha256:00","ip":"10.0.0.2","restarts":2,"health":"healthy","startedAt":"2030-01-01T00:00:00Z","message":"m"},
                  {"name":"db","state":"exited","exitCode":0,"oomKilled":true,"finishedAt":"2030-01-01T00:00:01Z"}]'::jsonb), given.t('6s'));
SELECT is((api.project_get('web')::json->'status')::text, '{"phase":"Running","nodeRef":"n1","conditions":[{"type":"Phase","status":"True","lastHeartbeatTime":"0001-01-01T00:00:00Z",'
    || '"lastTransitionTime":"2030-01-01T00:00:06Z","reason":"ContainersRunning","message":"All containers running"}],"observedGeneration":1,"epoch":' || given.epoch_of('web')
    || ',"services":[{"name":"db","state":"exited","exitCode":0,"oomKilled":true,"finishedAt":"2030-01-01T00:00:01Z"},'
    || '{"name":"web","state":"running","containerId":"0123456789ab","image":"nginx:1","imageDigest":"sha256:00","ip":"10.0.0.2","restarts":2,"health":"healthy","startedAt":"2030-01-01T00:00:00Z","message":"m"}]}',
    'a project that runs');
SELECT is(api.node_assignments('n1')::text, format('{"apiVersion":"caravanserai/v1","kind":"AssignmentList","node":"n1","resourceVersion":"%s","items":[{"project":"web","uid":"%s","epoch":%s,"generation":1,'
    || '"desired":"Running","phase":"Running","labels":{},"spec":{"services":[{"name":"web","image":"nginx:1"},{"name":"db","image":"db"}]}}]}',
    api.node_assignments('n1')::json->>'resourceVersion', p.uid, given.epoch_of('web')), 'what its node is asked to do') FROM cara.project p;
SELECT is(left(api.node_list()::text, 60), '{"apiVersion":"caravanserai/v1","kind":"NodeList","metadata"', 'a list of nodes');
SELECT is((api.project_list()::json->'items'->0)::text, api.project_get('web')::text, 'a list''s items are whole objects');
DELETE FROM cara.project;
SELECT is(regexp_replace(api.project_list()::text, '\d+(?="},)', 'N'), '{"apiVersion":"caravanserai/v1","kind":"ProjectList","metadata":{"resourceVersion":"N"},"items":[]}', 'an empty list');

SELECT * FROM finish();
ROLLBACK;
