-- Why: the question people ask most, answered by the functions that decide.

-- A project's place in the eyes of the scheduler.
CREATE OR REPLACE FUNCTION cara.project_demand(p_project text)
RETURNS TABLE (demand cara.demand, labels jsonb, home text) LANGUAGE sql STABLE SET search_path = cara, pg_temp
AS $$
    SELECT d, p.labels, h.node
      FROM demand d JOIN project p ON p.name = d.project LEFT JOIN data_home h ON h.project = d.project AND d.keeps_data
     WHERE d.project = p_project
$$;
COMMENT ON FUNCTION cara.project_demand IS 'What a project asks for, with its labels and where its data is.';

-- What a project that was taken off its node waits for before it may have another. It is the rule by which cara.placeable()
-- picks from all that are pending at once; tests/db/58_why.sql holds the two together.
CREATE OR REPLACE FUNCTION cara.waits_for(p_project text, p_now timestamptz)
RETURNS TABLE (node text, since timestamptz, until timestamptz) LANGUAGE plpgsql STABLE ROWS 1 SET search_path = cara, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_patience interval := setting_interval('terminating_timeout');
BEGIN
    IF current_setting('cara.planning', true) = 'on' THEN -- a plan takes it that nodes do as they are told
        RETURN;
    END IF;
    RETURN QUERY
    SELECT a.node, a.released_at, a.released_at + v_patience
      FROM assignment a JOIN node_status n ON n.node = a.node AND n.state <> 'NotReady'
     WHERE a.project = p_project AND a.gone_at IS NULL AND a.released_at > p_now - v_patience AND a.released_because NOT IN ('NodeLost', 'Forced')
     ORDER BY a.released_at DESC, a.epoch DESC LIMIT 1;
END
$$;
COMMENT ON FUNCTION cara.waits_for IS 'The live node that has yet to clear away what it has of a project, since when, and when that is no longer waited for; no row when nothing holds the project up.';

-- How the nodes stand for a project now, in the order in which cara.slots() would take them: those that fit, those liked
-- more, with spreadBy those in the emptier domain, and only then by the score.
CREATE OR REPLACE FUNCTION cara.standings(p_demand cara.demand, p_labels jsonb, p_home text, p_self text)
RETURNS TABLE (turn bigint, node text, reason text, lacks text, projects int, score numeric, liking int, domain text, domain_projects bigint)
LANGUAGE sql STABLE ROWS 1000 SET search_path = cara, pg_temp
AS $$
    SELECT row_number() OVER (ORDER BY v.reason IS NOT NULL, v.liking DESC, v.domain_load, v.zone COLLATE "C",
                                       CASE WHEN v.packs THEN -v.used ELSE v.load END, CASE WHEN v.packs THEN -v.load END, v.node COLLATE "C"),
           v.node, v.reason, v.lacks, v.load, CASE WHEN v.packs THEN round(v.used::numeric * 100, 1) ELSE -(v.load + 1) END, v.liking, v.zone, v.domain_load
      FROM (SELECT v.*, w.packs, CASE WHEN w.zoned THEN v.domain END AS zone, CASE WHEN w.zoned THEN sum(v.load) OVER (PARTITION BY v.domain) END AS domain_load
              FROM (SELECT coalesce(p_demand.placement->>'strategy' = 'BinPack', false) AS packs,
                           p_demand.placement->>'strategy' IS DISTINCT FROM 'BinPack' AND p_demand.placement ? 'spreadBy' AS zoned) w,
                   verdicts(p_demand, p_labels, p_home, p_self) v) v
$$;
COMMENT ON FUNCTION cara.standings IS 'Every node with the verdict on it and what ranks it, in the order in which the scheduler would take them.';

-- What ranks a node before its score does, as JSON members.
CREATE OR REPLACE FUNCTION cara.standing_wire(p_liking int, p_domain text, p_domain_projects bigint)
RETURNS text LANGUAGE sql STABLE
RETURN '"liking":' || p_liking || coalesce(',"domain":' || cara.wire_text(p_domain) || ',"domainProjects":' || p_domain_projects, '');
COMMENT ON FUNCTION cara.standing_wire IS 'How much a node is liked and, with spreadBy, its domain and the projects there, as JSON text.';

-- p_standing: what ranked first of the winner and the one after it, or NULL.
DROP FUNCTION IF EXISTS cara.why_decision(cara.assignment);
CREATE OR REPLACE FUNCTION cara.why_decision(a cara.assignment, p_standing text DEFAULT NULL)
RETURNS text LANGUAGE sql STABLE SET search_path = cara, pg_temp
AS $$
    SELECT '{"epoch":' || a.epoch || ',"node":' || wire_text(a.node) || ',"at":' || wire_time(a.decided_at) || ',"strategy":' || wire_text(a.why)
        || coalesce(',"score":' || a.score, '') || wire_member('runnerUp', a.runner_up) || coalesce(',"runnerUpScore":' || a.runner_up_score, '')
        || coalesce(',"standing":[' || p_standing || ']', '')
        || ',"excluded":' || wire_map(a.excluded)
        || CASE WHEN a.released_at IS NULL THEN '' ELSE ',"releasedAt":' || wire_time(a.released_at) END
        || wire_member('releasedBecause', a.released_because) || '}'
$$;
COMMENT ON FUNCTION cara.why_decision IS 'One decision as JSON text.';

-- GET /api/v1/projects/NAME/why?nodes=true
DROP FUNCTION IF EXISTS api.why(text, jsonb);
CREATE OR REPLACE FUNCTION api.why(p_name text, p_query jsonb DEFAULT '{}', p_now timestamptz DEFAULT clock_timestamp())
RETURNS json LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_status   project_status;
    v_current  assignment;
    v_ask      record;
    v_waits    text; -- for this node
    v_wait     text;
    v_reasons  text;
    v_fits     bigint;
    v_each     boolean := p_query#>>'{nodes,0}' IS NOT DISTINCT FROM 'true';
    v_nodes    text;
    v_standing text;
    v_past     text;
    v_message  text;
BEGIN
    SELECT * INTO v_status FROM project_status WHERE project = p_name;
    IF NOT FOUND THEN
        PERFORM fail_no_project(p_name);
    END IF;
    SELECT * INTO v_current FROM assignment WHERE project = p_name AND released_at IS NULL;
    SELECT * INTO v_ask FROM project_demand(p_name);
    SELECT string_agg('{"reason":' || wire_text(g.reason) || ',"text":' || wire_text(g.text) || ',"nodes":' || g.count
               || ',"example":' || to_json(g.example)::text || '}', ',' ORDER BY g.count DESC, g.text),
           (SELECT count(*) FROM node) - coalesce(sum(g.count), 0)
      INTO v_reasons, v_fits
      FROM (SELECT t.reason, t.text, count(*), (array_agg(t.node ORDER BY t.node))[1:3] AS example
              FROM verdict_texts(v_ask.demand, v_ask.labels, v_ask.home, p_name) t GROUP BY t.reason, t.text) g;
    SELECT string_agg(why_decision(a), ',' ORDER BY a.epoch DESC) INTO v_past FROM assignment a WHERE a.project = p_name AND a.released_at IS NOT NULL;
    IF v_each OR v_current.node IS NOT NULL THEN
        SELECT string_agg('{"node":' || wire_text(s.node) || ',"verdict":' || wire_text(coalesce(s.reason, 'fits')) || wire_member('lacks', s.lacks)
                   || ',"projects":' || s.projects || ',"score":' || s.score || ',' || standing_wire(s.liking, s.domain, s.domain_projects) || '}', ',' ORDER BY s.turn)
                   FILTER (WHERE v_each),
               CASE WHEN bool_or(s.liking <> 0 OR s.domain IS NOT NULL) FILTER (WHERE s.node IN (v_current.node, v_current.runner_up)) THEN
                   string_agg('{"node":' || wire_text(s.node) || ',' || standing_wire(s.liking, s.domain, s.domain_projects) || '}', ',' ORDER BY s.node <> v_current.node)
                   FILTER (WHERE s.node IN (v_current.node, v_current.runner_up)) END
          INTO v_nodes, v_standing FROM standings(v_ask.demand, v_ask.labels, v_ask.home, p_name) s;
    END IF;
    v_message := v_status.message;
    IF v_current.node IS NULL AND v_status.phase = 'Pending' THEN
        SELECT w.node, '{"node":' || wire_text(w.node) || ',"since":' || wire_time(w.since) || ',"until":' || wire_time(w.until) || '}'
          INTO v_waits, v_wait FROM waits_for(p_name, p_now) w;
        v_message := concat(CASE WHEN v_waits IS NOT NULL THEN format('waits for node %s to clear away what it has of it; ', v_waits)
                                 WHEN v_fits > 0 THEN 'waits for its turn; ' END,
                            verdict_text(v_ask.demand, v_ask.labels, v_ask.home));
    END IF;
    RETURN wire('{"apiVersion":"caravanserai/v1","kind":"Why","project":' || wire_text(p_name) || ',"phase":' || wire_text(v_status.phase)
        || wire_member('node', v_current.node) || wire_member('reason', v_status.reason) || wire_member('message', v_message)
        || coalesce(',"waitsFor":' || v_wait, '') || ',"fits":' || v_fits || ',"reasons":[' || coalesce(v_reasons, '') || ']'
        || CASE WHEN v_current.node IS NULL THEN '' ELSE ',"decision":' || why_decision(v_current, v_standing) END
        || coalesce(',"nodes":[' || v_nodes || ']', '')
        || ',"history":[' || coalesce(v_past, '') || ']}');
END
$$;
COMMENT ON FUNCTION api.why IS
    'Why a project is where it is, or waits: the verdict of the scheduler now, what is waited for, the decision, all earlier ones. p_query nodes=true: each node. SR404.';
