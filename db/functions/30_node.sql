-- Nodes: what their owners say of them (create, update, delete) and what agents say (heartbeat).

-- A shortage that the agent reports, as a condition with the comma behind it: Ready stays the last one.
CREATE OR REPLACE FUNCTION cara.pressure_condition(p_type text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN '{"type":' || cara.wire_text(p_type) || ',"status":"True","lastHeartbeatTime":"0001-01-01T00:00:00Z","lastTransitionTime":"0001-01-01T00:00:00Z","reason":"AgentReports"},';
COMMENT ON FUNCTION cara.pressure_condition IS 'A pressure condition as JSON text.';

-- One row a node, everything the wire shows of it. Internal: api.node_get and api.node_list render it.
CREATE OR REPLACE FUNCTION cara.node_wire(n cara.node, s cara.node_status, p_heartbeat timestamptz)
RETURNS text LANGUAGE sql STABLE
RETURN '{"apiVersion":"caravanserai/v1","kind":"Node","metadata":{"name":' || cara.wire_text(n.name)
    || CASE WHEN n.labels = '{}' THEN '' ELSE ',"labels":' || cara.wire_map(n.labels) END
    || CASE WHEN n.annotations = '{}' THEN '' ELSE ',"annotations":' || cara.wire_map(n.annotations) END
    || ',"createdAt":' || cara.wire_time(n.created_at)
    || ',"updatedAt":' || cara.wire_time(greatest(n.updated_at, s.updated_at, p_heartbeat))
    || ',"uid":"' || n.uid || '","generation":' || n.generation
    || ',"resourceVersion":"' || greatest(n.resource_version, s.resource_version) || '"}'
    || ',"spec":' || n.spec_wire
    || ',"status":{"state":' || cara.wire_text(s.state) || s.said_wire
    || ',"lastHeartbeat":' || cara.wire_time(p_heartbeat)
    || CASE WHEN s.ready IS NULL THEN '' ELSE
         ',"conditions":['
         || coalesce((SELECT string_agg(cara.pressure_condition(e), '') FROM regexp_split_to_table(nullif(s.pressure, ''), ', ') e), '')
         || '{"type":"Ready","status":"' || CASE WHEN s.ready THEN 'True' ELSE 'False' END
         || '","lastHeartbeatTime":' || cara.wire_time(NULL) || ',"lastTransitionTime":' || cara.wire_time(s.ready_since)
         || cara.wire_member('reason', s.reason) || cara.wire_member('message', s.message) || '}]' END
    || '}}';
COMMENT ON FUNCTION cara.node_wire IS 'A node as JSON text in the wire''s member order.';

CREATE OR REPLACE FUNCTION cara.fail_no_node(p_name text)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    PERFORM fail(404, format('node not found: %s: resource not found', p_name));
END
$$;
COMMENT ON FUNCTION cara.fail_no_node IS 'Raises SR404.';

CREATE OR REPLACE FUNCTION api.node_get(p_name text)
RETURNS json LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_out text;
BEGIN
    SELECT node_wire(n, s, l.renewed_at) INTO v_out
      FROM node n JOIN node_status s ON s.node = n.name LEFT JOIN lease l ON l.node = n.name
     WHERE n.name = p_name;
    IF NOT FOUND THEN
        PERFORM fail_no_node(p_name);
    END IF;
    RETURN wire(v_out);
END
$$;
COMMENT ON FUNCTION api.node_get IS 'One node. SR404 when there is none of that name.';

-- One of cpu and memory, as people write it: requested, of how much where the node said so, and the percentage.
CREATE OR REPLACE FUNCTION cara.share_wire(p_requested text, p_of text, p_percent bigint)
RETURNS text LANGUAGE sql STABLE
RETURN '{"requested":"' || p_requested || '"' || coalesce(',"of":"' || p_of || '"', '') || coalesce(',"percent":' || p_percent, '') || '}';
COMMENT ON FUNCTION cara.share_wire IS 'What is requested of how much, as JSON text.';

-- GET /api/v1/nodes/NAME/room. Not part of the node: every decision changes it, and those who watch nodes do not wake for that.
CREATE OR REPLACE FUNCTION api.node_room(p_name text)
RETURNS json LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_room node_room;
BEGIN
    SELECT * INTO v_room FROM node_room WHERE node = p_name;
    IF NOT FOUND THEN
        PERFORM fail_no_node(p_name);
    END IF;
    RETURN wire('{"apiVersion":"caravanserai/v1","kind":"NodeRoom","node":' || wire_text(p_name) || ',"projects":' || v_room.projects
        || ',"cpu":' || share_wire(show_cpu(v_room.cpu_taken), show_cpu(v_room.cpu), percent(v_room.cpu_taken, v_room.cpu))
        || ',"memory":' || share_wire(show_memory(v_room.memory_taken), show_memory(v_room.memory), percent(v_room.memory_taken, v_room.memory)) || '}');
END
$$;
COMMENT ON FUNCTION api.node_room IS 'How full a node is: what its projects request of what it offers, which is what is allocatable less what is reserved. SR404.';

-- p_query: state (any of), labelSelector, fieldSelector, limit, continue.
CREATE OR REPLACE FUNCTION api.node_list(p_query jsonb DEFAULT '{}')
RETURNS json LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
BEGIN
    RETURN list('Node', p_query);
END
$$;
COMMENT ON FUNCTION api.node_list IS 'Nodes by name; p_query filters by state (any of), labelSelector and fieldSelector, limit and continue make pages. SR400.';

-- Creates or changes a node from a manifest that read_manifest() gave. p_create: true = must be new,
-- false = must exist, NULL = either. Returns created, configured or unchanged.
CREATE OR REPLACE FUNCTION cara.node_put(p_manifest jsonb, p_create boolean, p_actor text)
RETURNS text LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_name text := p_manifest->>'name';
    v_old  node;
    v_new  node;
BEGIN
    PERFORM check_size(p_manifest, setting_number('max_manifest_bytes'));
    PERFORM check_node_spec(p_manifest->'spec');
    IF p_create IS NOT FALSE THEN
        PERFORM check_name(v_name);
    END IF;
    SELECT * INTO v_old FROM node WHERE name = v_name FOR NO KEY UPDATE;
    IF NOT FOUND AND p_create IS NOT FALSE THEN
        INSERT INTO node (name, labels, annotations, spec)
        VALUES (v_name, p_manifest->'labels', p_manifest->'annotations', p_manifest->'spec')
        ON CONFLICT (name) DO NOTHING RETURNING * INTO v_new;
        IF FOUND THEN
            INSERT INTO node_status (node) VALUES (v_name);
            INSERT INTO lease (node) VALUES (v_name);
            PERFORM revision_record('Node', v_name, v_new.uid, v_new.generation, 'create', p_actor, p_manifest);
            PERFORM event_record('Node', v_name, 'Normal', 'Created', 'Node created', p_actor);
            RETURN 'created';
        END IF;
        SELECT * INTO v_old FROM node WHERE name = v_name FOR NO KEY UPDATE; -- someone was quicker
    END IF;
    IF v_old.name IS NULL THEN
        PERFORM fail_no_node(v_name);
    ELSIF p_create THEN
        PERFORM fail(409, format('node already exists: %s: resource already exists', v_name));
    ELSIF (v_old.labels, v_old.annotations, v_old.spec)
          IS NOT DISTINCT FROM (p_manifest->'labels', p_manifest->'annotations', p_manifest->'spec') THEN
        RETURN 'unchanged';
    END IF;
    UPDATE node SET labels = p_manifest->'labels', annotations = p_manifest->'annotations', spec = p_manifest->'spec',
           generation = generation + (spec <> p_manifest->'spec')::int, updated_at = clock_timestamp()
     WHERE name = v_name RETURNING * INTO v_new;
    PERFORM revision_record('Node', v_name, v_new.uid, v_new.generation, 'update', p_actor, p_manifest);
    PERFORM event_record('Node', v_name, 'Normal', 'Updated', 'Node changed', p_actor);
    RETURN 'configured';
END
$$;
COMMENT ON FUNCTION cara.node_put IS 'Creates or changes a node; says created, configured or unchanged. SR404, SR409 as p_create demands.';

CREATE OR REPLACE FUNCTION cara.revision_record(p_kind text, p_name text, p_uid uuid, p_generation bigint, p_verb text,
    p_actor text, p_manifest jsonb)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    INSERT INTO revision (kind, name, uid, generation, verb, actor, labels, annotations, spec)
    VALUES (p_kind, p_name, p_uid, p_generation, p_verb, p_actor, p_manifest->'labels', p_manifest->'annotations', p_manifest->'spec');
END
$$;
COMMENT ON FUNCTION cara.revision_record IS 'Keeps one version of a manifest, with who and when.';

CREATE OR REPLACE FUNCTION api.node_create(p_body jsonb, p_actor text DEFAULT session_user)
RETURNS json LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_manifest jsonb := read_manifest(p_body, 'Node');
BEGIN
    PERFORM node_put(v_manifest, true, p_actor);
    RETURN api.node_get(v_manifest->>'name');
END
$$;
COMMENT ON FUNCTION api.node_create IS 'A new node from a manifest; its status is not taken from the body. SR400, SR409.';

-- The name in the path against the name in the body.
CREATE OR REPLACE FUNCTION cara.check_path_name(p_path_name text, p_manifest jsonb)
RETURNS jsonb LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    IF p_manifest->>'name' NOT IN ('', p_path_name) THEN
        PERFORM fail(400, format('metadata.name %s does not match URL path %s', quote(p_manifest->>'name'), quote(p_path_name)), 'metadata.name');
    END IF;
    RETURN p_manifest || jsonb_build_object('name', p_path_name);
END
$$;
COMMENT ON FUNCTION cara.check_path_name IS 'The manifest with the path''s name; SR400 when the body names another.';

CREATE OR REPLACE FUNCTION api.node_update(p_name text, p_body jsonb, p_actor text DEFAULT session_user, p_if_match text DEFAULT NULL)
RETURNS json LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_manifest jsonb := check_path_name(p_name, read_manifest(p_body, 'Node'));
BEGIN
    PERFORM check_version('Node', p_name, v_manifest->>'resourceVersion', p_if_match);
    PERFORM node_put(v_manifest, false, p_actor);
    RETURN api.node_get(p_name);
END
$$;
COMMENT ON FUNCTION api.node_update IS
    'Replaces spec, labels and annotations of a node; its status stays. SR400, SR404, SR409 when it is not of the version in the body or in p_if_match.';

-- DELETE /api/v1/nodes/NAME?force=true
DROP FUNCTION IF EXISTS api.node_delete(text, text, text);
CREATE OR REPLACE FUNCTION api.node_delete(p_name text, p_actor text DEFAULT session_user, p_if_match text DEFAULT NULL, p_query jsonb DEFAULT '{}')
RETURNS json LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_node  node;
    v_count bigint;
BEGIN
    PERFORM schedule_lock(); -- or a decision under way could still pick this node
    PERFORM FROM project_status s WHERE s.project IN (SELECT a.project FROM assignment a WHERE a.node = p_name AND a.gone_at IS NULL)
       ORDER BY s.project FOR UPDATE; -- whoever reports on one of them has that first and its assignment then
    SELECT count(*) INTO v_count FROM assignment WHERE node = p_name AND released_at IS NULL;
    IF v_count > 0 AND p_query#>>'{force,0}' IS DISTINCT FROM 'true' THEN
        PERFORM fail(409, format('cannot delete node %s: %s project(s) still assigned: resource already exists', quote(p_name), v_count), NULL,
            format('caractrl drain %s moves those that can move; caractrl delete node %1$s --force takes all of them off, once the machine is gone for good', p_name));
    END IF;
    PERFORM FROM lease WHERE node = p_name FOR UPDATE; -- first the lease, then the status: as heartbeats lock them
    PERFORM check_version('Node', p_name, NULL, p_if_match);
    DELETE FROM node WHERE name = p_name RETURNING * INTO v_node;
    IF NOT FOUND THEN
        PERFORM fail_no_node(p_name);
    END IF;
    PERFORM revision_record('Node', p_name, v_node.uid, v_node.generation, 'delete', p_actor, to_jsonb(v_node));
    PERFORM event_record('Node', p_name, CASE WHEN v_count > 0 THEN 'Warning' ELSE 'Normal' END, 'Deleted',
        CASE WHEN v_count > 0 THEN format('Node deleted by force; %s project(s) taken off it', v_count) ELSE 'Node deleted' END, p_actor);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION api.node_delete IS
    'Removes a node that no project is assigned to; gives NULL. p_query force=true: its projects go back to the scheduler, whatever it still runs. SR404, SR409, also when it is not of the version in p_if_match.';

-- What the Ready condition says for a state.
CREATE OR REPLACE FUNCTION cara.node_set_state(p_node text, p_state text, p_reason text, p_message text, p_actor text, p_now timestamptz)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_before text;
BEGIN
    SELECT state INTO v_before FROM node_status WHERE node = p_node FOR UPDATE;
    UPDATE node_status
       SET state = p_state, ready = p_state <> 'NotReady', reason = p_reason, message = p_message,
           ready_since = CASE WHEN ready IS DISTINCT FROM (p_state <> 'NotReady') THEN p_now ELSE ready_since END,
           not_ready_since = CASE WHEN p_state = 'NotReady' THEN coalesce(not_ready_since, p_now) END,
           updated_at = p_now
     WHERE node = p_node AND (state, ready, reason, message) IS DISTINCT FROM (p_state, p_state <> 'NotReady', p_reason, p_message);
    IF v_before <> p_state THEN
        PERFORM event_record('Node', p_node, CASE p_state WHEN 'NotReady' THEN 'Warning' ELSE 'Normal' END,
            'Node' || p_state, CASE p_state WHEN 'Draining' THEN 'Projects that can move go to other nodes' ELSE p_message END, p_actor, p_now);
    END IF;
END
$$;
COMMENT ON FUNCTION cara.node_set_state IS 'Moves a node to a state with its Ready condition and an event; nothing when it is there already.';

-- Two machines of one name would each run what is its: who says that it is at another address than the one that was heard of within
-- a lease is not that one.
CREATE OR REPLACE FUNCTION cara.check_machine(p_name text, p_known text, p_address text, p_heard timestamptz, p_now timestamptz)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    IF p_address <> p_known AND p_heard + lease_timeout() > p_now THEN
        PERFORM fail(409, format('node %s is alive at %s, and this is %s', quote(p_name), p_known, p_address), 'network.ip',
            format('each machine needs a NODE_NAME of its own; one that has a new address is taken in when its lease has run out, in %ss',
                   ceil(extract(epoch FROM p_heard + lease_timeout() - p_now))));
    END IF;
END
$$;
COMMENT ON FUNCTION cara.check_machine IS 'Raises SR409 when a node is alive at another address.';

-- POST /api/v1/nodes/NAME/heartbeat. Renews the lease; node_status is written only when something in
-- the body is new, so a bare heartbeat is one in-place update of one narrow row, without a durable commit.
CREATE OR REPLACE FUNCTION api.node_heartbeat(p_name text, p_body text DEFAULT NULL, p_now timestamptz DEFAULT clock_timestamp())
RETURNS json LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_body  jsonb;
    v_old   node_status;
    v_new   node_status;
    v_state text;
    v_drain boolean;
    v_heard timestamptz;
    v_told  bigint;
    v_now   bigint;
    v_pace  json;
BEGIN
    IF p_body ~* '"network"' THEN
        v_heard := (SELECT renewed_at FROM lease WHERE node = p_name);
    END IF;
    IF coalesce(current_setting('cara.log_open', true), '') = '' THEN -- else what was logged before could be seen, and lost in a crash
        PERFORM set_config('synchronous_commit', 'off', true);
    END IF;
    UPDATE lease l SET renewed_at = p_now FROM clock c WHERE l.node = p_name RETURNING l.told_ms, c.heartbeat_ms INTO v_told, v_now;
    IF NOT FOUND THEN
        PERFORM fail_no_node(p_name);
    ELSIF v_told <> v_now THEN
        UPDATE lease SET told_ms = v_now WHERE node = p_name;
        v_pace := wire('{' || substr(pace_wire(), 2) || '}');
    END IF;
    SELECT * INTO v_old FROM node_status WHERE node = p_name;
    SELECT draining_since IS NOT NULL INTO v_drain FROM node WHERE name = p_name;
    IF coalesce(p_body, '') = '' AND v_old.state = node_state_for(v_old.reported_state, v_drain) THEN
        RETURN v_pace;
    END IF;
    v_new := v_old;
    v_body := read_object(nullif(p_body, '')::jsonb, 'Heartbeat', '');
    v_state := v_body->>'state';
    IF NOT EXISTS (SELECT FROM node_state WHERE name = v_state) AND v_state IS NOT NULL THEN
        PERFORM fail(400, format('invalid state %s: must be one of %s', left(v_state, 40),
            (SELECT string_agg(name, ', ' ORDER BY position) FROM node_state)), 'state');
    END IF;
    PERFORM check_machine(p_name, v_old.network->>'ip', v_body#>>'{network,ip}', v_heard, p_now);
    PERFORM check_port(v_body#>'{network,agentPort}');
    PERFORM check_quantity(r.value, CASE r.key WHEN 'cpu' THEN 1000 ELSE 1 END, k.key || '.' || r.key) -- else the node would have no limit
       FROM unnest('{capacity,allocatable}'::text[]) k(key), jsonb_each_text(v_body->k.key) r WHERE r.key IN ('cpu', 'memory');
    v_new.reported_state := coalesce(v_state, v_old.reported_state, 'Ready');
    v_new.network := v_old.network || coalesce(v_body->'network', '{}');
    v_new.capacity := coalesce(v_body->'capacity', v_old.capacity);
    v_new.allocatable := coalesce(v_body->'allocatable', v_old.allocatable);
    v_new.info := v_old.info || coalesce(v_body->'info', '{}');
    IF p_body ~* '"pressure"' THEN -- an empty list says that there is none any more
        SELECT coalesce(string_agg(e, ', ' ORDER BY e), '') INTO v_new.pressure FROM jsonb_array_elements_text(v_body->'pressure') e;
    END IF;
    IF p_body ~* '"proxy"' THEN
        PERFORM node_proxy_put(p_name, v_body->'proxy');
    END IF;
    IF v_new IS DISTINCT FROM v_old THEN
        UPDATE node_status
           SET reported_state = v_new.reported_state, network = v_new.network, capacity = v_new.capacity,
               allocatable = v_new.allocatable, info = v_new.info, pressure = v_new.pressure, updated_at = p_now
         WHERE node = p_name;
    END IF;
    IF v_new.reported_state = 'NotReady' THEN
        PERFORM node_set_state(p_name, 'NotReady', 'AgentNotReady', 'The agent reports that it cannot run containers',
            'node:' || p_name, p_now);
    ELSE
        PERFORM node_set_state(p_name, node_state_for(v_new.reported_state, v_drain), 'AgentReady', 'Agent is healthy and posting heartbeats',
            'node:' || p_name, p_now);
    END IF;
    RETURN v_pace;
END
$$;
COMMENT ON FUNCTION api.node_heartbeat IS
    'Renews a node''s lease and takes in what its agent says; gives NULL, or the pace when its agent was told another one. SR404 before the body is looked at, then SR400, and SR409 for another machine than the one that is alive.';

CREATE OR REPLACE FUNCTION cara.check_port(p_port jsonb)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    IF p_port IS NOT NULL AND p_port::bigint NOT BETWEEN 1 AND 65535 THEN
        PERFORM fail(400, format('network.agentPort %s must be between 1 and 65535', p_port), 'network.agentPort');
    END IF;
END
$$;
COMMENT ON FUNCTION cara.check_port IS 'Raises SR400 unless NULL or a TCP port.';
