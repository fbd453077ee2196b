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
-- Of an item, from is the node that it has now and to the one that it would have, the same when it stays there. Nodes are taken for
-- as quick as can be: what leaves them is gone at once.
CREATE OR REPLACE FUNCTION api.plan(p_body jsonb, p_actor text DEFAULT session_user)
RETURNS json LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_now     timestamptz := clock_timestamp();
    v_applied jsonb := '[]';
    v_deleted jsonb := '[]'; -- kind, name, node, and why when nobody asked for it
    v_item    record;
    v_name    text;
    v_node    text;
    v_evicted bigint;
    v_items   text;
    v_summary text;
BEGIN
    IF jsonb_typeof(p_body) IS DISTINCT FROM 'object' OR NOT p_body ?| '{apply,delete,drain,lose}' THEN
        PERFORM fail(400, 'invalid request body: expected an object with apply, delete, drain or lose');
    ELSIF p_body ? 'delete' AND jsonb_typeof(p_body->'delete') <> 'array' THEN
        PERFORM fail(400, 'invalid request body: delete: expected an array of project/NAME and node/NAME', 'delete');
    END IF;
    BEGIN
        PERFORM schedule_lock(); -- before what apply and delete lock: so does who decides
        PERFORM set_config('cara.planning', 'on', true);
        IF p_body ? 'apply' THEN
            v_applied := api.apply(jsonb_build_object('items', p_body->'apply'), p_actor)::jsonb->'items';
        END IF;
        FOR v_item IN SELECT e.value, e.n - 1 AS n FROM jsonb_array_elements_text(p_body->'delete') WITH ORDINALITY e(value, n) LOOP
            v_name := substr(v_item.value, strpos(v_item.value, '/') + 1);
            v_node := NULL;
            IF v_item.value LIKE 'project/_%' THEN
                v_node := (SELECT a.node FROM assignment a WHERE a.project = v_name AND a.released_at IS NULL);
                PERFORM api.project_delete(v_name, '{}', p_actor);
            ELSIF v_item.value LIKE 'node/_%' THEN
                PERFORM api.node_delete(v_name, p_actor);
            ELSE
                PERFORM fail(400, format('delete[%s]: %s is not project/NAME or node/NAME', v_item.n, quote(v_item.value, 60)), format('delete[%s]', v_item.n));
            END IF;
            v_deleted := v_deleted || jsonb_build_object('kind', initcap(split_part(v_item.value, '/', 1)), 'name', v_name, 'node', v_node);
        END LOOP;
        v_deleted := v_deleted || (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', 'Project', 'name', p.name, 'node', a.node, 'why', 'its spec.expireAt has passed')), '[]')
                                     FROM project p LEFT JOIN assignment a ON a.project = p.name AND a.released_at IS NULL
                                    WHERE p.expire_at <= v_now AND p.deleted_at IS NULL);
        DELETE FROM project WHERE name IN (SELECT e->>'name' FROM jsonb_array_elements(v_deleted) e WHERE e->>'kind' = 'Project');
        IF p_body ? 'drain' THEN
            PERFORM node_mark(p_body->>'drain', true, true, 'Draining', '', p_actor);
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
        LOOP
            v_evicted := evict_unwanted(v_now, 1000000000);
            PERFORM api.schedule(v_now);
            EXIT WHEN v_evicted = 0; -- who moved may have made way for others
        END LOOP;
        WITH deleted AS (
            SELECT DISTINCT ON (e->>'kind', e->>'name') e->>'kind' AS kind, e->>'name' AS name, e->>'node' AS node, e->>'why' AS why
              FROM jsonb_array_elements(v_deleted) e
        ), asked AS (
            SELECT coalesce(d.kind, e->>'kind') AS kind, coalesce(d.name, e->>'name') AS name, d.node, d.why,
                   CASE WHEN d.name IS NOT NULL THEN 'delete'
                        ELSE CASE e->>'result' WHEN 'created' THEN 'create' WHEN 'configured' THEN 'update' ELSE 'unchanged' END END AS action
              FROM jsonb_array_elements(v_applied) e FULL JOIN deleted d ON d.kind = e->>'kind' AND d.name = e->>'name'
        ), item AS (
            SELECT coalesce(k.kind, 'Project') AS kind, coalesce(k.name, m.name) AS name,
                   coalesce(CASE WHEN k.action = 'unchanged' AND m.name IS NOT NULL THEN NULL ELSE k.action END,
                            CASE WHEN m.to_node IS NULL THEN 'pending' WHEN m.from_node IS NULL THEN 'place' ELSE 'move' END) AS action,
                   coalesce(k.node, m.from_node, CASE WHEN m.name IS NULL THEN c.node END) AS from_node, coalesce(m.to_node, c.node) AS to_node,
                   coalesce(m.message, k.why, '') AS message
              FROM asked k FULL JOIN plan_moves(v_now) m ON k.kind = 'Project' AND k.name = m.name
              LEFT JOIN assignment c ON c.project = k.name AND k.kind = 'Project' AND c.released_at IS NULL
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
