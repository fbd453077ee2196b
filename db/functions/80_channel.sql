-- Channels: how a node is woken.

-- Whether the owner of these functions may make the roles that channels of kind postgres need: members of
-- cara_channel, which on a shared cluster may belong to someone else.
CREATE OR REPLACE FUNCTION api.can_issue_channels()
RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM pg_roles o, pg_roles c WHERE o.rolname = current_user AND c.rolname = 'cara_channel'
                      AND (o.rolsuper OR (o.rolcreaterole AND pg_has_role(o.oid, c.oid, 'MEMBER WITH ADMIN OPTION'))))
$$;
COMMENT ON FUNCTION api.can_issue_channels IS 'Whether channels of kind postgres can be had here; it takes CREATEROLE.';

-- 32 hexadecimal digits for each of p_count, 122 bits of them random, from Postgres' strong source.
CREATE OR REPLACE FUNCTION cara.random_hex(p_count int)
RETURNS text LANGUAGE sql VOLATILE SET search_path = cara, pg_temp
AS $$ SELECT string_agg(replace(gen_random_uuid()::text, '-', ''), '') FROM generate_series(1, p_count) $$;
COMMENT ON FUNCTION cara.random_hex IS 'Hexadecimal digits, 32 for each of p_count, with 122 random bits in each 32.';

-- One parameter of a conninfo, quoted as libpq wants it; nothing when there is no value.
CREATE OR REPLACE FUNCTION cara.conninfo_part(p_name text, p_value text)
RETURNS text LANGUAGE sql IMMUTABLE SET search_path = cara, pg_temp
AS $$ SELECT p_name || '=''' || replace(replace(p_value, '\', '\\'), '''', '\''') || ''' ' WHERE coalesce(p_value, '') <> '' $$;
COMMENT ON FUNCTION cara.conninfo_part IS 'name=''value'' with a blank behind it, or NULL.';

-- Makes or re-keys the role behind a node's channel and ends the sessions of the old key. Errors are
-- raised anew without their context, which would show the password.
CREATE OR REPLACE FUNCTION cara.channel_role_put(p_role text, p_password text)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_error text;
BEGIN
    BEGIN
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = p_role) THEN
            EXECUTE format('ALTER ROLE %I PASSWORD %L', p_role, p_password);
            PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = p_role;
        ELSE
            EXECUTE format('CREATE ROLE %I LOGIN CONNECTION LIMIT 3 PASSWORD %L IN ROLE cara_channel', p_role, p_password);
            EXECUTE format('GRANT %I TO CURRENT_USER', p_role); -- to be allowed to end its sessions
            EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = ''10s''', p_role);
            EXECUTE format('ALTER ROLE %I SET statement_timeout = ''10s''', p_role);
        END IF;
    EXCEPTION WHEN OTHERS THEN
        v_error := SQLSTATE;
    END;
    IF v_error IS NOT NULL THEN
        PERFORM fail(500, format('the role %s could not be made (SQLSTATE %s)', quote(p_role), v_error));
    END IF;
END
$$;
COMMENT ON FUNCTION cara.channel_role_put IS 'Creates or re-keys a channel''s role. SR500 without a trace of the password.';

-- POST /api/v1/nodes/NAME/channel {"kind":"postgres"}: a new channel for a node; the one before is revoked.
-- p_endpoint: the host, port, dbname and sslmode under which agents reach this database.
CREATE OR REPLACE FUNCTION api.channel_issue(p_name text, p_body jsonb DEFAULT '{}', p_endpoint jsonb DEFAULT '{}')
RETURNS json LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_kind     text := coalesce(p_body->>'kind', 'postgres');
    v_role     text;
    v_channel  text;
    v_password text;
    v_paces    text := ',"pollInterval":' || wire_text((extract(epoch FROM setting_interval('poll_interval')) * 1000)::bigint || 'ms')
                    || ',"heartbeatInterval":' || wire_text((extract(epoch FROM setting_interval('heartbeat_interval')) * 1000)::bigint || 'ms');
BEGIN
    PERFORM FROM node WHERE name = p_name FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM fail_no_node(p_name);
    ELSIF v_kind NOT IN ('postgres', 'poll') THEN
        PERFORM fail(400, format('invalid kind %s: must be one of postgres, poll', quote(v_kind, 40)), 'kind');
    END IF;
    IF v_kind = 'poll' OR NOT api.can_issue_channels()
       OR (SELECT count(*) FROM channel WHERE kind = 'postgres' AND node <> p_name) >= setting_number('channel_pg_max') THEN
        DELETE FROM channel WHERE node = p_name;
        INSERT INTO channel (node, kind) VALUES (p_name, 'poll');
        RETURN wire('{"kind":"poll"' || v_paces || '}');
    END IF;
    SELECT role_name INTO v_role FROM channel WHERE node = p_name;
    v_role := coalesce(v_role, 'cara_node_' || left(random_hex(1), 20));
    v_channel := 'cara_' || left(random_hex(1), 30);
    v_password := random_hex(2);
    PERFORM channel_role_put(v_role, v_password);
    INSERT INTO channel (node, kind, role_name, channel) VALUES (p_name, 'postgres', v_role, v_channel)
    ON CONFLICT (node) DO UPDATE SET kind = 'postgres', role_name = v_role, channel = v_channel, issued_at = clock_timestamp();
    RETURN wire('{"kind":"postgres","conninfo":' || wire_text(concat(
            conninfo_part('host', p_endpoint->>'host'), conninfo_part('port', p_endpoint->>'port'),
            conninfo_part('dbname', coalesce(p_endpoint->>'dbname', current_database())), conninfo_part('sslmode', p_endpoint->>'sslmode'),
            conninfo_part('user', v_role), conninfo_part('password', v_password), 'application_name=cara-agent'))
        || ',"channel":' || wire_text(v_channel) || v_paces || '}');
END
$$;
COMMENT ON FUNCTION api.channel_issue IS
    'Issues a node''s channel and revokes the one before: kind postgres with conninfo and channel name, or poll where none can be had. SR400, SR404.';
