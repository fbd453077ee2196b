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
            EXECUTE format('ALTER ROLE %I RESET ALL', p_role); -- it may have set something for itself
            PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = p_role;
        ELSE
            EXECUTE format('CREATE ROLE %I LOGIN CONNECTION LIMIT 3 PASSWORD %L IN ROLE cara_channel', p_role, p_password);
            EXECUTE format('GRANT %I TO CURRENT_USER', p_role); -- to be allowed to end its sessions
        END IF;
        EXECUTE format('ALTER ROLE %I SET idle_in_transaction_session_timeout = ''10s''', p_role);
        EXECUTE format('ALTER ROLE %I SET statement_timeout = ''10s''', p_role);
        EXECUTE format('ALTER ROLE %I SET tcp_keepalives_idle = ''30s''', p_role); -- a machine that is gone leaves no session behind
    EXCEPTION WHEN OTHERS OR query_canceled THEN
        v_error := SQLSTATE;
    END;
    IF v_error IS NOT NULL THEN
        PERFORM fail(500, format('the role %s could not be made (SQLSTATE %s)', quote(p_role), v_error));
    END IF;
END
$$;
COMMENT ON FUNCTION cara.channel_role_put IS 'Creates or re-keys a channel''s role. SR500 without a trace of the password.';

-- How often to poll, how often to renew the lease and how long that holds, as members with a comma before each.
CREATE OR REPLACE FUNCTION cara.pace_wire()
RETURNS text LANGUAGE plpgsql STABLE SET search_path = cara, pg_temp
AS $$
BEGIN
    RETURN (SELECT concat(',"pollInterval":"', (extract(epoch FROM setting_interval('poll_interval')) * 1000)::bigint, 'ms"',
                          ',"heartbeatInterval":"', coalesce(c.heartbeat_ms, p.heartbeat_ms), 'ms"', ',"leaseTimeout":"', coalesce(c.lease_ms, p.lease_ms), 'ms"')
              FROM clock c, pace(1) p);
END
$$;
COMMENT ON FUNCTION cara.pace_wire IS 'The paces agents are told, as JSON members.';

-- Every commit that notifies wakes each session that LISTENs, whatever it listens for: the first channel_pg_max nodes may, as
-- long as there are not more than twice as many. In between everyone keeps what it has, so that a cluster that goes back and
-- forth does not have its agents do so. Looks at no more nodes than that takes.
CREATE OR REPLACE FUNCTION cara.channel_default(p_has_postgres boolean)
RETURNS text LANGUAGE plpgsql STABLE SET search_path = cara, pg_temp
AS $$
DECLARE
    v_max   bigint := setting_number('channel_pg_max');
    v_nodes bigint := (SELECT count(*) FROM (SELECT FROM node LIMIT 2 * v_max + 1) n);
BEGIN
    RETURN CASE WHEN v_nodes <= v_max OR (v_nodes <= 2 * v_max AND p_has_postgres) THEN 'postgres' ELSE 'stream' END;
END
$$;
COMMENT ON FUNCTION cara.channel_default IS 'The kind of channel for an agent that asks for none, by whether it has one of kind postgres and how many nodes there are.';

-- Takes their channels from agents that LISTEN on Postgres without having asked for that, once the cluster has outgrown it: they
-- ask again, as for any channel that is lost, get a stream, and fetch. A few each second, as all of them notice at once; what
-- someone is just issuing is left for the next time.
CREATE OR REPLACE FUNCTION cara.move_channels(p_now timestamptz, p_most int DEFAULT 8)
RETURNS bigint LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_moved bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM channel WHERE kind = 'postgres' AND NOT wanted) OR channel_default(true) = 'postgres'
       OR NOT api.can_issue_channels() THEN
        RETURN 0;
    END IF;
    WITH chosen AS (
        SELECT n.name FROM channel c JOIN node n ON n.name = c.node
         WHERE c.kind = 'postgres' AND NOT c.wanted ORDER BY c.serial LIMIT p_most FOR NO KEY UPDATE OF n SKIP LOCKED
    )
    DELETE FROM channel c USING chosen o WHERE c.node = o.name AND c.kind = 'postgres' AND NOT c.wanted;
    GET DIAGNOSTICS v_moved = ROW_COUNT;
    IF v_moved > 0 THEN
        PERFORM event_record('Cluster', 'cluster', 'Normal', 'ChannelsMoved',
            format('With more than %s nodes, agents that LISTEN on Postgres are moved to streams', 2 * setting_number('channel_pg_max')), 'system:tick', p_now);
    END IF;
    RETURN v_moved;
END
$$;
COMMENT ON FUNCTION cara.move_channels IS 'Revokes some channels of kind postgres that nobody asked for where there are too many nodes for that; gives how many.';

-- POST /api/v1/nodes/NAME/channel {"kind":"postgres"}: a new channel for a node; the one before is revoked. The kind that is
-- asked for is given where it can be had, and channel_default() to who asks for none.
-- p_endpoint: the host, port, dbname and sslmode under which agents reach this database.
CREATE OR REPLACE FUNCTION api.channel_issue(p_name text, p_body jsonb DEFAULT '{}', p_endpoint jsonb DEFAULT '{}')
RETURNS json LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_kind     text := p_body->>'kind';
    v_wanted   boolean;
    v_before   channel;
    v_role     text;
    v_channel  text;
    v_secret   text := random_hex(2);
    v_answer   text;
BEGIN
    PERFORM FROM node WHERE name = p_name FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM fail_no_node(p_name);
    ELSIF v_kind NOT IN ('postgres', 'stream', 'poll') THEN
        PERFORM fail(400, format('invalid kind %s: must be one of postgres, stream, poll', quote(v_kind, 40)), 'kind');
    END IF;
    SELECT * INTO v_before FROM channel WHERE node = p_name;
    v_wanted := v_kind IS NOT NULL;
    v_kind := coalesce(v_kind, channel_default(v_before.kind IS NOT DISTINCT FROM 'postgres'));
    IF v_kind = 'postgres' AND (NOT api.can_issue_channels()
       OR (SELECT count(*) FROM channel WHERE kind = 'postgres' AND node <> p_name) >= setting_number('channel_pg_max')) THEN
        v_kind := 'stream';
    END IF;
    IF v_kind <> 'postgres' AND v_before.role_name IS NOT NULL THEN
        DELETE FROM channel WHERE node = p_name; -- and its role with it
    END IF;
    IF v_kind = 'postgres' THEN
        v_role := coalesce(v_before.role_name, 'cara_node_' || left(random_hex(1), 20));
        v_channel := 'cara_' || left(random_hex(1), 30);
        PERFORM channel_role_put(v_role, v_secret);
        v_answer := ',"conninfo":' || wire_text(concat(
            conninfo_part('host', p_endpoint->>'host'), conninfo_part('port', p_endpoint->>'port'),
            conninfo_part('dbname', coalesce(p_endpoint->>'dbname', current_database())), conninfo_part('sslmode', p_endpoint->>'sslmode'),
            conninfo_part('user', v_role), conninfo_part('password', v_secret), 'application_name=cara-agent'))
            || ',"channel":' || wire_text(v_channel);
    ELSIF v_kind = 'stream' THEN
        v_answer := ',"url":' || wire_text('/api/v1/nodes/' || p_name || '/wakeups?token=' || v_secret);
    END IF;
    INSERT INTO channel (node, kind, wanted, role_name, channel, token_hash)
    VALUES (p_name, v_kind, v_wanted, v_role, v_channel, CASE v_kind WHEN 'stream' THEN sha256(convert_to(v_secret, 'UTF8')) END)
    ON CONFLICT (node) DO UPDATE SET kind = excluded.kind, wanted = excluded.wanted, role_name = excluded.role_name, channel = excluded.channel,
       token_hash = excluded.token_hash, serial = excluded.serial, issued_at = excluded.issued_at;
    UPDATE lease SET told_ms = coalesce(c.heartbeat_ms, p.heartbeat_ms) FROM clock c, pace(1) p WHERE node = p_name;
    RETURN wire('{"kind":"' || v_kind || '"' || coalesce(v_answer, '') || pace_wire() || '}');
END
$$;
COMMENT ON FUNCTION api.channel_issue IS
    'Issues a node''s channel and revokes the one before: postgres with conninfo and channel name, stream with a URL, or poll; with the paces its agent keeps. SR400, SR404.';

-- GET /api/v1/nodes/NAME/wakeups?token=...
CREATE OR REPLACE FUNCTION api.channel_open(p_name text, p_token text)
RETURNS json LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_channel channel;
BEGIN
    SELECT * INTO v_channel FROM channel WHERE node = p_name;
    IF NOT EXISTS (SELECT FROM node WHERE name = p_name) THEN
        PERFORM fail_no_node(p_name);
    ELSIF v_channel.kind IS DISTINCT FROM 'stream' THEN
        PERFORM fail(410, format('node %s has no stream', quote(p_name)), NULL, 'ask for a channel again');
    ELSIF v_channel.token_hash IS DISTINCT FROM sha256(convert_to(coalesce(p_token, ''), 'UTF8')) THEN
        PERFORM fail(401, 'the token is not, or no longer, that of this node''s channel', 'token', 'ask for a channel again');
    END IF;
    RETURN wire('{"serial":' || v_channel.serial || '}');
END
$$;
COMMENT ON FUNCTION api.channel_open IS 'Checks the token of a stream and gives its serial: bus_read() says when that is not valid any more. SR401, SR404, SR410.';

CREATE OR REPLACE FUNCTION api.channel_check(p_streams jsonb)
RETURNS json LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
BEGIN
    RETURN wire((SELECT '[' || coalesce(string_agg(wire_text(e.key), ',' ORDER BY e.key COLLATE "C"), '') || ']'
                   FROM jsonb_each_text(p_streams) e LEFT JOIN channel c ON c.node = e.key
                  WHERE c.serial::text IS DISTINCT FROM e.value OR c.kind <> 'stream'));
END
$$;
COMMENT ON FUNCTION api.channel_check IS 'Of streams given as {node: serial}, the nodes whose stream was revoked.';
