-- What cara-server asks about the database it serves.

CREATE OR REPLACE FUNCTION api.ready()
RETURNS json LANGUAGE sql STABLE SECURITY DEFINER SET search_path = cara, pg_temp
AS $$ SELECT json_build_object('version', max(version)) FROM migration $$;
COMMENT ON FUNCTION api.ready IS 'The newest migration this database has; that it answers is what readyz wants to know.';

CREATE OR REPLACE FUNCTION api.server_role()
RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = cara, pg_temp
AS $$ SELECT rolname::text FROM pg_roles WHERE rolname = 'cara_server' AND pg_has_role(session_user, oid, 'MEMBER') $$;
COMMENT ON FUNCTION api.server_role IS 'The role that pooled connections take on (EXECUTE on api.* and nothing else); NULL where it could not be made.';
