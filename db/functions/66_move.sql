-- Moving on request: cordon, drain, NoExecute taints, rebalance, unpin.

CREATE OR REPLACE FUNCTION cara.node_mark(p_name text, p_unschedulable boolean, p_draining boolean, p_event text, p_message text, p_actor text)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_node node;
    v_now  timestamptz := clock_timestamp();
BEGIN
    SELECT * INTO v_node FROM node WHERE name = p_name FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM fail_no_node(p_name);
    ELSIF v_node.unschedulable = p_unschedulable AND (v_node.draining_since IS NOT NULL) = p_draining THEN
        RETURN;
    END IF;
    UPDATE node SET spec = CASE WHEN p_unschedulable THEN spec || '{"unschedulable": true}' ELSE spec - 'unschedulable' END,
           generation = generation + (unschedulable <> p_unschedulable)::int,
           draining_since = CASE WHEN p_draining THEN coalesce(draining_since, v_now) END, updated_at = v_now
     WHERE name = p_name RETURNING * INTO v_node;
    PERFORM node_set_state(s.node, node_state_for(s.reported_state, p_draining), s.reason, s.message, p_actor, v_now)
       FROM node_status s WHERE s.node = p_name AND s.state <> 'NotReady';
    PERFORM revision_record('Node', p_name, v_node.uid, v_node.generation, 'update', p_actor, to_jsonb(v_node));
    PERFORM event_record('Node', p_name, 'Normal', p_event, p_message, p_actor, v_now);
END
$$;
COMMENT ON FUNCTION cara.node_mark IS 'Sets whether a node takes new projects and whether it is to be emptied. SR404.';

-- A node that is to be emptied is Draining while its agent is well.
CREATE OR REPLACE FUNCTION cara.node_state_for(p_reported text, p_draining boolean)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_draining AND coalesce(p_reported, 'Ready') = 'Ready' THEN 'Draining' ELSE coalesce(p_reported, 'Ready') END;
COMMENT ON FUNCTION cara.node_state_for IS 'The state of a node whose lease holds.';

CREATE OR REPLACE FUNCTION api.node_cordon(p_name text, p_actor text DEFAULT session_user)
RETURNS json LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
BEGIN
    PERFORM node_mark(p_name, true, (SELECT draining_since IS NOT NULL FROM node WHERE name = p_name), 'Cordoned', 'Takes no new projects', p_actor);
    RETURN api.node_get(p_name);
END
$$;
COMMENT ON FUNCTION api.node_cordon IS 'A node takes no new projects; those it has stay. SR404.';

CREATE OR REPLACE FUNCTION api.node_uncordon(p_name text, p_actor text DEFAULT session_user)
RETURNS json LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
BEGIN
    PERFORM node_mark(p_name, false, false, 'Uncordoned', 'Takes projects again', p_actor);
    RETURN api.node_get(p_name);
END
$$;
COMMENT ON FUNCTION api.node_uncordon IS 'A node takes projects again; a drain under way ends where it is. SR404.';

-- Takes off draining nodes what has a place elsewhere, and off nodes with a NoExecute taint what does not tolerate it.
-- Returns how many. p_limit: at most so many.
CREATE OR REPLACE FUNCTION cara.evict_unwanted(p_now timestamptz, p_limit bigint)
RETURNS bigint LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_tainted boolean := EXISTS (SELECT FROM node n WHERE n.spec @> '{"taints": [{"effect": "NoExecute"}]}');
    v_group   record;
    v_room    bigint;
    v_moved   bigint := 0;
BEGIN
    IF NOT v_tainted AND NOT EXISTS (SELECT FROM node n WHERE n.draining_since IS NOT NULL) THEN
        RETURN 0; -- and nothing is worked out: each tick comes here
    END IF;
    p_limit := coalesce(p_limit, evictions_left(p_now));
    IF v_tainted THEN
        v_moved := release(array(
            SELECT a.project FROM node n JOIN assignment a ON a.node = n.name AND a.released_at IS NULL JOIN demand d ON d.project = a.project
             WHERE n.spec @> '{"taints": [{"effect": "NoExecute"}]}'
               AND untolerated(n.spec->'taints', d.placement->'tolerations', '{NoExecute}') IS NOT NULL
             ORDER BY a.project LIMIT p_limit), 'Tainted', 'Evicted', 'its node has a NoExecute taint that it does not tolerate', 'system:tick', p_now);
    END IF;
    FOR v_group IN
        SELECT d.class, p.labels, h.node AS home, array_agg(a.project ORDER BY d.priority, a.project) AS projects
          FROM node n JOIN assignment a ON a.node = n.name AND a.released_at IS NULL
          JOIN project_status s ON s.project = a.project AND s.phase IN ('Scheduled', 'Running', 'Failed')
          JOIN demand d ON d.project = a.project JOIN project p ON p.name = a.project
          LEFT JOIN data_home h ON h.project = a.project AND d.keeps_data
         WHERE n.draining_since IS NOT NULL GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    LOOP
        SELECT coalesce(sum(v.room), 0) INTO v_room
          FROM (SELECT d FROM demand d WHERE d.project = v_group.projects[1]) x, verdicts(x.d, v_group.labels, v_group.home, v_group.projects[1]) v
         WHERE v.reason IS NULL;
        v_moved := v_moved + release(v_group.projects[1:least(v_room, p_limit - v_moved, 1000000)::int], 'Drained', 'Drained',
            'its node is being drained', 'system:tick', p_now);
    END LOOP;
    RETURN v_moved;
END
$$;
COMMENT ON FUNCTION cara.evict_unwanted IS 'Empties draining nodes of what fits elsewhere and tainted ones of what must go, at most p_limit (NULL: what the rate allows); returns how many left.';

-- GET /api/v1/nodes/NAME/drain
CREATE OR REPLACE FUNCTION api.node_drain_status(p_name text)
RETURNS json LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_node    node;
    v_state   text;
    v_moved   bigint;
    v_leaving text[];
    v_staying text;
BEGIN
    SELECT * INTO v_node FROM node WHERE name = p_name;
    IF NOT FOUND THEN
        PERFORM fail_no_node(p_name);
    END IF;
    SELECT state INTO v_state FROM node_status WHERE node = p_name;
    SELECT count(*) INTO v_moved FROM assignment WHERE node = p_name AND released_because = 'Drained' AND gone_at IS NOT NULL AND released_at >= v_node.draining_since;
    SELECT array_agg(a.project ORDER BY a.project) FILTER (WHERE a.released_at IS NOT NULL OR s.phase = 'Terminating' OR t.fits),
           string_agg('{"project":' || wire_text(a.project) || ',"reason":' || wire_text(t.why) || '}', ',' ORDER BY a.project)
               FILTER (WHERE a.released_at IS NULL AND s.phase <> 'Terminating' AND NOT t.fits)
      INTO v_leaving, v_staying
      FROM assignment a JOIN project_status s ON s.project = a.project
      CROSS JOIN LATERAL project_demand(a.project) q
      CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM verdicts(q.demand, q.labels, q.home, a.project) v WHERE v.reason IS NULL AND v.node <> p_name) AS fits,
                                 verdict_text(q.demand, q.labels, q.home, a.project, p_name) AS why) t
     WHERE a.node = p_name AND a.gone_at IS NULL;
    RETURN wire('{"apiVersion":"caravanserai/v1","kind":"DrainStatus","node":' || wire_text(p_name) || ',"state":' || wire_text(v_state)
        || ',"draining":' || (v_node.draining_since IS NOT NULL)::text
        || ',"done":' || (v_leaving IS NULL AND v_staying IS NULL)::text || ',"moved":' || v_moved
        || ',"leaving":' || coalesce(to_json(v_leaving)::text, '[]') || ',"staying":[' || coalesce(v_staying, '') || ']}');
END
$$;
COMMENT ON FUNCTION api.node_drain_status IS 'How far a drain has come: what is leaving, what cannot and why. SR404.';

-- POST /api/v1/nodes/NAME/drain?dryRun=true
CREATE OR REPLACE FUNCTION api.node_drain(p_name text, p_query jsonb DEFAULT '{}', p_actor text DEFAULT session_user)
RETURNS json LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
BEGIN
    IF p_query#>>'{dryRun,0}' = 'true' THEN
        RETURN api.node_drain_status(p_name);
    END IF;
    PERFORM node_mark(p_name, true, true, 'Draining', 'Is being emptied', p_actor);
    RETURN api.node_drain_status(p_name);
END
$$;
COMMENT ON FUNCTION api.node_drain IS 'Cordons a node and has what can move taken off it; api.node_uncordon cancels. p_query dryRun=true only tells. SR404.';

CREATE OR REPLACE FUNCTION api.project_unpin(p_name text, p_actor text DEFAULT session_user)
RETURNS json LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_node text;
BEGIN
    IF NOT EXISTS (SELECT FROM project WHERE name = p_name) THEN
        PERFORM fail_no_project(p_name);
    END IF;
    DELETE FROM data_home WHERE project = p_name RETURNING node INTO v_node;
    IF FOUND THEN
        PERFORM event_record('Project', p_name, 'Warning', 'Unpinned', format('May run elsewhere than on %s, without the data that is there', v_node), p_actor);
        PERFORM wake(NULL);
    END IF;
    RETURN api.project_get(p_name);
END
$$;
COMMENT ON FUNCTION api.project_unpin IS 'Forgets where a project''s data is, so that it may run elsewhere without it. SR404.';

-- Evens out what has become uneven: from the fullest node to the emptiest that can take it, newest first.
-- Returns the projects taken off; the scheduler finds their places.
CREATE OR REPLACE FUNCTION cara.rebalance_pick(p_max int)
RETURNS text[] LANGUAGE plpgsql STABLE SET search_path = cara, pg_temp
AS $$
DECLARE
    v_picked text[];
BEGIN
    -- even is floor or ceiling of the mean on every node: as many move as lie above it, or are missing below it
    WITH open AS (
        SELECT r.node, r.projects FROM node_room r JOIN node n ON n.name = r.node JOIN node_status s ON s.node = r.node
         WHERE s.state = 'Ready' AND NOT n.unschedulable AND s.pressure = ''
    ), mean AS (
        SELECT floor(avg(o.projects)) AS low, ceil(avg(o.projects)) AS high FROM open o
    ), due AS (
        SELECT greatest(sum(greatest(o.projects - m.high, 0)), sum(greatest(m.low - o.projects, 0))) AS count FROM open o, mean m
    ), extra AS (
        SELECT a.project, o.projects - row_number() OVER (PARTITION BY a.node ORDER BY a.epoch DESC) + 1 AS height, m.low
          FROM open o CROSS JOIN mean m JOIN assignment a ON a.node = o.node AND a.released_at IS NULL
          JOIN project_status s ON s.project = a.project AND s.phase IN ('Scheduled', 'Running')
          JOIN demand d ON d.project = a.project AND NOT d.keeps_data AND d.placement->>'strategy' IS DISTINCT FROM 'BinPack'
          CROSS JOIN LATERAL project_demand(a.project) q
         WHERE o.projects > m.low
           AND EXISTS (SELECT FROM verdicts(q.demand, q.labels, q.home, a.project) v WHERE v.reason IS NULL AND v.load < m.high)
    )
    SELECT array_agg(p.project ORDER BY p.height DESC, p.project) INTO v_picked
      FROM (SELECT e.* FROM extra e WHERE e.height > e.low ORDER BY e.height DESC, e.project LIMIT (SELECT least(d.count, p_max) FROM due d)) p;
    RETURN coalesce(v_picked, '{}');
END
$$;
COMMENT ON FUNCTION cara.rebalance_pick IS 'The projects whose move would even out the nodes, at most p_max.';
