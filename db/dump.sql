-- Prints the installed schema from the catalogs, in an order and form that only the schema decides, for
-- db/schema.sql: pg_dump of an older client refuses a newer server, and this needs nothing but psql.
--
--     psql "$DATABASE_URL" -qAtX -f db/dump.sql > db/schema.sql
\pset format unaligned
\pset tuples_only on
SET search_path = pg_catalog;

SELECT '-- Snapshot of the installed schema, written by db/dump.sql. For reading and for diffs; install.sql installs.';

SELECT E'\n-- sequences';
SELECT format('SEQUENCE %I.%I', schemaname, sequencename) FROM pg_sequences WHERE schemaname IN ('cara', 'api') ORDER BY 1;

SELECT E'\n-- tables and views';
SELECT format(E'%s %I.%I%s\n%s%s', CASE c.relkind WHEN 'r' THEN 'TABLE' ELSE 'VIEW' END, n.nspname, c.relname,
              coalesce(' WITH (' || array_to_string(c.reloptions, ', ') || ')', ''),
              (SELECT string_agg(format('    %s %s%s%s%s', quote_ident(a.attname), format_type(a.atttypid, a.atttypmod),
                      CASE WHEN a.attcollation <> t.typcollation THEN ' COLLATE ' || quote_ident(o.collname) ELSE '' END,
                      CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END,
                      coalesce(CASE WHEN a.attgenerated = 's' THEN ' GENERATED AS ' ELSE ' DEFAULT ' END || pg_get_expr(d.adbin, d.adrelid), '')
                      || CASE a.attidentity WHEN 'a' THEN ' IDENTITY' ELSE '' END), E'\n' ORDER BY a.attnum)
                 FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
                 LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
                 LEFT JOIN pg_collation o ON o.oid = a.attcollation
                WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
              coalesce((SELECT E'\n' || string_agg(format('    CONSTRAINT %I %s', k.conname, pg_get_constraintdef(k.oid)), E'\n' ORDER BY k.conname COLLATE "C")
                 FROM pg_constraint k WHERE k.conrelid = c.oid), ''))
       || coalesce((SELECT E'\n' || string_agg('    ' || i.indexdef, E'\n' ORDER BY i.indexname COLLATE "C") FROM pg_indexes i WHERE i.schemaname = n.nspname AND i.tablename = c.relname), '')
       || coalesce((SELECT E'\n' || string_agg('    ' || pg_get_triggerdef(g.oid), E'\n' ORDER BY g.tgname COLLATE "C") FROM pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal), '')
       || CASE WHEN c.relkind = 'v' THEN E'\n' || pg_get_viewdef(c.oid) ELSE '' END
       || coalesce(E'\n    -- ' || obj_description(c.oid, 'pg_class'), '')
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname IN ('cara', 'api') AND c.relkind IN ('r', 'v')
 ORDER BY c.relkind, n.nspname, c.relname COLLATE "C";

SELECT E'\n-- functions (body by checksum)';
SELECT format('FUNCTION %s.%I(%s) RETURNS %s %s%s%s%s BODY %s%s', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid),
              pg_get_function_result(p.oid), (ARRAY['IMMUTABLE', 'STABLE', 'VOLATILE'])[strpos('isv', p.provolatile::text)],
              CASE WHEN p.prosecdef THEN ' SECURITY DEFINER' ELSE '' END,
              coalesce(' SET ' || array_to_string(p.proconfig, ' SET '), ''),
              CASE WHEN has_function_privilege('public', p.oid, 'EXECUTE') THEN ' PUBLIC' ELSE '' END,
              md5(coalesce(nullif(p.prosrc, ''), pg_get_functiondef(p.oid))),
              coalesce(E'\n    -- ' || obj_description(p.oid, 'pg_proc'), ''))
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
 WHERE n.nspname IN ('cara', 'api') AND l.lanname IN ('sql', 'plpgsql')
 ORDER BY n.nspname, p.proname COLLATE "C", 1;

SELECT E'\n-- privileges of roles';
SELECT format('GRANT %s ON SCHEMA %s TO %s', x.privilege_type, n.nspname, coalesce(r.rolname, 'PUBLIC'))
  FROM pg_namespace n, aclexplode(n.nspacl) x LEFT JOIN pg_roles r ON r.oid = x.grantee
 WHERE n.nspname IN ('cara', 'api') AND x.grantee <> n.nspowner ORDER BY 1;
SELECT format('GRANT EXECUTE ON %s functions of %s TO %s', count(*), n.nspname, r.rolname)
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace, aclexplode(p.proacl) x JOIN pg_roles r ON r.oid = x.grantee
 WHERE n.nspname IN ('cara', 'api') AND x.grantee <> p.proowner GROUP BY n.nspname, r.rolname ORDER BY 1;

SELECT E'\n-- settings';
SELECT format('%s (%s) = %s: %s', name, kind, value, comment) FROM cara.setting ORDER BY name COLLATE "C";
