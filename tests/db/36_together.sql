-- Requests that the server puts together: each gets what it would have got alone, or NULL to be asked alone.
BEGIN;
\ir given.psql
SELECT plan(16);

CREATE FUNCTION given.body(p_name text, p_spec text DEFAULT '{}') RETURNS text LANGUAGE sql AS $$ SELECT given.manifest(p_name, p_spec::jsonb)::text $$;
CREATE FUNCTION given.list(VARIADIC p_items text[]) RETURNS text LANGUAGE sql AS $$ SELECT '{"items":[' || array_to_string(p_items, ',') || ']}' $$;

-- Creating.
SELECT given.project('old');
CREATE TEMP TABLE answers AS SELECT * FROM api.project_create_each(ARRAY[given.body('web'), given.body('old'), '{"metadata":', '[]', given.body('Db'), given.body('db'),
    given.body('twice'), given.body('twice'), '{"metadata":{"name":"x"}}', given.body('a')], 'ann') WITH ORDINALITY a(answer, n);
SELECT is((SELECT string_agg(coalesce(answer#>>'{metadata,name}', '-'), ' ' ORDER BY n) FROM answers), 'web - - - - db - - - a', 'what is right, new and asked for once is created, each in its place');
SELECT is((SELECT string_agg(name, ' ' ORDER BY name) FROM cara.project), 'a db old web', 'nothing else is');
SELECT is((SELECT answer::text FROM answers WHERE n = 1), api.project_get('web')::text, 'the answer is the object');
SELECT is((SELECT count(DISTINCT answer#>>'{metadata,resourceVersion}') FROM answers WHERE answer IS NOT NULL), 3::bigint, 'each has a version of its own');
SELECT is((SELECT count(*) FROM cara.change c JOIN answers a ON c.id = (a.answer#>>'{metadata,resourceVersion}')::bigint WHERE c.op = 'INSERT'), 3::bigint, 'which is in the log');
SELECT is((SELECT string_agg(concat_ws(' ', r.verb, r.actor, r.name), ', ' ORDER BY r.name) FROM cara.revision r WHERE r.name <> 'old'), 'create ann a, create ann db, create ann web', 'each has its revision');
SELECT is((SELECT count(*) FROM cara.event WHERE reason = 'Created' AND name IN ('a', 'db', 'web')), 3::bigint, 'and its event');
SELECT is((SELECT count(*) FROM cara.claim JOIN cara.demand USING (project)), 4::bigint, 'its names and its demand');

-- Applying: all of a body or nothing of it.
CREATE TEMP TABLE applied AS SELECT * FROM api.apply_each(ARRAY[given.list(given.body('s1'), given.body('r2')), given.list(given.body('r3'), given.body('web')), '{"items":[]}',
    given.list(given.body('r4'), '{"kind":"Node","metadata":{"name":"n1"}}'), given.list(given.body('r5'), given.body('r6')), given.list(given.body('r6')), '{}',
    given.list('{"kind":"Project","metadata":{"name":"r7","resourceVersion":"5"},"spec":{"services":[{"name":"a","image":"b"}]}}')], 'bob') WITH ORDINALITY a(answer, n);
SELECT is((SELECT string_agg(coalesce((SELECT string_agg(concat(i->>'name', '=', i->>'result'), ',') FROM json_array_elements(answer->'items') i), CASE WHEN answer IS NULL THEN '-' ELSE '' END), ' ' ORDER BY n) FROM applied),
    's1=created,r2=created -  - - - - -', 'bodies of new projects are applied, in the order of their items');
SELECT is((SELECT count(*) FROM cara.project WHERE name LIKE 'r%'), 1::bigint, 'of the others nothing is there');
SELECT is((SELECT answer#>>'{items,1,object,metadata,name}' FROM applied WHERE n = 1), 'r2', 'an item''s answer has its object');
SELECT is((SELECT answer->>'kind' FROM applied WHERE n = 3), 'ApplyResult', 'a body of nothing is applied too');

-- Names that two of them need, or that somebody has.
SELECT throws_ok($$ SELECT api.project_create_each(ARRAY[given.body('p-q', '{"services":[{"name":"r","image":"x"}]}'), given.body('p', '{"services":[{"name":"q-r","image":"x"}]}')]) $$,
    'SR409', NULL, 'where two need one container name all are to be asked alone');
SELECT is((SELECT count(*) FROM cara.project WHERE name LIKE 'p%'), 0::bigint, 'and none is created');
UPDATE cara.setting SET value = '60' WHERE name = 'max_manifest_bytes';
SELECT is((SELECT count(*) FROM api.project_create_each(ARRAY[given.body('z1'), given.body('z2')]) c WHERE c IS NULL), 2::bigint, 'what is too large is asked alone');
SELECT is_empty($$ SELECT api.project_create_each('{}') $$, 'of nothing comes nothing');

SELECT * FROM finish();
ROLLBACK;
