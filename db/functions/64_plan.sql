-- Plan: what would happen, found out by doing it in a transaction that is rolled back.

-- What moved at p_now, as rows of a plan. Internal to api.plan() and api.rebalance().
CREATE OR REPLACE FUNCTION cara.plan_moves(p_now timestamptz)
RETURNS TABLE (name text, from_node text, to_node text, phase text, message text) LANGUAGE sql STABLE SET search_path = cara, pg_temp
AS $$
    SELECT s.project, o.node, c.node, s.phase, CASE WHEN s.phase IN ('Pending', 'Terminating') THEN s.message ELSE coalesce(o.released_because, '') END
      FROM project_status s
      LEFT JOIN LATERAL (SELECT a.node, a.released_because FROM assignment a WHERE a.project = s.project AND a.released_at = p_now ORDER BY a.epoch LIMIT 1) o ON true
      LEFT JOIN assignment c ON c.project = s.project AND c.released_at IS NULL
     WHERE s.project IN (SELECT a.project FROM assignment a WHERE a.released_at = p_now OR a.decided_at = p_now)
        OR (s.phase = 'Pending' AND s.updated_at = p_now)
$$;
COMMENT ON FUNCTION cara.plan_moves IS 'The projects that were placed, moved or left waiting at p_now.';

-- POST /api/v1/plan {"apply": [...], "delete": ["project/x"], "drain": "n1", "lose": "n1"}
CREATE OR REPLACE FUNCTION api.plan(p_body jsonb, p_actor text DEFAULT session_user)
RETURNS json LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_now     timestamptz := clock_timestamp();
    v_applied jsonb := '[]';
    v_item    record;
    v_name    text;
    v_items   text;
    v_summary text;
BEGIN
    IF jsonb_typeof(p_body) IS DISTINCT FROM 'object' OR NOT p_body ?| '{apply,delete,drain,lose}' THEN
        PERFORM fail(400, 'invalid request body: expected an object with apply, delete, drain or lose');
    END IF;
    BEGIN
        PERFORM set_config('cara.planning', 'on', true);
        IF p_body ? 'apply' THEN
            v_applied := api.apply(jsonb_build_object('items', p_body->'apply'), p_actor)::jsonb->'items';
        END IF;
        FOR v_item IN SELECT e.value, e.n - 1 AS n FROM jsonb_array_elements_text(p_body->'delete') WITH ORDINALITY e(value, n) LOOP
            v_name := substr(v_item.value, strpos(v_item.value, '/') + 1);
            IF v_item.value LIKE 'project/_%' THEN
                PERFORM api.project_delete(v_name, '{}', p_actor);
            ELSIF v_item.value LIKE 'node/_%' THEN
                PERFORM api.node_delete(v_name, p_actor);
            ELSE
                PERFORM fail(400, format('delete[%s]: %s is not project/NAME or node/NAME', v_item.n, quote(v_item.value, 60)), format('delete[%s]', v_item.n));
            END IF;
            v_applied := v_applied || jsonb_build_object('kind', initcap(split_part(v_item.value, '/', 1)), 'name', v_name, 'result', 'deleted');
        END LOOP;
        IF p_body ? 'drain' THEN
            PERFORM api.node_drain(p_body->>'drain', '{}', p_actor);
            PERFORM evict_unwanted(v_now, 1000000000);
        END IF;
        IF p_body ? 'lose' THEN
            IF NOT EXISTS (SELECT FROM node WHERE name = p_body->>'lose') THEN
                PERFORM fail_no_node(p_body->>'lose');
            END IF;
            PERFORM node_set_state(p_body->>'lose', 'NotReady', 'Lost', 'lost', p_actor, v_now);
            PERFORM release(array(SELECT a.project FROM assignment a JOIN demand d ON d.project = a.project
                                   WHERE a.node = p_body->>'lose' AND a.released_at IS NULL AND d.on_node_lost = 'Reschedule'),
                'NodeLost', 'NodeNotReady', 'its node is lost', p_actor, v_now);
        END IF;
        PERFORM api.schedule(v_now);
        WITH applied AS (
            SELECT e->>'kind' AS kind, e->>'name' AS name,
                   CASE e->>'result' WHEN 'created' THEN 'create' WHEN 'configured' THEN 'update' WHEN 'deleted' THEN 'delete' ELSE 'unchanged' END AS action
              FROM jsonb_array_elements(v_applied) e
        ), item AS (
            SELECT coalesce(a.kind, 'Project') AS kind, coalesce(a.name, m.name) AS name,
                   coalesce(CASE WHEN a.action = 'unchanged' AND m.name IS NOT NULL THEN NULL ELSE a.action END,
                            CASE WHEN m.to_node IS NULL THEN 'pending' WHEN m.from_node IS NULL THEN 'place' ELSE 'move' END) AS action,
                   coalesce(m.from_node, CASE WHEN a.action IN ('update', 'delete', 'unchanged') THEN c.node END) AS from_node, m.to_node, coalesce(m.message, '') AS message
              FROM applied a FULL JOIN plan_moves(v_now) m ON a.kind = 'Project' AND a.name = m.name
              LEFT JOIN assignment c ON c.project = a.name AND a.kind = 'Project' AND c.released_at IS NULL
            UNION ALL
            SELECT 'Project', e->>'project', 'stay', p_body->>'drain', NULL, e->>'reason'
              FROM json_array_elements(CASE WHEN p_body ? 'drain' THEN api.node_drain_status(p_body->>'drain')->'staying' END) e
            UNION ALL
            SELECT 'Project', l.project, 'stay', l.node, NULL, 'waits for its node to come back: spec.onNodeLost is Wait'
              FROM assignment l JOIN demand d ON d.project = l.project AND d.on_node_lost = 'Wait'
             WHERE l.node = p_body->>'lose' AND l.released_at IS NULL
        )
        SELECT (SELECT string_agg('{"kind":' || wire_text(i.kind) || ',"name":' || wire_text(i.name) || ',"action":"' || i.action || '"'
                       || wire_member('from', i.from_node) || wire_member('to', i.to_node) || wire_member('message', i.message) || '}', ',' ORDER BY i.kind, i.name) FROM item i),
               (SELECT string_agg('"' || g.action || '":' || g.count, ',' ORDER BY g.action) FROM (SELECT action, count(*) FROM item GROUP BY action) g)
          INTO v_items, v_summary;
        RAISE EXCEPTION USING ERRCODE = 'SRUND'; -- and nothing of it has been
    EXCEPTION WHEN SQLSTATE 'SRUND' THEN
        NULL;
    END;
    RETURN wire('{"apiVersion":"caravanserai/v1","kind":"Plan","items":[' || coalesce(v_items, '') || '],"summary":{' || coalesce(v_summary, '') || '}}');
END
$$;
COMMENT ON FUNCTION api.plan IS
    'What applying, deleting, draining or losing would change, place, move or leave waiting: the real functions, rolled back; no row, event or NOTIFY escapes. SR400, SR404, SR409 as they.';

-- POST /api/v1/rebalance?dryRun=true
CREATE OR REPLACE FUNCTION api.rebalance(p_query jsonb DEFAULT '{}', p_actor text DEFAULT session_user)
RETURNS json LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_now   timestamptz := clock_timestamp();
    v_moves record;
    v_items text;
BEGIN
    PERFORM schedule_lock();
    v_moves := movable(rebalance_pick(1000), NULL, v_now);
    SELECT string_agg('{"kind":"Project","name":' || wire_text(m.project) || ',"action":"move"' || wire_member('from', a.node)
               || wire_member('to', m.node) || '}', ',' ORDER BY m.project)
      INTO v_items
      FROM unnest(v_moves.going, v_moves.nodes) m(project, node) JOIN assignment a ON a.project = m.project AND a.released_at IS NULL;
    IF p_query#>>'{dryRun,0}' IS DISTINCT FROM 'true' THEN
        PERFORM release(v_moves.going, 'Rebalanced', 'Rebalanced', 'moves to a node with less to do', p_actor, v_now);
    END IF;
    RETURN wire('{"apiVersion":"caravanserai/v1","kind":"Plan","items":[' || coalesce(v_items, '') || '],"summary":{'
        || CASE WHEN v_moves.going = '{}' THEN '' ELSE '"move":' || cardinality(v_moves.going) END || '}}');
END
$$;
COMMENT ON FUNCTION api.rebalance IS 'Moves projects from crowded nodes to emptier ones and says which; p_query dryRun=true only says.';
