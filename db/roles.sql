-- Who may do what. Applied last, at every upgrade.
--
-- cara_server   what cara-server's pooled connections take on: EXECUTE on api.* and nothing else
-- cara_channel  what the role behind each node's channel is a member of: CONNECT and nothing else
--
-- Making roles takes CREATEROLE. Without it everything works but channels of kind postgres, and the
-- server stays with the rights of whoever it logs in as.
SET LOCAL client_min_messages = error; -- an extension's functions may be someone else's; who cannot look into cara cannot call them
REVOKE ALL ON SCHEMA cara, api FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA cara, api FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA cara FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA cara FROM PUBLIC;

DO $$
DECLARE
    v_role     text;
    v_function regprocedure;
BEGIN
    FOREACH v_role IN ARRAY ARRAY['cara_server', 'cara_channel'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = v_role) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', v_role);
            END IF;
            EXECUTE format('GRANT %I TO CURRENT_USER', v_role);
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL; -- another database of this cluster was quicker
            WHEN insufficient_privilege THEN NULL;
        END;
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'cara_server') THEN
        GRANT USAGE ON SCHEMA api TO cara_server;
        GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA api TO cara_server;
    END IF;
    BEGIN
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'cara_channel') THEN
            EXECUTE format('GRANT CONNECT ON DATABASE %I TO cara_channel', current_database());
        END IF;
        EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    EXCEPTION WHEN insufficient_privilege THEN NULL; -- the database is someone else's; its owner decides
    END;
    -- Everybody may take any advisory lock and store large objects: a node's channel could stop the clock with the
    -- one and fill the disk with the other. Only a superuser can change that, and does it for this database alone.
    IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        FOR v_function IN SELECT p.oid::regprocedure FROM pg_proc p
                           WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname ~ '^(pg_(try_)?advisory_|lo_(creat|from_bytea|import))' LOOP
            EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', v_function);
            IF v_function::text ~ 'advisory' THEN
                EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO cara_server', v_function);
            END IF;
        END LOOP;
    END IF;
END
$$;
