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

CREATE OR REPLACE FUNCTION cara.why_decision(a cara.assignment)
RETURNS text LANGUAGE sql STABLE SET search_path = cara, pg_temp
AS $$
    SELECT '{"epoch":' || a.epoch || ',"node":' || wire_text(a.node) || ',"at":' || wire_time(a.decided_at) || ',"strategy":' || wire_text(a.why)
        || coalesce(',"score":' || a.score, '') || wire_member('runnerUp', a.runner_up) || coalesce(',"runnerUpScore":' || a.runner_up_score, '')
        || ',"excluded":' || wire_map(a.excluded)
        || CASE WHEN a.released_at IS NULL THEN '' ELSE ',"releasedAt":' || wire_time(a.released_at) END
        || wire_member('releasedBecause', a.released_because) || '}'
$$;
COMMENT ON FUNCTION cara.why_decision IS 'One decision as JSON text.';

-- GET /api/v1/projects/NAME/why?nodes=true
CREATE OR REPLACE FUNCTION api.why(p_name text, p_query jsonb DEFAULT '{}')
RETURNS json LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_status  project_status;
    v_current assignment;
    v_ask     record;
    v_reasons text;
    v_nodes   text;
    v_past    text;
    v_message text;
BEGIN
    SELECT * INTO v_status FROM project_status WHERE project = p_name;
    IF NOT FOUND THEN
        PERFORM fail_no_project(p_name);
    END IF;
    SELECT * INTO v_current FROM assignment WHERE project = p_name AND released_at IS NULL;
    SELECT * INTO v_ask FROM project_demand(p_name);
    SELECT string_agg('{"reason":' || wire_text(g.reason) || ',"text":' || wire_text(g.text) || ',"nodes":' || g.count
               || ',"example":' || to_json(g.example)::text || '}', ',' ORDER BY g.count DESC, g.text)
      INTO v_reasons
      FROM (SELECT t.reason, t.text, count(*), (array_agg(t.node ORDER BY t.node))[1:3] AS example
              FROM verdict_texts(v_ask.demand, v_ask.labels, v_ask.home, p_name) t GROUP BY t.reason, t.text) g;
    SELECT string_agg(why_decision(a), ',' ORDER BY a.epoch DESC) INTO v_past FROM assignment a WHERE a.project = p_name AND a.released_at IS NOT NULL;
    IF p_query#>>'{nodes,0}' = 'true' THEN
        SELECT string_agg('{"node":' || wire_text(v.node) || ',"verdict":' || wire_text(coalesce(v.reason, 'fits')) || wire_member('lacks', v.lacks)
                   || ',"projects":' || v.load || ',"score":'
                   || CASE WHEN (v_ask.demand).placement->>'strategy' = 'BinPack' THEN round(v.used::numeric * 100, 1) ELSE -(v.load + 1) END || '}', ','
                   ORDER BY v.reason IS NOT NULL, v.liking DESC, v.load, v.node)
          INTO v_nodes FROM verdicts(v_ask.demand, v_ask.labels, v_ask.home, p_name) v;
    END IF;
    v_message := CASE WHEN v_current.node IS NULL AND v_status.phase = 'Pending' THEN verdict_text(v_ask.demand, v_ask.labels, v_ask.home)
                      ELSE v_status.message END;
    RETURN wire('{"apiVersion":"caravanserai/v1","kind":"Why","project":' || wire_text(p_name) || ',"phase":' || wire_text(v_status.phase)
        || wire_member('node', v_current.node) || wire_member('reason', v_status.reason) || wire_member('message', v_message)
        || ',"reasons":[' || coalesce(v_reasons, '') || ']'
        || CASE WHEN v_current.node IS NULL THEN '' ELSE ',"decision":' || why_decision(v_current) END
        || coalesce(',"nodes":[' || v_nodes || ']', '')
        || ',"history":[' || coalesce(v_past, '') || ']}');
END
$$;
COMMENT ON FUNCTION api.why IS 'Why a project is where it is, or waits: the verdict of the scheduler now, the decision, all earlier ones. p_query nodes=true: each node. SR404.';
