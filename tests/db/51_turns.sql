-- One alone goes where the first of several would; and deciding much at once is cut into turns that reach everybody.
BEGIN;
\ir given.psql
\ir given_placement.psql
SELECT plan(24);

-- Given twelve nodes in three zones, one of them closed, one tainted, with random loads.
CREATE FUNCTION given.cluster(p_seed int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM given.nothing(), setseed(p_seed / 100.0);
    PERFORM given.machine('n' || lpad(i::text, 2, '0'), jsonb_build_object('zone', 'z' || i % 3),
        CASE i WHEN 5 THEN '{"unschedulable":true}' WHEN 7 THEN '{"taints":[{"key":"k","effect":"PreferNoSchedule"}]}' ELSE '{}' END::jsonb,
        '{"allocatable":{"cpu":"8","memory":"8Gi"}}') FROM generate_series(1, 12) i;
    PERFORM given.wants('old' || i, jsonb_build_object('matchExpressions', jsonb_build_array(jsonb_build_object('key', 'zone', 'operator', 'In', 'values', jsonb_build_array('z' || (random() * 2)::int)))),
        jsonb_build_object('app', 'a' || (random() * 2)::int), given.cpu((100 + (random() * 900)::int) || 'm')) FROM generate_series(1, 15) i;
    PERFORM api.schedule(given.t());
END
$$;
CREATE FUNCTION given.differs(p_placement jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v_demand cara.demand := cara.demand_of('new', jsonb_build_object('services', jsonb_build_array('{"name":"web","image":"x"}' || given.cpu('200m')), 'placement', p_placement));
    v_one    record;
    v_many   record;
BEGIN
    FOR i IN 1..12 LOOP
        PERFORM given.cluster(i);
        SELECT * INTO v_one FROM cara.slots(v_demand, '{"app":"new"}', NULL, 1);
        SELECT * INTO v_many FROM cara.slots(v_demand, '{"app":"new"}', NULL, 3);
        IF (v_one.nodes[1], v_one.scores[1], v_one.excluded) IS DISTINCT FROM (v_many.nodes[1], v_many.scores[1], v_many.excluded) THEN
            RETURN format('seed %s: alone %s, of several %s', i, v_one, v_many);
        END IF;
    END LOOP;
    RETURN 'the same';
END
$$;
SELECT is(given.differs(placement::jsonb), 'the same', placement)
  FROM (VALUES ('{}'), ('{"strategy":"BinPack"}'), ('{"spreadBy":"zone"}'), ('{"spreadBy":"rack"}'), ('{"nodeSelector":{"zone":"z1"}}'),
               ('{"affinity":[{"matchLabels":{"app":"a1"},"topologyKey":"zone"}]}'), ('{"affinity":[{"matchLabels":{"app":"new"}}]}'),
               ('{"antiAffinity":[{"matchLabels":{"app":"a0"}}]}'), ('{"antiAffinity":[{"matchLabels":{"app":"new"},"topologyKey":"zone"}]}'),
               ('{"affinity":[{"matchLabels":{"app":"a2"},"topologyKey":"zone","weight":7}],"antiAffinity":[{"matchLabels":{"app":"a1"},"weight":5}]}'),
               ('{"spreadBy":"zone","antiAffinity":[{"matchLabels":{"app":"a1"},"weight":5}]}'), ('{"strategy":"BinPack","tolerations":[{"operator":"Exists"}]}')) v(placement);

-- Given no time at all, one group has its turn in each call.
SELECT given.nothing(), given.machine('n1', '{}', '{}', '{"allocatable":{"cpu":"4"}}');
UPDATE cara.setting SET value = '0s' WHERE name = 'decision_budget';
SELECT given.wants('huge', '{"priority":9}', '{}', given.cpu('64')), given.wants('huger', '{"priority":8}', '{}', given.cpu('128'));
SELECT given.wants('a1', '{}', '{}', given.cpu('100m')), given.wants('b1', '{}', '{}', given.cpu('200m'));
SELECT is(given.placed(given.t('1s')), 'a1=- b1=- huge=- huger=-', 'the most important one is looked at first, and fits nowhere');
SELECT is(given.message_of('huge'), '1 node: cpu, short by 60', 'it is told');
SELECT ok((SELECT undecided IS NOT NULL FROM cara.clock), 'it is kept in mind that others were not looked at');
SELECT is(given.placed(given.t('2s')), 'a1=- b1=- huge=- huger=-', 'then the next one');
SELECT is(given.placed(given.t('3s')), 'a1=n1 b1=- huge=- huger=-', 'then those that fit have their turn');
SELECT is(given.placed(given.t('4s')), 'a1=n1 b1=n1 huge=- huger=-', 'all of them');
SELECT ok((SELECT undecided IS NULL FROM cara.clock), 'when everybody was looked at that is the end of it');
SELECT given.wants('c1', '{}', '{}', given.cpu('300m'));
SELECT given.placed(given.t('7s')), given.placed(given.t('8s')) \g /dev/null
SELECT is(given.placed(given.t('9s')), 'a1=n1 b1=n1 c1=n1 huge=- huger=-', 'who comes later has a turn, too');
UPDATE cara.setting SET value = '10s' WHERE name = 'decision_budget';

-- What would make decisions expensive is limited.
SELECT is(given.error_of(format('SELECT given.wants(%L, %L)', 'x', jsonb_build_object('affinity', (SELECT jsonb_agg('{"matchLabels":{"app":"a"}}'::jsonb) FROM generate_series(1, 11))))),
    'SR400 items[0].spec.placement.affinity: project "x": spec.placement.affinity has 11 entries: at most 10 are allowed', 'affinity terms');
SELECT is(given.error_of(format('SELECT given.wants(%L, %L)', 'x', jsonb_build_object('tolerations', (SELECT jsonb_agg('{"operator":"Exists"}'::jsonb) FROM generate_series(1, 51))))),
    'SR400 items[0].spec.placement.tolerations: project "x": spec.placement.tolerations has 51 entries: at most 50 are allowed', 'tolerations');
SELECT is(given.error_of(format('SELECT given.wants(%L, %L)', 'x', jsonb_build_object('matchExpressions', jsonb_build_array(jsonb_build_object('key', 'zone', 'operator', 'In', 'values',
    (SELECT jsonb_agg(i::text) FROM generate_series(1, 51) i)))))),
    'SR400 items[0].spec.placement.matchExpressions[0].values: project "x": spec.placement.matchExpressions[0].values has 51 entries: at most 50 are allowed', 'values of an expression');
UPDATE cara.setting SET value = '60' WHERE name = 'max_placement_entries';
SELECT is(given.error_of(format('SELECT given.wants(%L, %L)', 'x', jsonb_build_object('tolerations', (SELECT jsonb_agg('{"operator":"Exists"}'::jsonb) FROM generate_series(1, 51))))),
    'none', 'by settings');

SELECT * FROM finish();
ROLLBACK;
