-- Reports: what agents (and, by force, operators) say of a project.

-- Moves a project to a phase with its reason. A move that cara.phase_transition does not have is refused by
-- a trigger unless p_forced_by names who insists; then an event says so.
CREATE OR REPLACE FUNCTION cara.project_set_phase(p_project text, p_phase text, p_reason text, p_message text, p_generation bigint,
    p_actor text, p_now timestamptz, p_force boolean DEFAULT false)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_old project_status;
BEGIN
    SELECT * INTO v_old FROM project_status WHERE project = p_project;
    IF (v_old.phase, v_old.reason, v_old.message, v_old.observed_generation)
       IS NOT DISTINCT FROM (p_phase, p_reason, p_message, greatest(v_old.observed_generation, p_generation)) THEN
        RETURN;
    END IF;
    IF p_force AND v_old.phase <> p_phase
       AND NOT EXISTS (SELECT FROM phase_transition WHERE (from_phase, to_phase) = (v_old.phase, p_phase)) THEN
        PERFORM set_config('cara.forced_by', p_actor, true);
        PERFORM event_record('Project', p_project, 'Warning', 'PhaseForced',
            format('Phase set from %s to %s by hand', v_old.phase, p_phase), p_actor, p_now);
    END IF;
    UPDATE project_status
       SET phase = p_phase, reason = p_reason, message = p_message, updated_at = p_now,
           phase_since = CASE WHEN phase = p_phase AND reason = p_reason THEN phase_since ELSE p_now END,
           observed_generation = greatest(observed_generation, p_generation)
     WHERE project = p_project;
    PERFORM set_config('cara.forced_by', '', true);
    IF (v_old.phase, v_old.reason) IS DISTINCT FROM (p_phase, p_reason) THEN
        PERFORM event_record('Project', p_project,
            CASE WHEN p_phase = 'Failed' OR p_reason IN ('UpdateFailed', 'RemoveError') THEN 'Warning' ELSE 'Normal' END,
            coalesce(nullif(p_reason, ''), p_phase), coalesce(nullif(p_message, ''), 'Phase is ' || p_phase), p_actor, p_now);
    END IF;
END
$$;
COMMENT ON FUNCTION cara.project_set_phase IS 'Moves a project to a phase, with reason, message and an event; nothing when it is all so already.';

-- Takes in the containers of a project. Rows that are the same are not written.
CREATE OR REPLACE FUNCTION cara.services_put(p_project text, p_epoch bigint, p_services jsonb)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_bad text;
BEGIN
    SELECT e->>'state' INTO v_bad FROM jsonb_array_elements(p_services) e
     WHERE coalesce(e->>'state', '') NOT IN ('missing', 'pulling', 'created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead') LIMIT 1;
    IF FOUND THEN
        PERFORM fail(400, format('invalid service state %s', quote(coalesce(v_bad, ''), 40)), 'services');
    END IF;
    SELECT coalesce(e->>'name', '') INTO v_bad FROM jsonb_array_elements(p_services) e
     WHERE greatest(abs((e->>'exitCode')::bigint), abs((e->>'restarts')::bigint)) > 2147483647 LIMIT 1;
    IF FOUND THEN
        PERFORM fail(400, format('service %s: exitCode and restarts must be 32-bit integers', quote(v_bad, 40)), 'services');
    END IF;
    DELETE FROM project_service v WHERE v.project = p_project
       AND NOT EXISTS (SELECT FROM jsonb_array_elements(p_services) e WHERE e->>'name' = v.name);
    INSERT INTO project_service AS v
    SELECT DISTINCT ON (e->>'name') p_project, e->>'name', p_epoch, e->>'state', coalesce(e->>'containerId', ''), coalesce(e->>'image', ''),
           coalesce(e->>'imageDigest', ''), coalesce(e->>'ip', ''),
           CASE WHEN e->>'state' IN ('exited', 'dead') THEN coalesce((e->>'exitCode')::int, 0) END,
           coalesce((e->>'oomKilled')::boolean, false), greatest(coalesce((e->>'restarts')::int, 0), 0), coalesce(e->>'health', ''),
           (e->>'startedAt')::timestamptz, (e->>'finishedAt')::timestamptz, left(coalesce(e->>'message', ''), 4096)
      FROM jsonb_array_elements(p_services) e WHERE e ? 'name'
    ON CONFLICT (project, name) DO UPDATE
       SET epoch = excluded.epoch, state = excluded.state, container_id = excluded.container_id, image = excluded.image,
           image_digest = excluded.image_digest, ip = excluded.ip, exit_code = excluded.exit_code, oom_killed = excluded.oom_killed,
           restarts = excluded.restarts, health = excluded.health, started_at = excluded.started_at,
           finished_at = excluded.finished_at, message = excluded.message
     WHERE v IS DISTINCT FROM excluded;
END
$$;
COMMENT ON FUNCTION cara.services_put IS 'Replaces the observed services of a project, writing only what differs. SR400 for an unknown container state.';

-- One report of an agent that knows its epoch. Fenced: only the current assignment of that node may speak,
-- only of the current generation, and never bring back what is being deleted.
CREATE OR REPLACE FUNCTION cara.report_fenced(p_node text, p_report jsonb, p_now timestamptz)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_name       text := p_report->>'project';
    v_epoch      bigint := (p_report->>'epoch')::bigint;
    v_generation bigint := (p_report->>'generation')::bigint;
    v_phase      text := p_report->>'phase';
    v_reason     text := coalesce(p_report->>'reason', '');
    v_message    text := left(coalesce(p_report->>'message', ''), 4096);
    v_actor      text := 'node:' || p_node;
    v_assignment assignment;
    v_project    project;
BEGIN
    IF coalesce(v_name, '') = '' THEN
        PERFORM fail(400, 'project is required', 'project');
    ELSIF v_epoch IS NULL THEN
        PERFORM fail(400, 'epoch is required', 'epoch');
    END IF;
    PERFORM check_phase(v_phase, true);
    IF v_reason = 'RemoveError' THEN -- the original's agent says Failed; it is still being removed
        v_phase := 'Terminating';
    END IF;
    IF v_phase IN ('Terminating', 'Terminated') AND EXISTS (SELECT FROM leftover l WHERE (l.node, l.project, l.epoch) = (p_node, v_name, v_epoch)) THEN
        DELETE FROM leftover l WHERE (l.node, l.project, l.epoch) = (p_node, v_name, v_epoch) AND v_phase = 'Terminated';
        RETURN; -- of one whose row is gone
    END IF;
    SELECT * INTO v_project FROM project WHERE name = v_name FOR KEY SHARE;
    IF NOT FOUND THEN
        PERFORM fail_no_project(v_name);
    END IF;
    PERFORM FROM project_status WHERE project = v_name FOR UPDATE;
    SELECT * INTO v_assignment FROM assignment WHERE project = v_name AND epoch = v_epoch;
    IF NOT FOUND OR v_assignment.node <> p_node
       OR (v_assignment.released_at IS NOT NULL AND v_phase IS DISTINCT FROM 'Terminated') THEN
        PERFORM fail(409, format('epoch %s is not current (%s)', v_epoch,
            coalesce((SELECT epoch::text FROM assignment WHERE project = v_name AND released_at IS NULL), 'none')), 'epoch');
    ELSIF v_assignment.released_at IS NULL THEN
        IF v_phase IN ('Pending', 'Scheduled') THEN
            PERFORM fail(409, format('phase %s is not an agent''s to give', v_phase), 'phase');
        ELSIF v_phase IN ('Running', 'Failed') AND v_project.deleted_at IS NOT NULL THEN
            PERFORM fail(409, format('project %s is being deleted', quote(v_name)), 'phase');
        ELSIF v_phase IN ('Running', 'Failed') AND v_generation IS NULL THEN
            PERFORM fail(400, 'generation is required', 'generation');
        ELSIF v_phase IN ('Running', 'Failed') AND v_generation <> v_project.generation THEN
            PERFORM fail(409, format('generation %s is not current (%s)', v_generation, v_project.generation), 'generation');
        ELSIF v_phase IN ('Terminating', 'Terminated') AND v_project.deleted_at IS NULL THEN
            PERFORM fail(409, format('project %s is not being deleted', quote(v_name)), 'phase');
        ELSIF p_report ? 'services' OR v_phase = 'Terminated' THEN
            PERFORM services_put(v_name, v_epoch, coalesce(p_report->'services', '[]'));
        END IF;
    END IF;
    IF v_phase = 'Terminated' THEN -- also by a node that the project moved away from, which has cleared up now
        UPDATE assignment SET gone_at = p_now, released_at = coalesce(released_at, p_now), released_because = coalesce(released_because, 'Terminated')
         WHERE project = v_name AND epoch = v_epoch AND gone_at IS NULL;
        DELETE FROM leftover l WHERE (l.node, l.project) = (p_node, v_name); -- of an earlier one of that name
        IF v_project.deleted_at IS NULL OR EXISTS (SELECT FROM assignment WHERE project = v_name AND gone_at IS NULL) THEN
            RETURN; -- it runs elsewhere, or another node still has something of it
        END IF;
    END IF;
    IF v_phase IS NOT NULL THEN
        PERFORM project_set_phase(v_name, v_phase, v_reason, v_message, v_generation, v_actor, p_now);
    END IF;
END
$$;
COMMENT ON FUNCTION cara.report_fenced IS 'Takes in one report of a node''s agent. SR404, SR409 when its epoch, generation or phase is not current, SR400.';

CREATE OR REPLACE FUNCTION cara.check_phase(p_phase text, p_optional boolean)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    IF coalesce(p_phase, '') = '' THEN
        IF NOT p_optional THEN
            PERFORM fail(400, 'phase is required', 'phase');
        END IF;
    ELSIF NOT EXISTS (SELECT FROM phase WHERE name = p_phase) THEN
        PERFORM fail(400, format('invalid phase %s: must be one of %s', left(p_phase, 40),
            (SELECT string_agg(name, ', ' ORDER BY position) FROM phase)), 'phase');
    END IF;
END
$$;
COMMENT ON FUNCTION cara.check_phase IS 'Raises SR400 unless the phase is one there is.';

-- PATCH /api/v1/projects/NAME/status {phase, reason?, message?}: contract 2.5. With an epoch it is an
-- agent's report as in node_report(). Without one it is an operator's word, or the original's agent's.
CREATE OR REPLACE FUNCTION api.project_report(p_name text, p_body jsonb, p_actor text DEFAULT session_user, p_now timestamptz DEFAULT clock_timestamp())
RETURNS json LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_report  jsonb := read_object(p_body, 'Report', '') || jsonb_build_object('project', p_name);
    v_phase   text := v_report->>'phase';
    v_project project;
BEGIN
    PERFORM check_phase(v_phase, false);
    IF v_report ? 'epoch' THEN
        PERFORM report_fenced(coalesce(v_report->>'node', (SELECT node FROM assignment WHERE project = p_name AND epoch = (v_report->>'epoch')::bigint), ''),
            v_report, p_now);
        RETURN NULL;
    END IF;
    SELECT * INTO v_project FROM project WHERE name = p_name FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM fail_no_project(p_name);
    END IF;
    PERFORM FROM project_status WHERE project = p_name FOR UPDATE;
    IF v_project.deleted_at IS NOT NULL AND v_report->>'reason' = 'RemoveError' THEN
        v_phase := 'Terminating';
    ELSIF v_project.deleted_at IS NOT NULL AND v_phase NOT IN ('Terminating', 'Terminated') THEN
        PERFORM fail(409, format('project %s is being deleted', quote(p_name)), 'phase');
    ELSIF v_project.deleted_at IS NULL AND v_phase IN ('Terminating', 'Terminated') THEN
        UPDATE project SET deleted_at = p_now, updated_at = p_now WHERE name = p_name;
        PERFORM revision_record('Project', p_name, v_project.uid, v_project.generation, 'delete', p_actor, to_jsonb(v_project));
    END IF;
    IF v_phase = 'Pending' OR v_phase = 'Terminated' THEN
        UPDATE assignment SET released_at = p_now, released_because = CASE v_phase WHEN 'Pending' THEN 'Forced' ELSE v_phase END,
               gone_at = CASE v_phase WHEN 'Terminated' THEN p_now END
         WHERE project = p_name AND released_at IS NULL;
    END IF;
    PERFORM project_set_phase(p_name, v_phase, coalesce(v_report->>'reason', ''), left(coalesce(v_report->>'message', ''), 4096),
        NULL, p_actor, p_now, true);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION api.project_report IS
    'Sets a project''s phase; gives NULL. With an epoch only the current assignment may (SR409); without one any phase may be forced, except back from a deletion (SR409). SR400, SR404.';

-- POST /api/v1/nodes/NAME/report {"reports":[...],"deaths":[...]}: many projects in one request; each stands for itself.
CREATE OR REPLACE FUNCTION api.node_report(p_name text, p_body jsonb, p_now timestamptz DEFAULT clock_timestamp())
RETURNS json LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_entry   record;
    v_out     text[] := '{}';
    v_status  text;
    v_detail  text;
BEGIN
    IF NOT EXISTS (SELECT FROM node WHERE name = p_name) THEN
        PERFORM fail_no_node(p_name);
    ELSIF jsonb_typeof(p_body->'reports') IS DISTINCT FROM 'array' THEN
        PERFORM fail(400, 'invalid request body: reports: expected an array', 'reports');
    END IF;
    -- in one order for all, so that two batches cannot wait for each other
    FOR v_entry IN SELECT e.value, e.n, e.value->>'project' AS project FROM jsonb_array_elements(p_body->'reports') WITH ORDINALITY e(value, n)
                    ORDER BY e.value->>'project' COLLATE "C", e.n LOOP
        v_status := '204';
        v_detail := NULL;
        BEGIN
            PERFORM report_fenced(p_name, read_object(v_entry.value, 'Report', format('reports[%s]', v_entry.n - 1)), p_now);
        EXCEPTION WHEN SQLSTATE 'SR400' OR SQLSTATE 'SR404' OR SQLSTATE 'SR409' THEN
            v_status := substr(SQLSTATE, 3);
            v_detail := SQLERRM;
        END;
        v_out[v_entry.n] := '{"project":' || wire_text(coalesce(v_entry.project, ''))
            || ',"status":' || v_status || wire_member('detail', v_detail) || '}';
    END LOOP;
    RETURN wire('{"results":[' || array_to_string(v_out, ',') || ']'
        || CASE WHEN p_body ? 'deaths' THEN ',"deaths":' || deaths_put(p_name, p_body->'deaths', p_now) ELSE '' END
        || ',"deathLogBytes":' || death_log_bytes() || '}');
END
$$;
COMMENT ON FUNCTION api.node_report IS
    'Takes in an agent''s reports and deaths and says of each whether it was accepted (204, or 400, 404, 409 with detail), and how much of a dead container''s log is wanted. SR400, SR404.';

-- GET /api/v1/nodes/NAME/assignments: all that this node has to run, and all it has to clear away. Their version is a
-- digest of what they are made of, so it is right whatever commits in which order; whoever has it (If-None-Match) gets
-- NULL, without anything being rendered.
CREATE OR REPLACE FUNCTION api.node_assignments(p_name text, p_if_none_match text DEFAULT NULL)
RETURNS json LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = cara, pg_temp SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_items   text;
    v_version text;
BEGIN
    IF NOT EXISTS (SELECT FROM node WHERE name = p_name) THEN
        PERFORM fail_no_node(p_name);
    END IF;
    SELECT string_agg(o.said, ',' ORDER BY o.project, o.epoch) INTO v_version
      FROM (SELECT a.project, a.epoch, concat_ws(' ', a.project, p.uid, a.epoch, p.resource_version, a.released_at IS NULL, s.phase) AS said
              FROM assignment a JOIN project p ON p.name = a.project JOIN project_status s ON s.project = a.project
             WHERE a.node = p_name AND a.gone_at IS NULL
            UNION ALL
            SELECT l.project, l.epoch, concat_ws(' ', l.project, l.uid, l.epoch) FROM leftover l WHERE l.node = p_name) o;
    v_version := md5(coalesce(v_version, ''));
    IF strpos(p_if_none_match, v_version) > 0 THEN
        RETURN NULL;
    END IF;
    SELECT string_agg('{"project":' || wire_text(a.project) || ',"uid":"' || a.uid || '","epoch":' || a.epoch
               || ',"generation":' || a.generation
               || ',"desired":"' || CASE WHEN a.released_at IS NULL AND a.deleted_at IS NULL THEN 'Running' ELSE 'Removed' END
               || '","phase":' || wire_text(a.phase)
               || ',"labels":' || wire_map(a.labels) || ',"spec":' || a.spec_wire
               || coalesce(',"ingress":' || ingress_wire(a.project, a.ingress), '') || '}', ',' ORDER BY a.project)
      INTO v_items
      FROM ((SELECT DISTINCT ON (a.project) a.project, a.epoch, a.released_at, p.uid, p.generation, p.deleted_at, p.labels, p.spec_wire,
                   p.spec->'ingress' AS ingress, s.phase
              FROM assignment a JOIN project p ON p.name = a.project JOIN project_status s ON s.project = a.project
             WHERE a.node = p_name AND a.gone_at IS NULL
             ORDER BY a.project, a.epoch DESC)
            UNION ALL -- of one whose row is gone, unless its namesake is there now and has taken over what was left
            SELECT l.project, l.epoch, l.since, l.uid, l.generation, l.since, l.labels, l.spec_wire, NULL, 'Terminated'
              FROM leftover l
             WHERE l.node = p_name AND NOT EXISTS (SELECT FROM assignment a WHERE a.project = l.project AND a.node = p_name AND a.gone_at IS NULL)) a;
    RETURN wire('{"apiVersion":"caravanserai/v1","kind":"AssignmentList","node":' || wire_text(p_name)
        || ',"resourceVersion":"' || v_version || '","items":[' || coalesce(v_items, '') || ']}');
END
$$;
COMMENT ON FUNCTION api.node_assignments IS
    'What a node has to run (desired Running) or to clear away (Removed); NULL when p_if_none_match has the version of it. SR404.';
