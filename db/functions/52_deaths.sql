-- Why did it die: the end of each container, with the last lines it wrote.

-- How much of a log an agent should send.
CREATE OR REPLACE FUNCTION cara.death_log_bytes()
RETURNS int LANGUAGE sql STABLE
RETURN least(cara.setting_number('death_log_bytes'), 1048576)::int;
COMMENT ON FUNCTION cara.death_log_bytes IS 'How many bytes of a dead container''s log are kept.';

-- Keeps of each service what the settings allow; of one service, or of all.
CREATE OR REPLACE FUNCTION cara.trim_deaths(p_now timestamptz, p_project text DEFAULT NULL, p_service text DEFAULT NULL)
RETURNS void LANGUAGE sql SET search_path = cara, pg_temp
AS $$
    DELETE FROM death d USING (
        SELECT id, finished_at, row_number() OVER (PARTITION BY project, service ORDER BY finished_at DESC, id DESC) AS n
          FROM death WHERE (p_project IS NULL OR project = p_project) AND (p_service IS NULL OR service = p_service)) ranked
     WHERE d.id = ranked.id
       AND (ranked.n > (SELECT setting_number('deaths_kept')) OR ranked.finished_at < p_now - (SELECT setting_interval('death_retention')))
$$;
COMMENT ON FUNCTION cara.trim_deaths IS 'Forgets deaths beyond the newest deaths_kept of each service, and those older than death_retention.';

-- One death as an agent tells it. The node must have had the project under that epoch, now or before: what it
-- says is history, not state. The same death told again changes nothing.
CREATE OR REPLACE FUNCTION cara.death_record(p_node text, p_death jsonb, p_now timestamptz)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_project text := p_death->>'project';
    v_service text := p_death->>'service';
    v_epoch   bigint := (p_death->>'epoch')::bigint;
    v_missing text;
    v_log     text := coalesce(p_death->>'log', '');
    v_room    int := death_log_bytes();
    v_cut     boolean := coalesce((p_death->>'logCut')::boolean, false);
BEGIN
    SELECT m INTO v_missing FROM unnest(ARRAY['project', 'service', 'epoch', 'containerId', 'finishedAt']) m
     WHERE coalesce(p_death->>m, '') = '' LIMIT 1;
    IF FOUND THEN
        PERFORM fail(400, v_missing || ' is required', v_missing);
    ELSIF abs((p_death->>'exitCode')::bigint) > 2147483647 THEN
        PERFORM fail(400, 'exitCode must be a 32-bit integer', 'exitCode');
    ELSIF greatest(length(v_service), length(p_death->>'containerId'), length(p_death->>'image')) > 4096 THEN
        PERFORM fail(400, 'service, containerId and image must not be longer than 4096 characters', 'service');
    END IF;
    PERFORM FROM project WHERE name = v_project FOR KEY SHARE;
    IF NOT FOUND THEN
        PERFORM fail_no_project(v_project);
    ELSIF NOT EXISTS (SELECT FROM assignment WHERE project = v_project AND epoch = v_epoch AND node = p_node) THEN
        PERFORM fail(409, format('epoch %s was never given to node %s', v_epoch, p_node), 'epoch');
    END IF;
    IF octet_length(v_log) > v_room THEN -- whole lines from the end
        v_log := right(v_log, v_room);
        WHILE octet_length(v_log) > v_room LOOP
            v_log := right(v_log, length(v_log) - greatest((octet_length(v_log) - v_room) / 4, 1));
        END LOOP;
        v_log := CASE WHEN strpos(v_log, E'\n') > 0 THEN substr(v_log, strpos(v_log, E'\n') + 1) ELSE '' END;
        v_cut := true;
    END IF;
    INSERT INTO death (project, service, node, epoch, container_id, image, exit_code, oom_killed, stopped, started_at, finished_at, log, log_cut)
    VALUES (v_project, v_service, p_node, v_epoch, p_death->>'containerId', coalesce(p_death->>'image', ''), coalesce((p_death->>'exitCode')::int, 0),
            coalesce((p_death->>'oomKilled')::boolean, false), coalesce((p_death->>'stopped')::boolean, false),
            (p_death->>'startedAt')::timestamptz, (p_death->>'finishedAt')::timestamptz, v_log, v_cut)
    ON CONFLICT ON CONSTRAINT death_once DO NOTHING;
    PERFORM trim_deaths(p_now, v_project, v_service);
END
$$;
COMMENT ON FUNCTION cara.death_record IS 'Records one death with its last lines. SR400, SR404, SR409 when the node never had that epoch of the project.';

-- Takes in what an agent tells of containers that ended; each stands for itself. Returns the results as JSON text.
CREATE OR REPLACE FUNCTION cara.deaths_put(p_node text, p_deaths jsonb, p_now timestamptz)
RETURNS text LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_entry  record;
    v_out    text[] := '{}';
    v_status text;
    v_detail text;
BEGIN
    IF jsonb_typeof(p_deaths) <> 'array' THEN
        PERFORM fail(400, 'invalid request body: deaths: expected an array', 'deaths');
    END IF;
    FOR v_entry IN SELECT e.value, e.n FROM jsonb_array_elements(p_deaths) WITH ORDINALITY e(value, n)
                    ORDER BY e.value->>'project' COLLATE "C", e.n LOOP
        v_status := '204';
        v_detail := NULL;
        BEGIN
            PERFORM death_record(p_node, read_object(v_entry.value, 'Death', format('deaths[%s]', v_entry.n - 1)), p_now);
        EXCEPTION WHEN SQLSTATE 'SR400' OR SQLSTATE 'SR404' OR SQLSTATE 'SR409' THEN
            v_status := substr(SQLSTATE, 3);
            v_detail := SQLERRM;
        END;
        v_out[v_entry.n] := '{"project":' || wire_text(coalesce(v_entry.value->>'project', ''))
            || ',"status":' || v_status || wire_member('detail', v_detail) || '}';
    END LOOP;
    RETURN '[' || array_to_string(v_out, ',') || ']';
END
$$;
COMMENT ON FUNCTION cara.deaths_put IS 'Records the deaths that an agent tells and says of each whether it was accepted. SR400.';

CREATE OR REPLACE FUNCTION cara.death_wire(d cara.death, p_with_log boolean, p_lines int)
RETURNS text LANGUAGE sql STABLE SET search_path = cara, pg_temp
AS $$
    SELECT '{"service":' || wire_text(d.service) || ',"node":' || wire_text(d.node) || ',"epoch":' || d.epoch
        || ',"containerId":' || wire_text(d.container_id) || wire_member('image', d.image) || ',"exitCode":' || d.exit_code
        || coalesce(',"signal":' || d.signal, '')
        || CASE WHEN d.oom_killed THEN ',"oomKilled":true' ELSE '' END || CASE WHEN d.stopped THEN ',"stopped":true' ELSE '' END
        || CASE WHEN d.started_at IS NOT NULL THEN ',"startedAt":' || wire_time(d.started_at) ELSE '' END || ',"finishedAt":' || wire_time(d.finished_at)
        || CASE WHEN p_with_log THEN ',"log":' || wire_text(l.log)
                    || CASE WHEN d.log_cut OR length(l.log) < length(d.log) THEN ',"logCut":true' ELSE '' END ELSE '' END || '}'
      FROM (SELECT CASE WHEN p_lines IS NULL OR NOT p_with_log THEN d.log ELSE
                (SELECT coalesce(string_agg(t.line || E'\n', '' ORDER BY t.n), '') FROM (
                    SELECT s.line, s.n FROM string_to_table(rtrim(d.log, E'\n'), E'\n') WITH ORDINALITY s(line, n)
                     WHERE d.log <> '' ORDER BY s.n DESC LIMIT p_lines) t) END AS log) l
$$;
COMMENT ON FUNCTION cara.death_wire IS 'One death as JSON text, with its last lines (all of them when p_lines is NULL) or without.';

-- GET /api/v1/projects/NAME/logs?previous=true&service=S&limit=1&tail=100
CREATE OR REPLACE FUNCTION api.project_logs(p_name text, p_query jsonb DEFAULT '{}')
RETURNS json LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_service text := p_query#>>'{service,0}';
    v_limit   text := coalesce(nullif(p_query#>>'{limit,0}', ''), '1');
    v_tail    text := coalesce(nullif(p_query#>>'{tail,0}', ''), 'all');
    v_log     boolean := coalesce(p_query#>>'{log,0}', 'true') <> 'false';
    v_items   text;
BEGIN
    IF NOT EXISTS (SELECT FROM project WHERE name = p_name) THEN
        PERFORM fail_no_project(p_name);
    ELSIF coalesce(p_query#>>'{previous,0}', '') <> 'true' THEN
        PERFORM fail(400, 'previous must be true: what a container writes now is told by the agent of its node', 'previous');
    ELSIF v_limit !~ '\A[0-9]{1,6}\Z' OR v_limit::int = 0 THEN
        PERFORM fail(400, format('invalid limit %s: must be a number from 1', quote(v_limit, 40)), 'limit');
    ELSIF v_tail <> 'all' AND v_tail !~ '\A[0-9]{1,9}\Z' THEN
        PERFORM fail(400, format('invalid tail %s: must be "all" or a number of lines', quote(v_tail, 40)), 'tail');
    ELSIF v_service IS NOT NULL
          AND NOT EXISTS (SELECT FROM project p, jsonb_array_elements(p.spec->'services') e WHERE p.name = p_name AND e->>'name' = v_service)
          AND NOT EXISTS (SELECT FROM death WHERE project = p_name AND service = v_service) THEN
        PERFORM fail(404, format('service not found: %s/%s: resource not found', p_name, left(v_service, 60)), 'service');
    END IF;
    SELECT string_agg(death_wire(d.death, v_log, CASE WHEN v_tail <> 'all' THEN v_tail::int END), ',' ORDER BY d.service, d.n)
      INTO v_items
      FROM (SELECT t AS death, t.service, row_number() OVER (PARTITION BY t.service ORDER BY t.finished_at DESC, t.id DESC) AS n
              FROM death t WHERE t.project = p_name AND (v_service IS NULL OR t.service = v_service)) d
     WHERE d.n <= v_limit::int;
    RETURN wire('{"apiVersion":"caravanserai/v1","kind":"DeathList","project":' || wire_text(p_name)
        || ',"items":[' || coalesce(v_items, '') || ']}');
END
$$;
COMMENT ON FUNCTION api.project_logs IS
    'The newest deaths of a project''s services, newest first for each: how they ended and their last lines. limit is per service, tail in lines, log=false leaves the lines out. SR400, SR404.';
