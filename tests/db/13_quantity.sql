-- What a project may ask for and what a node may say, word by word: quantities, ports, expressions, tolerations, taints.
BEGIN;
\ir given.psql
SELECT plan(162);

-- Quantities: Kubernetes' grammar, kept as integers, rounded up.
SELECT is(cara.quantity(text, 1), value::bigint, format('%s is %s', text, value))
  FROM (VALUES ('0', 0), ('1', 1), ('+1', 1), ('007', 7), ('1.', 1), ('.5', 1), ('1.5', 2), ('1.000000001', 2), ('1k', 1000), ('1.5k', 1500), ('2M', 2000000), ('1G', 1000000000), ('3T', 3000000000000), ('1P', 1000000000000000),
               ('1Ki', 1024), ('0.5Ki', 512), ('256Mi', 268435456), ('1Gi', 1073741824), ('1.5Gi', 1610612736), ('1Ti', 1099511627776), ('1Pi', 1125899906842624),
               ('1e3', 1000), ('1E3', 1000), ('1e+3', 1000), ('1.5e3', 1500), ('1500e-3', 2), ('1e003', 1000), ('1e+000000000000000000003', 1000), ('1e-999', 1), ('0e999', 0), ('0.' || repeat('0', 40) || '1e45', 10000), ('1m', 1), ('1000m', 1), ('1001m', 2), ('1u', 1), ('1n', 1), ('0m', 0), ('-1', -1), ('-1Ki', -1024)) v(text, value);
SELECT is(cara.quantity(text, 1000), value::bigint, format('cpu %s is %s millicores', text, value))
  FROM (VALUES ('500m', 500), ('2', 2000), ('0.1', 100), ('1.5', 1500), ('0.0001', 1), ('100u', 1), ('1k', 1000000), ('1e-3', 1)) v(text, value);
SELECT is(cara.quantity(text, 1), NULL, format('%s is no quantity, or too large a one', cara.quote(text, 60)))
  FROM (VALUES (''), (' '), ('.'), ('-'), ('+'), ('1 Gi'), (' 1'), ('1 '), (E'1\n'), ('1gi'), ('1GI'), ('1Gib'), ('1K'), ('1ki'), ('1KiB'), ('1B'), ('1b'), ('1i'), ('1e'), ('1e3Ki'), ('1e1.5'), ('1ee3'), ('1.2.3'), ('1,5'), ('0x10'), ('1_000'),
               ('Inf'), ('NaN'), ('--1'), ('1-'), ('many'), ('１'), ('1e99'), ('1e999'), ('1Ei'), ('9e15'), ('8Ei'), ('9223372036854775808'), (repeat('9', 40)), (repeat('9', 200000)), ('-1e99')) v(text);
SELECT is(cara.show_memory(bytes), text, format('%s bytes are shown as %s', bytes, text))
  FROM (VALUES (1, '1'), (1023, '1023'), (1024, '1Ki'), (1025, '2Ki'), (1048576, '1Mi'), (1048577, '2Mi'), (536870912, '512Mi'), (1073741824, '1Gi'), (1610612736, '1536Mi')) v(bytes, text);
SELECT is(cara.show_cpu(millicores), text, format('%s millicores are shown as %s', millicores, text)) FROM (VALUES (1, '1m'), (999, '999m'), (1000, '1'), (1500, '1500m')) v(millicores, text);

-- A manifest is refused with path, value and grammar.
CREATE FUNCTION given.refusal(p_spec jsonb) RETURNS text LANGUAGE sql AS $$ SELECT given.error_of(format('SELECT api.project_create(%L)', given.manifest('web', p_spec))) $$;
CREATE FUNCTION given.service_refusal(p_more jsonb) RETURNS text LANGUAGE sql AS $$ SELECT given.refusal(jsonb_build_object('services', jsonb_build_array('{"name":"web","image":"nginx:1"}' || p_more))) $$;
SELECT is(given.service_refusal(more::jsonb), 'SR400 spec.services[0].' || path || ': ' || message, more)
  FROM (VALUES
    ('{"resources":{"requests":{"cpu":"half"}}}', 'resources.requests.cpu', 'spec.services[0].resources.requests.cpu: "half" is not a quantity'),
    ('{"resources":{"limits":{"memory":"1GB"}}}', 'resources.limits.memory', 'spec.services[0].resources.limits.memory: "1GB" is not a quantity'),
    ('{"resources":{"requests":{"memory":"-1Gi"}}}', 'resources.requests.memory', 'spec.services[0].resources.requests.memory: "-1Gi" is not a quantity'),
    ('{"resources":{"requests":{"cpu":"9e12"}}}', 'resources.requests.cpu', 'spec.services[0].resources.requests.cpu: "9e12" is too large: less than 9e12 is possible'),
    ('{"resources":{"limits":{"memory":"1Ei"}}}', 'resources.limits.memory', 'spec.services[0].resources.limits.memory: "1Ei" is too large: less than 9e15 is possible'),
    ('{"resources":{"limits":{"memory":"-1Ei"}}}', 'resources.limits.memory', 'spec.services[0].resources.limits.memory: "-1Ei" is not a quantity'),
    ('{"resources":{"requests":{"cpu":true}}}', 'resources.requests.cpu', 'invalid request body: spec.services[0].resources.requests.cpu: expected a quantity such as "500m" or "256Mi", found true'),
    ('{"resources":{"requests":{"cpu":"2"},"limits":{"cpu":"1500m"}}}', 'resources.requests.cpu', 'spec.services[0].resources.requests.cpu: 2 is more than the limit of 1500m'),
    ('{"ports":[{"hostPort":80}]}', 'ports[0].containerPort', 'spec.services[0].ports[0].containerPort is required: a port from 1 to 65535'),
    ('{"ports":[{"containerPort":65536}]}', 'ports[0].containerPort', 'spec.services[0].ports[0].containerPort: 65536 is not from 1 to 65535'),
    ('{"ports":[{"containerPort":80},{"containerPort":80,"hostPort":70000}]}', 'ports[1].hostPort', 'spec.services[0].ports[1].hostPort: 70000 is not from 1 to 65535'),
    ('{"ports":[{"containerPort":80,"protocol":"SCTP"}]}', 'ports[0].protocol', 'spec.services[0].ports[0].protocol: "SCTP" is not one of TCP, UDP')) v(more, path, message);
SELECT is(given.service_refusal(more::jsonb), 'none', more)
  FROM (VALUES ('{"resources":{"requests":{"cpu":2,"memory":1e9},"limits":{"cpu":"2","memory":"1G"}}}')) v(more);
SELECT is(given.refusal('{"services":[{"name":"a","image":"x","ports":[{"containerPort":1,"hostPort":80}]},{"name":"b","image":"x","ports":[{"containerPort":2,"hostPort":80,"protocol":"TCP"}]}]}'),
    'SR400 spec.services: host port 80/TCP is used twice', 'one host port for two services');

-- The way out has the grammar: every word of it is a quantity, and what is none by it is none.
SELECT is(given.hint_of($$ SELECT cara.check_quantity('1GB', 1, 'x') $$), 'a quantity is a number >= 0 with an optional suffix: n u m k M G T P E, Ki Mi Gi Ti Pi Ei, or an exponent; such as 500m, 2, 256Mi, 1e3', 'the grammar');
SELECT is(given.hint_of($$ SELECT cara.check_quantity('1Ei', 1, 'x') $$), given.hint_of($$ SELECT cara.check_quantity('1GB', 1, 'x') $$), 'also of what is too large');
SELECT is(given.error_of(format('SELECT cara.check_quantity(%L, 1, %L)', '0.001' || suffix, 'x')), 'none', '0.001' || suffix)
  FROM regexp_split_to_table(substring(given.hint_of($$ SELECT cara.check_quantity('1GB', 1, 'x') $$) FROM 'suffix: (.*), or an'), '[ ,]+') suffix;
SELECT is(given.error_of(format('SELECT cara.check_quantity(%L, 1, %L)', example, 'x')), 'none', 'such as ' || example)
  FROM regexp_split_to_table(substring(given.hint_of($$ SELECT cara.check_quantity('1GB', 1, 'x') $$) FROM 'such as (.*)'), ', ') example;
SELECT is(given.hint_of(format('SELECT api.project_create(%L)', given.manifest('web', '{"placement":{"matchExpressions":[{"key":"a","operator":"Gt","values":["1.5"]}]}}'))), 'an integer has up to 18 digits and perhaps a minus; such as ["8"]', 'what an integer is');

CREATE FUNCTION given.placement_refusal(p_placement jsonb) RETURNS text LANGUAGE sql AS $$ SELECT given.refusal(jsonb_build_object('placement', p_placement)) $$;
SELECT is(given.placement_refusal(more::jsonb), 'SR400 spec.placement.' || path || ': ' || message, more)
  FROM (VALUES
    ('{"strategy":"Pack"}', 'strategy', 'spec.placement.strategy: "Pack" is not one of Spread, BinPack'),
    ('{"preemption":"Always"}', 'preemption', 'spec.placement.preemption: "Always" is not one of Lower, Never'),
    ('{"priority":1000001}', 'priority', 'spec.placement.priority: 1000001 is not from -1000000 to 1000000'),
    ('{"matchExpressions":[{"operator":"Exists"}]}', 'matchExpressions[0].key', 'spec.placement.matchExpressions[0].key is required'),
    ('{"matchExpressions":[{"key":"a"}]}', 'matchExpressions[0].operator', 'spec.placement.matchExpressions[0].operator: "" is not one of In, NotIn, Exists, DoesNotExist, Gt, Lt'),
    ('{"matchExpressions":[{"key":"a","operator":"in"}]}', 'matchExpressions[0].operator', 'spec.placement.matchExpressions[0].operator: "in" is not one of In, NotIn, Exists, DoesNotExist, Gt, Lt'),
    ('{"matchExpressions":[{"key":"a","operator":"In"}]}', 'matchExpressions[0].values', 'spec.placement.matchExpressions[0].values must have at least one value for In'),
    ('{"matchExpressions":[{"key":"a","operator":"Exists","values":["b"]}]}', 'matchExpressions[0].values', 'spec.placement.matchExpressions[0].values: ["b"] must be empty for Exists'),
    ('{"matchExpressions":[{"key":"a","operator":"Gt","values":["b"]}]}', 'matchExpressions[0].values', 'spec.placement.matchExpressions[0].values: ["b"] must be one integer for Gt'),
    ('{"matchExpressions":[{"key":"a","operator":"Lt","values":["1","2"]}]}', 'matchExpressions[0].values', 'spec.placement.matchExpressions[0].values: ["1", "2"] must be one integer for Lt'),
    ('{"matchExpressions":[{"key":"a","operator":"Lt"}]}', 'matchExpressions[0].values', 'spec.placement.matchExpressions[0].values: [] must be one integer for Lt'),
    ('{"tolerations":[{"value":"x"}]}', 'tolerations[0].key', 'spec.placement.tolerations[0].key is required unless operator is Exists'),
    ('{"tolerations":[{"key":"a","operator":"Exists","value":"x"}]}', 'tolerations[0].value', 'spec.placement.tolerations[0].value: "x" must be empty when operator is Exists'),
    ('{"tolerations":[{"key":"a","effect":"Never"}]}', 'tolerations[0].effect', 'spec.placement.tolerations[0].effect: "Never" is not one of NoSchedule, PreferNoSchedule, NoExecute'),
    ('{"affinity":[{"topologyKey":"zone"}]}', 'affinity[0]', 'spec.placement.affinity[0] must have matchLabels or matchExpressions'),
    ('{"antiAffinity":[{"matchLabels":{"a":"b"},"weight":101}]}', 'antiAffinity[0].weight', 'spec.placement.antiAffinity[0].weight: 101 is not from 1 to 100; without a weight the term is required'),
    ('{"antiAffinity":[{"matchLabels":{"a":"b"},"weight":0}]}', 'antiAffinity[0].weight', 'spec.placement.antiAffinity[0].weight: 0 is not from 1 to 100; without a weight the term is required'),
    ('{"antiAffinity":[{"matchExpressions":[{"key":"a","operator":"Near"}]}]}', 'antiAffinity[0].matchExpressions[0].operator', 'spec.placement.antiAffinity[0].matchExpressions[0].operator: "Near" is not one of In, NotIn, Exists, DoesNotExist, Gt, Lt')) v(more, path, message);
SELECT is(given.refusal('{"onNodeLost":"Panic"}'), 'SR400 spec.onNodeLost: spec.onNodeLost: "Panic" is not one of Reschedule, Wait', 'onNodeLost');

SELECT is(given.error_of(format('SELECT api.node_create(%L)', jsonb_build_object('metadata', '{"name":"n1"}'::jsonb, 'spec', spec::jsonb))), 'SR400 ' || message, spec)
  FROM (VALUES
    ('{"taints":[{"effect":"NoSchedule"}]}', 'spec.taints[0].key: spec.taints[0].key is required'),
    ('{"taints":[{"key":"a"}]}', 'spec.taints[0].effect: spec.taints[0].effect: "" is not one of NoSchedule, PreferNoSchedule, NoExecute'),
    ('{"reserved":{"cpu":"some"}}', 'spec.reserved.cpu: spec.reserved.cpu: "some" is not a quantity')) v(spec, message);

-- Digits are 0 to 9, also where the database's collation knows others, which no number can be read from.
SELECT is(cara.quantity(U&'\0663' COLLATE "und-x-icu", 1000), NULL, 'a quantity in other digits is none');
SELECT is(cara.value_matches(U&'\0663' COLLATE "und-x-icu", 'Gt', '["1"]'), false, 'nor is a label in them a number');
SELECT is(cara.value_matches('3' COLLATE "und-x-icu", 'Gt', '["1"]'), true, 'as one in these is');

SELECT * FROM finish();
ROLLBACK;
