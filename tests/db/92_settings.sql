-- Settings, for those who do not open psql.
BEGIN;
\ir given.psql
SELECT plan(36);

SELECT is(jsonb_array_length(api.setting_list()::jsonb->'items'), (SELECT count(*)::int FROM cara.setting), 'all of them');
SELECT is((SELECT array_agg(i->>'name') FROM jsonb_array_elements(api.setting_list()::jsonb->'items') i), (SELECT array_agg(name ORDER BY name) FROM cara.setting), 'by name');
SELECT is(api.setting_get('heartbeat_timeout')::text, '{"name":"heartbeat_timeout","kind":"interval","value":"90s","comment":"a lease not renewed for longer makes its node NotReady"}', 'one of them');
SELECT is(given.error_of($$ SELECT api.setting_get('heartbeat_timeot') $$), 'SR404 setting not found: heartbeat_timeot: resource not found', 'none of that name');
SELECT is(given.hint_of($$ SELECT api.setting_get('heartbeat_timeot') $$), 'the nearest one is heartbeat_timeout', 'but of one like it');
SELECT is(given.hint_of($$ SELECT api.setting_get('nope') $$), 'caractrl settings get lists them', 'or not');
SELECT throws_ok($$ SELECT api.setting_set('nothing', '{"value":"1"}') $$, 'SR404', NULL, 'nor to be set');
SELECT is(api.setting_set('heartbeat_timeout', '{"value":"60s"}', 'ann')::jsonb->>'value', '60s', 'set');
SELECT is(cara.setting_interval('heartbeat_timeout'), interval '60s', 'and it holds');
SELECT is((SELECT actor || ': ' || message FROM cara.event WHERE reason = 'SettingChanged'), 'ann: heartbeat_timeout set from 90s to 60s', 'on record');
SELECT api.setting_set('heartbeat_timeout', '{"value":"60s"}', 'ann') \g /dev/null
SELECT is((SELECT count(*) FROM cara.event WHERE reason = 'SettingChanged'), 1::bigint, 'once');
SELECT is(given.error_of(format('SELECT api.setting_set(%L, %L)', name, jsonb_build_object('value', value))), 'SR400 value: ' || message, name || ' = ' || value)
  FROM (VALUES
    ('heartbeat_timeout', 'soon', 'heartbeat_timeout: "soon" is not a time such as 30s or 5min, 100 years at most'),
    ('heartbeat_timeout', '-1s', 'heartbeat_timeout: "-1s" is not a time such as 30s or 5min, 100 years at most'),
    ('max_services', '1.5', 'max_services: "1.5" is not a whole number from 0 to 999999999999999'),
    ('max_services', '', 'max_services: "" is not a whole number from 0 to 999999999999999'),
    ('max_services', '99999999999999999999', 'max_services: "99999999999999999999" is not a whole number from 0 to 999999999999999'),
    ('event_retention', '101 years', 'event_retention: "101 years" is not a time such as 30s or 5min, 100 years at most'),
    ('max_services', '1000000000000000', 'max_services: "1000000000000000" is not a whole number from 0 to 999999999999999'),
    ('eviction_brake', '1000000001', 'eviction_brake: "1000000001" is not a number from 0 to 1000000000'),
    ('eviction_brake', 'NaN', 'eviction_brake: "NaN" is not a number from 0 to 1000000000'),
    ('eviction_brake', 'half', 'eviction_brake: "half" is not a number from 0 to 1000000000'),
    ('eviction_brake', '-0.5', 'eviction_brake: "-0.5" is not a number from 0 to 1000000000'),
    ('poll_interval', '0', 'poll_interval: "0" is less than 100ms: agents would do nothing else'),
    ('heartbeat_interval', '99ms', 'heartbeat_interval: "99ms" is less than 100ms: agents would do nothing else'),
    ('heartbeat_interval', '31s', 'heartbeat_interval: "31s" leaves a node no heartbeat to lose: heartbeat_timeout would be 00:01:00, heartbeat_interval 00:00:31'),
    ('heartbeat_timeout', '59s', 'heartbeat_timeout: "59s" leaves a node no heartbeat to lose: heartbeat_timeout would be 00:00:59, heartbeat_interval 00:00:30')) v(name, value, message);
SELECT is(given.hint_of($$ SELECT api.setting_set('heartbeat_timeout', '{"value":"5s"}') $$), 'heartbeat_timeout is at least twice heartbeat_interval: shorten that first', 'the way out');
SELECT is((SELECT value FROM cara.setting WHERE name = 'heartbeat_timeout'), '60s', 'and nothing has changed');
SELECT throws_ok(statement, 'SR400', NULL, statement || ': a setting stays') FROM (VALUES ('DELETE FROM cara.setting'), ('TRUNCATE cara.setting')) v(statement);
SELECT is(given.error_of(format('SELECT api.setting_set(%L, %L)', 'max_services', body)), 'SR400 value: value is required', body)
  FROM (VALUES ('{}'), ('{"value":null}'), ('[]')) v(body);
SELECT is((SELECT leases_due_at FROM cara.clock), '-infinity', 'the next tick looks at everything anew');


-- The largest ones that there are leave the clock going.
UPDATE cara.setting SET value = CASE kind WHEN 'interval' THEN '100 years' WHEN 'integer' THEN '999999999999999' ELSE '1000000000' END;
UPDATE cara.setting SET value = '1' WHERE name = 'heartbeats_per_second';
SELECT given.node('n1'), given.node('n2'), given.project('web') \g /dev/null
SELECT isnt(given.tick(given.t())->>'nextInMs', NULL, 'with all of them at their highest the clock ticks');
UPDATE cara.setting SET value = '1ms' WHERE name = 'heartbeat_interval';
SELECT isnt(given.tick(given.t('2min'))->>'nextInMs', NULL, 'also when leases are stretched further');

SELECT * FROM finish();
ROLLBACK;
