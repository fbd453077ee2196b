-- The decision: which node runs what. Set-based: one call places every pending project it can.

-- One decision at a time in a database; held to the end of the transaction.
CREATE OR REPLACE FUNCTION cara.schedule_lock()
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$ BEGIN PERFORM pg_advisory_xact_lock(hashtextextended('cara.schedule', 0)); END $$;
COMMENT ON FUNCTION cara.schedule_lock IS 'Waits until no other transaction is deciding; released when this one ends.';

-- How many projects each node has now, for the nodes that may take another.
CREATE OR REPLACE FUNCTION cara.node_load()
RETURNS TABLE (node text, load bigint) LANGUAGE sql STABLE SET search_path = cara, pg_temp
AS $$
    SELECT n.name, count(a.project)
      FROM node n JOIN node_status s ON s.node = n.name
      LEFT JOIN assignment a ON a.node = n.name AND a.released_at IS NULL
     WHERE s.state = 'Ready' AND NOT n.unschedulable
     GROUP BY n.name
$$;
COMMENT ON FUNCTION cara.node_load IS 'Nodes that may be given projects, each with the number it has.';

-- Why nodes are out of the question, as counts; shown to whoever waits.
CREATE OR REPLACE FUNCTION cara.nodes_excluded()
RETURNS jsonb LANGUAGE sql STABLE SET search_path = cara, pg_temp
AS $$
    SELECT coalesce(jsonb_object_agg(e.reason, e.count), '{}')
      FROM (SELECT CASE WHEN s.state <> 'Ready' THEN s.state ELSE 'Unschedulable' END AS reason, count(*) AS count
              FROM node n JOIN node_status s ON s.node = n.name
             WHERE s.state <> 'Ready' OR n.unschedulable GROUP BY 1) e
$$;
COMMENT ON FUNCTION cara.nodes_excluded IS 'How many nodes each rule excludes: {"NotReady": 2, "Unschedulable": 1}.';

-- Where each of p_count projects in a row would go: the least loaded node first, by name among equals.
-- Filling nodes up evenly is laying out the slots (level, node) in order and taking the first p_count. Second
-- comes the node of the next slot; when that is the same node, it was far below all others, and the least
-- loaded of those comes second.
CREATE OR REPLACE FUNCTION cara.spread_slots(p_count bigint)
RETURNS TABLE (turn bigint, node text, runner_up text) LANGUAGE sql STABLE SET search_path = cara, pg_temp
AS $$
    WITH candidate AS MATERIALIZED (
        SELECT l.node, l.load,
               count(*) OVER w AS nodes, sum(l.load) OVER w AS total,
               lead(l.load) OVER (ORDER BY l.load, l.node) AS next_load
          FROM node_load() l
        WINDOW w AS (ORDER BY l.load, l.node ROWS UNBOUNDED PRECEDING)
    ), full_level AS ( -- the level up to which the slots suffice for p_count
        SELECT min((p_count + c.total + c.nodes - 1) / c.nodes)::bigint AS level
          FROM candidate c
         WHERE c.next_load IS NULL OR c.nodes * c.next_load - c.total >= p_count
    ), slot AS (
        SELECT c.node, g.level, row_number() OVER (ORDER BY g.level, c.node) AS turn
          FROM candidate c, full_level f, generate_series(c.load + 1, f.level + 1) AS g(level)
    )
    SELECT s.turn, s.node, coalesce(nullif(lead(s.node) OVER (ORDER BY s.turn), s.node),
                                    (SELECT c.node FROM candidate c ORDER BY c.load, c.node OFFSET 1 LIMIT 1))
      FROM slot s ORDER BY s.turn LIMIT p_count
$$;
COMMENT ON FUNCTION cara.spread_slots IS 'The nodes that the next p_count projects go to, in turn, with the one that came second.';

-- What a project that found no node is told.
CREATE OR REPLACE FUNCTION cara.pending_message(p_excluded jsonb)
RETURNS text LANGUAGE sql STABLE SET search_path = cara, pg_temp
AS $$
    SELECT CASE WHEN count(*) = 0 THEN 'no nodes are registered; start cara-agent on a machine'
                ELSE format('0 of %s nodes can take it: %s', sum(e.value::int),
                            string_agg(e.value || ' ' || CASE e.key WHEN 'Unschedulable' THEN 'unschedulable' ELSE e.key END, ', ' ORDER BY e.key)) END
      FROM jsonb_each_text(p_excluded) e
$$;
COMMENT ON FUNCTION cara.pending_message IS 'The message of a project that waits, from the counts of nodes_excluded().';

-- Places every pending project it can, oldest first, evenly over the nodes that are Ready and schedulable.
-- Deterministic: the same tables give the same decisions. Returns how many were placed.
CREATE OR REPLACE FUNCTION api.schedule(p_now timestamptz DEFAULT clock_timestamp())
RETURNS int LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_waiting  text[];
    v_excluded jsonb;
    v_message  text; -- why nothing can be placed; NULL when something can
    v_placed   int;
BEGIN
    IF NOT EXISTS (SELECT FROM project_status WHERE phase = 'Pending') THEN
        RETURN 0;
    END IF;
    PERFORM schedule_lock();
    v_excluded := nodes_excluded();
    IF NOT EXISTS (SELECT FROM node n JOIN node_status s ON s.node = n.name WHERE s.state = 'Ready' AND NOT n.unschedulable) THEN
        v_message := pending_message(v_excluded);
    END IF;
    SELECT array_agg(w.project ORDER BY w.phase_since, w.project) INTO v_waiting
      FROM (SELECT s.project, s.phase_since FROM project_status s JOIN project p ON p.name = s.project
             WHERE s.phase = 'Pending' AND (v_message IS NULL OR (s.reason, s.message) IS DISTINCT FROM ('NoNodeAvailable', v_message))
               FOR KEY SHARE OF p SKIP LOCKED FOR UPDATE OF s SKIP LOCKED) w; -- whoever has one locked wakes us when done
    IF v_waiting IS NULL THEN
        RETURN 0;
    ELSIF v_message IS NOT NULL THEN
        UPDATE project_status SET reason = 'NoNodeAvailable', message = v_message, updated_at = p_now WHERE project = ANY (v_waiting);
        INSERT INTO event (kind, name, type, reason, message, actor, first_at, last_at)
        SELECT 'Project', w, 'Warning', 'NoNodeAvailable', v_message, 'system:scheduler', p_now, p_now FROM unnest(v_waiting) w;
        RETURN 0;
    END IF;
    WITH decision AS MATERIALIZED (
        SELECT w.project, s.node, s.runner_up
          FROM spread_slots(cardinality(v_waiting)) s JOIN unnest(v_waiting) WITH ORDINALITY w(project, turn) USING (turn)
    ), superseded AS ( -- the same node again: what is left there of an older epoch is taken over, not cleared away
        UPDATE assignment a SET gone_at = p_now FROM decision d
         WHERE a.project = d.project AND a.node = d.node AND a.gone_at IS NULL
    ), placed AS (
        INSERT INTO assignment (project, node, decided_at, why, runner_up, excluded)
        SELECT d.project, d.node, p_now, 'Spread', d.runner_up, v_excluded FROM decision d
        RETURNING project, node
    ), moved AS (
        UPDATE project_status s
           SET phase = 'Scheduled', phase_since = p_now, updated_at = p_now, reason = '', message = ''
          FROM placed p WHERE s.project = p.project
    ), told AS (
        INSERT INTO event (kind, name, type, reason, message, actor, first_at, last_at)
        SELECT 'Project', p.project, 'Normal', 'Scheduled', 'Assigned to node ' || p.node, 'system:scheduler', p_now, p_now FROM placed p
    )
    SELECT count(*) INTO v_placed FROM placed;
    RETURN v_placed;
END
$$;
COMMENT ON FUNCTION api.schedule IS 'Places every pending project it can and returns how many; the rest is told why it waits.';
