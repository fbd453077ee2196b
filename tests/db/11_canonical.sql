-- A manifest that is canonical as it stands is taken as it stands: what says so, written from cara.field, must say it of nothing else.
BEGIN;
\ir given.psql
SELECT plan(41);

-- Every member that is taken as it stands, once, with a value of its kind.
CREATE FUNCTION given.full(p_type text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_object_agg(f.name, CASE f.kind
        WHEN 'string' THEN '"x"' WHEN 'quantity' THEN '"1"' WHEN 'integer' THEN '7' WHEN 'number' THEN '0' WHEN 'boolean' THEN 'true' WHEN 'map' THEN '{"a": "", "b": "c"}'
        WHEN 'object' THEN given.full(f.item)
        WHEN 'list' THEN CASE f.item WHEN 'string' THEN '["x", ""]' ELSE jsonb_build_array(given.full(f.item), given.full(f.item)) END END)
      FROM cara.field f WHERE f.type = p_type AND f.kind NOT IN ('time', 'duration')
$$;
CREATE TABLE given.body AS SELECT jsonb_build_object('apiVersion', 'caravanserai/v1', 'kind', 'Project', 'metadata', given.full('Metadata'), 'spec', given.full('ProjectSpec')) AS body;
SELECT ok(cara.is_canonical(body, 'Project'), 'all members with a value each are canonical') FROM given.body;
SELECT is(cara.read_object(body->'spec', 'ProjectSpec', 'spec', true), body->'spec', 'and reading them one by one changes nothing') FROM given.body;
SELECT ok(cara.is_canonical(jsonb_build_object('kind', 'Node', 'metadata', given.full('Metadata'), 'spec', given.full('NodeSpec')), 'Node'), 'of a node too');
SELECT ok(cara.is_canonical('{}', 'Project'), 'as is one that says nothing');
SELECT ok(cara.is_canonical('{"spec": {"services": [{}]}}', 'Project'), 'or has an empty object in a list');

-- One thing that is not as it should be: it is looked at one by one.
SELECT ok(NOT cara.is_canonical(jsonb_set(body, v.path, v.value::jsonb), 'Project'), format('not with %s at %s', v.value, v.path)) FROM given.body, (VALUES
    ('{spec}'::text[], 'null'), ('{spec}', '[]'), ('{spec}', '"x"'), ('{metadata}', '[{}]'), ('{spec,services}', '[]'), ('{spec,services}', '{}'), ('{spec,services}', '[[{}]]'),
    ('{spec,services,1}', '"x"'), ('{spec,services,1,name}', '""'), ('{spec,services,1,name}', '1'), ('{spec,services,1,name}', '["x"]'), ('{spec,services,1,imag}', '"x"'),
    ('{spec,services,1,Image}', '"x"'), ('{spec,services,1,stopGracePeriod}', '"1s"'), ('{spec,expireAt}', '"2030-01-01T00:00:00Z"'), ('{spec,placement}', '{}'),
    ('{spec,placement,nodeSelector}', '{}'), ('{spec,placement,nodeSelector,a}', '1'), ('{spec,placement,nodeSelector,a}', 'null'), ('{spec,placement,priority}', '0'),
    ('{spec,placement,priority}', '1000000000000000'), ('{spec,placement,priority}', '80.0'), ('{spec,placement,priority}', '0.5'), ('{spec,placement,priority}', '"1"'), ('{spec,services,0,ports,1,containerPort}', 'null'),
    ('{spec,services,0,resources,limits,cpu}', '1'), ('{spec,services,0,command}', '[1]'), ('{spec,services,0,command}', '[["x"]]'), ('{metadata,labels,a}', '{}'),
    ('{status}', '{}')) v(path, value);

-- Every member of every type with every sort of value: what is said to be canonical is read as it stands.
CREATE FUNCTION given.reads_same(p_type text, p_object jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RETURN cara.read_object(p_object, p_type, 'here', true) = p_object;
EXCEPTION WHEN SQLSTATE 'SR400' THEN
    RETURN false;
END
$$;
CREATE FUNCTION given.canonical(p_type text, p_object jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_out boolean;
BEGIN
    EXECUTE format('SELECT cara.canonical_%s($1)', lower(p_type)) INTO v_out USING p_object;
    RETURN v_out;
END
$$;
CREATE TABLE given.attempt AS
SELECT f.type, jsonb_build_object(f.name, v.value) AS object, given.canonical(f.type, jsonb_build_object(f.name, v.value)) AS canonical
  FROM cara.field f, jsonb_array_elements('[null, "", "x", "1s", "2030-01-01T00:00:00Z", 0, 7, -7, 999999999999999, 1000000000000000, true, false, {}, {"a": "b"}, {"a": ""},
      {"a": 1}, 7.0, 0.5, 1e3, {"name": "x"}, {"name": ""}, {"name": 1}, {"name": "x", "nam": "y"}, {"unschedulable": "yes"}, [], ["x"], [""], [1], [null], [{}], [{"name": "x"}], [{"name": 1}], [{"a": {}}],
      [[]], [[{}]], ["x", 1], [{}, "x"]]') v(value)
 WHERE to_regprocedure(format('cara.canonical_%s(jsonb)', lower(f.type))) IS NOT NULL;
SELECT is_empty('SELECT type, object FROM given.attempt WHERE canonical AND NOT given.reads_same(type, object)', 'canonical is nothing that reading would change or refuse');
SELECT is_empty('SELECT type, object FROM given.attempt WHERE canonical IS NULL', 'and it is never unknown');
SELECT cmp_ok((SELECT count(*) FROM given.attempt WHERE canonical), '>', 100::bigint, 'with many that are');

SELECT throws_ok($$ SELECT cara.read_manifest('{"spec": {"services": [{"ports": [{"containerPort": 80.0}]}]}}', 'Project') $$, 'SR400', NULL, '80.0 is no integer');
SELECT is(cara.read_manifest(body, 'Project')->'spec', body->'spec', 'all of it passes') FROM given.body;

-- The table is what holds.
INSERT INTO cara.field (type, position, name, kind) VALUES ('Service', 99, 'colour', 'string');
SELECT is(cara.read_manifest('{"spec": {"services": [{"colour": "red"}]}}', 'Project')->'spec', '{"services": [{"colour": "red"}]}', 'a new row is a new member at once');

SELECT * FROM finish();
ROLLBACK;
