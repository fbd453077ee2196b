-- Projects: what their owners ask for.

-- One service container of a project; who wants all of them aggregates these in the query it has, which is several times as
-- quick as a function that asks for them.
DROP FUNCTION IF EXISTS cara.services_wire(text);
CREATE OR REPLACE FUNCTION cara.service_wire(v cara.project_service)
RETURNS text LANGUAGE sql STABLE
RETURN '{"name":' || cara.wire_text(v.name) || ',"state":' || cara.wire_text(v.state)
    || cara.wire_member('containerId', v.container_id) || cara.wire_member('image', v.image) || cara.wire_member('imageDigest', v.image_digest)
    || cara.wire_member('ip', v.ip) || coalesce(',"exitCode":' || v.exit_code, '')
    || CASE WHEN v.oom_killed THEN ',"oomKilled":true' ELSE '' END
    || CASE WHEN v.restarts > 0 THEN ',"restarts":' || v.restarts ELSE '' END
    || cara.wire_member('health', v.health)
    || CASE WHEN v.started_at IS NULL THEN '' ELSE ',"startedAt":' || cara.wire_time(v.started_at) END
    || CASE WHEN v.finished_at IS NULL THEN '' ELSE ',"finishedAt":' || cara.wire_time(v.finished_at) END
    || cara.wire_member('message', v.message) || '}';
COMMENT ON FUNCTION cara.service_wire IS 'An observed service of a project as JSON text.';

-- The conditions of a project. NodeNotReady and the deletion clock are derived, so they are there exactly
-- while they are true; they stand last because people read the last one.
CREATE OR REPLACE FUNCTION cara.condition_wire(p_type text, p_since timestamptz, p_reason text, p_message text)
RETURNS text LANGUAGE sql STABLE
RETURN '{"type":"' || p_type || '","status":"True","lastHeartbeatTime":' || cara.wire_time(NULL)
    || ',"lastTransitionTime":' || cara.wire_time(p_since)
    || cara.wire_member('reason', p_reason) || cara.wire_member('message', p_message) || '}';
COMMENT ON FUNCTION cara.condition_wire IS 'One condition as JSON text.';

DROP FUNCTION IF EXISTS cara.project_wire(cara.project, cara.project_status, cara.assignment, timestamptz);
CREATE OR REPLACE FUNCTION cara.project_wire(p cara.project, s cara.project_status, a cara.assignment, p_lost_since timestamptz, p_services text)
RETURNS text LANGUAGE sql STABLE
RETURN '{"apiVersion":"caravanserai/v1","kind":"Project","metadata":{"name":' || cara.wire_text(p.name)
    || CASE WHEN p.labels = '{}' THEN '' ELSE ',"labels":' || cara.wire_map(p.labels) END
    || CASE WHEN p.annotations = '{}' THEN '' ELSE ',"annotations":' || cara.wire_map(p.annotations) END
    || ',"createdAt":' || cara.wire_time(p.created_at)
    || ',"updatedAt":' || cara.wire_time(greatest(p.updated_at, s.updated_at))
    || ',"uid":"' || p.uid || '","generation":' || p.generation
    || ',"resourceVersion":"' || greatest(p.resource_version, s.resource_version) || '"'
    || CASE WHEN p.deleted_at IS NULL THEN '' ELSE ',"deletionTimestamp":' || cara.wire_time(p.deleted_at) END
    || '},"spec":' || p.spec_wire
    || ',"status":{"phase":' || cara.wire_text(s.phase)
    || cara.wire_member('nodeRef', a.node)
    || CASE WHEN s.reason = '' AND s.message = '' AND p_lost_since IS NULL THEN '' ELSE ',"conditions":['
         || concat_ws(',',
              CASE WHEN s.reason <> '' OR s.message <> '' THEN cara.condition_wire('Phase', s.phase_since, s.reason, s.message) END,
              CASE WHEN p_lost_since IS NOT NULL AND p.deleted_at IS NULL THEN cara.condition_wire('NotReadyAt', p_lost_since, 'NodeNotReady',
                   'Node went NotReady while project was ' || s.phase || '; running grace period clock started') END,
              CASE WHEN p_lost_since IS NOT NULL AND p.deleted_at IS NOT NULL THEN cara.condition_wire('TerminatingAt', greatest(p_lost_since, p.deleted_at),
                   'NodeNotReady', 'Node went NotReady while project was Terminating; force-termination timeout clock started') END)
         || ']' END
    || CASE WHEN s.observed_generation > 0 THEN ',"observedGeneration":' || s.observed_generation ELSE '' END
    || CASE WHEN a.epoch IS NULL THEN '' ELSE ',"epoch":' || a.epoch END
    || coalesce(',"services":[' || p_services || ']', '')
    || '}}';
COMMENT ON FUNCTION cara.project_wire IS 'A project as JSON text in the wire''s member order. p_lost_since: since when its node is NotReady; p_services: its service_wire()s by name with commas between, NULL when there are none.';

CREATE OR REPLACE FUNCTION cara.fail_no_project(p_name text)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    PERFORM fail(404, format('project not found: %s: resource not found', p_name));
END
$$;
COMMENT ON FUNCTION cara.fail_no_project IS 'Raises SR404.';

CREATE OR REPLACE FUNCTION api.project_get(p_name text)
RETURNS json LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_out text;
BEGIN
    SELECT project_wire(p, s, a, n.not_ready_since,
            (SELECT string_agg(service_wire(v), ',' ORDER BY v.name) FROM project_service v WHERE v.project = p.name)) INTO v_out
      FROM project p JOIN project_status s ON s.project = p.name
      LEFT JOIN assignment a ON a.project = p.name AND a.released_at IS NULL
      LEFT JOIN node_status n ON n.node = a.node
     WHERE p.name = p_name;
    IF NOT FOUND THEN
        PERFORM fail_no_project(p_name);
    END IF;
    RETURN wire(v_out);
END
$$;
COMMENT ON FUNCTION api.project_get IS 'One project. SR404 when there is none of that name.';

-- p_query: phase (any of), nodeRef, labelSelector, fieldSelector, limit, continue.
CREATE OR REPLACE FUNCTION api.project_list(p_query jsonb DEFAULT '{}')
RETURNS json LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
BEGIN
    RETURN list('Project', p_query);
END
$$;
COMMENT ON FUNCTION api.project_list IS
    'Projects by name; p_query filters by phase (any of), nodeRef, labelSelector and fieldSelector, limit and continue make pages. SR400.';

-- The host an ingress entry answers to (contract 5.5), in lower case.
CREATE OR REPLACE FUNCTION cara.ingress_host(p_project text, p_host text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN pg_catalog.lower(CASE WHEN pg_catalog.strpos(coalesce(p_host, ''), '.') > 0 THEN p_host
                             ELSE coalesce(p_host, '') || '.' || p_project || '.local' END);
COMMENT ON FUNCTION cara.ingress_host IS 'A host with a dot as it is, any other as HOST.PROJECT.local.';

-- The cluster-wide names that projects need, one after the other.
CREATE OR REPLACE FUNCTION cara.names_of(p_projects text[], p_specs jsonb[], OUT kinds text[], OUT names text[], OUT projects text[])
LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    v_spec jsonb;
    n      int := 0;
BEGIN
    FOR p IN 1 .. cardinality(p_projects) LOOP
        v_spec := p_specs[p];
        FOR i IN 0 .. jsonb_array_length(v_spec->'services') - 1 LOOP
            n := n + 1;
            kinds[n] := 'container';
            names[n] := p_projects[p] || '-' || (v_spec->'services'->i->>'name');
            projects[n] := p_projects[p];
        END LOOP;
        FOR i IN 0 .. coalesce(jsonb_array_length(v_spec->'volumes'), 0) - 1 LOOP
            n := n + 1;
            kinds[n] := 'volume';
            names[n] := 'cara-' || p_projects[p] || '-' || (v_spec->'volumes'->i->>'name');
            projects[n] := p_projects[p];
        END LOOP;
        FOR i IN 0 .. coalesce(jsonb_array_length(v_spec->'ingress'), 0) - 1 LOOP
            n := n + 1;
            kinds[n] := 'host';
            names[n] := cara.ingress_host(p_projects[p], v_spec->'ingress'->i->>'host');
            projects[n] := p_projects[p];
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION cara.names_of IS 'The container, volume and host names of projects, as three arrays of the same length.';

-- Takes the names a project needs and gives up those it no longer does.
DROP FUNCTION IF EXISTS cara.claim_names(text, jsonb, boolean);
CREATE OR REPLACE FUNCTION cara.claim_names(p_project text, p_spec jsonb)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_need  record := names_of(ARRAY[p_project], ARRAY[p_spec]);
    v_clash record;
BEGIN
    WITH wanted AS (
        SELECT DISTINCT w.kind, w.name FROM unnest(v_need.kinds, v_need.names) w(kind, name)
    ), dropped AS (
        DELETE FROM claim c WHERE c.project = p_project
           AND NOT EXISTS (SELECT FROM wanted w WHERE (w.kind, w.name) = (c.kind, c.name))
    ), taken AS ( -- waits for whoever gives one of them up just now
        INSERT INTO claim (kind, name, project) SELECT kind, name, p_project FROM wanted ORDER BY kind, name
        ON CONFLICT (kind, name) DO UPDATE SET project = claim.project
        RETURNING kind, name, project
    )
    SELECT * INTO v_clash FROM taken WHERE project <> p_project ORDER BY kind, name LIMIT 1;
    IF FOUND THEN
        PERFORM fail(409, format('%s %s is already used by project %s', CASE v_clash.kind WHEN 'host' THEN 'ingress host'
                ELSE v_clash.kind || ' name' END, quote(v_clash.name), quote(v_clash.project)),
            CASE v_clash.kind WHEN 'container' THEN 'spec.services' WHEN 'volume' THEN 'spec.volumes' ELSE 'spec.ingress' END,
            'rename one of the two');
    END IF;
END
$$;
COMMENT ON FUNCTION cara.claim_names IS 'Claims container, volume and host names for a project; SR409 naming the project that has one already.';

-- AFTER STATEMENT INSERT, AFTER ROW UPDATE on claim: names are claimed by projects that there are, which stay until this is done.
CREATE OR REPLACE FUNCTION cara.check_claims()
RETURNS trigger LANGUAGE plpgsql SET search_path = cara, pg_temp SET enable_seqscan = off
AS $$
DECLARE
    v_there bigint;
    v_all   bigint := 1;
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM FROM (SELECT n.project FROM new_rows n OFFSET 0) n JOIN project p ON p.name = n.project FOR KEY SHARE OF p;
        GET DIAGNOSTICS v_there = ROW_COUNT;
        v_all := (SELECT count(*) FROM new_rows);
    ELSE
        PERFORM FROM project p WHERE p.name = NEW.project FOR KEY SHARE;
        GET DIAGNOSTICS v_there = ROW_COUNT;
    END IF;
    IF v_there < v_all THEN
        RAISE EXCEPTION USING ERRCODE = 'foreign_key_violation', MESSAGE = 'only a project that there is can claim a name';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION cara.check_claims IS 'Trigger: refuses claims of what is no project.';

-- On project: its claims go with it and are renamed with it.
CREATE OR REPLACE FUNCTION cara.follow_claims()
RETURNS trigger LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM claim c USING old_rows o WHERE c.project = o.name;
    ELSIF TG_OP = 'UPDATE' THEN
        UPDATE claim SET project = NEW.name WHERE project = OLD.name;
    ELSE
        DELETE FROM claim;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION cara.follow_claims IS 'Trigger: the names a project claims are given up with it.';

-- What every manifest that read_manifest() gave has to be. p_max_bytes: cara.setting max_manifest_bytes, read once for many;
-- p_new: it may be the first of its name.
CREATE OR REPLACE FUNCTION cara.check_project(p_manifest jsonb, p_max_bytes numeric, p_new boolean)
RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    v_none text; -- assigned to: PERFORM would run a query for each
BEGIN
    v_none := cara.check_size(p_manifest, p_max_bytes)::text;
    IF p_new THEN
        v_none := cara.check_name(p_manifest->>'name')::text;
    END IF;
    v_none := cara.check_project_spec(p_manifest->'spec')::text;
END
$$;
COMMENT ON FUNCTION cara.check_project IS 'Raises SR400 or SR413 for the first rule that a project''s manifest breaks.';

-- Creates projects from manifests that were checked, each of another name, in the order of their names. wires: the new
-- projects; NULL for one that was there before. clash: some name they need is another's, and claim_names() has not been
-- asked whose.
CREATE OR REPLACE FUNCTION cara.projects_create(p_names text[], p_manifests jsonb[], p_actor text, OUT wires text[], OUT clash boolean)
LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_names text[];
    v_specs jsonb[];
    v_need  record;
    v_taken bigint;
BEGIN
    WITH new AS (
        INSERT INTO project (name, labels, annotations, spec, expire_at)
        SELECT w.name, w.manifest->'labels', w.manifest->'annotations', w.manifest->'spec', (w.manifest#>>'{spec,expireAt}')::timestamptz
          FROM unnest(p_names, p_manifests) w(name, manifest)
        ON CONFLICT (name) DO NOTHING RETURNING *
    ), status AS (
        INSERT INTO project_status (project) SELECT n.name FROM new n RETURNING *
    ), kept AS (
        INSERT INTO revision (kind, name, uid, generation, verb, actor, labels, annotations, spec)
        SELECT 'Project', n.name, n.uid, n.generation, 'create', p_actor, n.labels, n.annotations, n.spec FROM new n
    ), told AS (
        INSERT INTO event (kind, name, type, reason, message, actor) SELECT 'Project', n.name, 'Normal', 'Created', 'Project created', p_actor FROM new n
    )
    SELECT array_agg(n.name), array_agg(n.spec), array_agg(project_wire(ROW(n.*)::project, ROW(s.*)::project_status, NULL, NULL, NULL))
      INTO v_names, v_specs, wires FROM new n JOIN status s ON s.project = n.name;
    clash := false;
    IF v_names IS NULL THEN
        RETURN;
    END IF;
    v_need := names_of(v_names, v_specs);
    INSERT INTO claim (kind, name, project) SELECT w.* FROM unnest(v_need.kinds, v_need.names, v_need.projects) w(kind, name, project) ORDER BY w.kind, w.name, w.project
    ON CONFLICT (kind, name) DO NOTHING;
    GET DIAGNOSTICS v_taken = ROW_COUNT;
    clash := v_taken < cardinality(v_need.names);
    IF v_names <> p_names THEN
        wires := ARRAY(SELECT wires[array_position(v_names, w.name)] FROM unnest(p_names) WITH ORDINALITY w(name, n) ORDER BY w.n);
    END IF;
END
$$;
COMMENT ON FUNCTION cara.projects_create IS 'Creates those projects of a list that are not there yet, with all that belongs to them.';

-- Changes a project to a manifest that was checked.
DROP FUNCTION IF EXISTS cara.project_put(jsonb, boolean, text);
CREATE OR REPLACE FUNCTION cara.project_change(p_manifest jsonb, p_actor text)
RETURNS text LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_name text := p_manifest->>'name';
    v_spec jsonb := p_manifest->'spec';
    v_old  project;
    v_new  project;
BEGIN
    SELECT * INTO v_old FROM project WHERE name = v_name FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN NULL;
    ELSIF v_old.deleted_at IS NOT NULL THEN
        PERFORM fail(409, format('operation conflicts with current resource state: project %s is being deleted', quote(v_name)),
            NULL, 'apply it again once it is gone');
    ELSIF (v_old.labels, v_old.annotations, v_old.spec) IS NOT DISTINCT FROM (p_manifest->'labels', p_manifest->'annotations', v_spec) THEN
        RETURN 'unchanged';
    END IF;
    UPDATE project SET labels = p_manifest->'labels', annotations = p_manifest->'annotations', spec = v_spec,
           expire_at = (v_spec->>'expireAt')::timestamptz, generation = generation + (spec <> v_spec)::int, updated_at = clock_timestamp()
     WHERE name = v_name RETURNING * INTO v_new;
    PERFORM claim_names(v_name, v_spec);
    PERFORM revision_record('Project', v_name, v_new.uid, v_new.generation, 'update', p_actor, p_manifest);
    PERFORM event_record('Project', v_name, 'Normal', 'Updated',
        CASE WHEN v_new.generation > v_old.generation THEN format('Spec changed: generation %s', v_new.generation)
             ELSE 'Labels or annotations changed' END, p_actor);
    IF v_new.generation > v_old.generation THEN -- a failed project gets a new start
        UPDATE project_status s SET phase_since = clock_timestamp(), updated_at = clock_timestamp(), reason = '', message = '',
               phase = CASE WHEN EXISTS (SELECT FROM assignment a WHERE a.project = v_name AND a.released_at IS NULL)
                            THEN 'Scheduled' ELSE 'Pending' END
         WHERE s.project = v_name AND s.phase = 'Failed';
    END IF;
    RETURN 'configured';
END
$$;
COMMENT ON FUNCTION cara.project_change IS 'Changes a project; says configured or unchanged, NULL when there is none of that name. SR409.';

CREATE OR REPLACE FUNCTION api.project_create(p_body jsonb, p_actor text DEFAULT session_user)
RETURNS json LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    v_read jsonb := read_manifest(p_body, 'Project');
    v_name text := v_read->>'name';
    v_new  record;
BEGIN
    PERFORM check_project(v_read, setting_number('max_manifest_bytes'), true);
    v_new := projects_create(ARRAY[v_name], ARRAY[v_read], p_actor);
    IF v_new.wires[1] IS NULL THEN
        PERFORM fail(409, format('project already exists: %s: resource already exists', v_name));
    ELSIF v_new.clash THEN
        PERFORM claim_names(v_name, v_read->'spec');
    END IF;
    RETURN wire(v_new.wires[1]);
END
$$;
COMMENT ON FUNCTION api.project_create IS 'A new project from a manifest; it starts Pending whatever the body''s status says. SR400, SR409.';

CREATE OR REPLACE FUNCTION api.project_update(p_name text, p_body jsonb, p_actor text DEFAULT session_user, p_if_match text DEFAULT NULL)
RETURNS json LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    v_manifest jsonb := check_path_name(p_name, read_manifest(p_body, 'Project'));
BEGIN
    PERFORM check_version('Project', p_name, v_manifest->>'resourceVersion', p_if_match);
    PERFORM check_project(v_manifest, setting_number('max_manifest_bytes'), false);
    IF project_change(v_manifest, p_actor) IS NULL THEN
        PERFORM fail_no_project(p_name);
    END IF;
    RETURN api.project_get(p_name);
END
$$;
COMMENT ON FUNCTION api.project_update IS
    'Replaces spec, labels and annotations. A running project is updated in place by its agent; a failed one starts anew. SR400, SR404, SR409, also when it is not of the version in the body or in p_if_match.';

-- Contract 2.6, but rows go only when nothing is left on a node.
CREATE OR REPLACE FUNCTION api.project_delete(p_name text, p_query jsonb DEFAULT '{}', p_actor text DEFAULT session_user, p_if_match text DEFAULT NULL)
RETURNS json LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_force  boolean := p_query#>>'{force,0}' IS NOT DISTINCT FROM 'true';
    v_old    project;
    v_status project_status;
BEGIN
    SELECT * INTO v_old FROM project WHERE name = p_name FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM fail_no_project(p_name);
    END IF;
    SELECT * INTO v_status FROM project_status WHERE project = p_name FOR UPDATE;
    PERFORM check_version('Project', p_name, NULL, p_if_match);
    IF v_old.deleted_at IS NULL THEN
        PERFORM revision_record('Project', p_name, v_old.uid, v_old.generation, 'delete', p_actor, to_jsonb(v_old));
    END IF;
    IF v_force OR v_status.phase = 'Terminated'
       OR (v_status.phase IN ('Pending', 'Failed') AND NOT EXISTS (SELECT FROM assignment a WHERE a.project = p_name AND a.gone_at IS NULL)) THEN
        DELETE FROM project WHERE name = p_name;
        PERFORM event_record('Project', p_name, CASE WHEN v_force THEN 'Warning' ELSE 'Normal' END, 'Deleted',
            CASE WHEN v_force THEN 'Project deleted by force; its node clears up by itself' ELSE 'Project deleted' END, p_actor);
        RETURN NULL;
    END IF;
    IF v_old.deleted_at IS NULL THEN
        UPDATE project SET deleted_at = clock_timestamp(), updated_at = clock_timestamp() WHERE name = p_name;
        UPDATE project_status SET phase = 'Terminating', phase_since = clock_timestamp(), updated_at = clock_timestamp()
         WHERE project = p_name AND phase <> 'Terminating';
        PERFORM event_record('Project', p_name, 'Normal', 'Deleting', 'Deletion asked for', p_actor);
    END IF;
    RETURN api.project_get(p_name);
END
$$;
COMMENT ON FUNCTION api.project_delete IS
    'NULL when the row is gone, the project while its node still has to clear up. p_query force=true removes the row at once. SR404, SR409 when it is not of the version in p_if_match.';

CREATE OR REPLACE FUNCTION cara.applied_wire(p_kind text, p_name text, p_result text, p_object text)
RETURNS text LANGUAGE sql STABLE
RETURN '{"kind":"' || p_kind || '","name":' || cara.wire_text(p_name) || ',"result":"' || p_result || '","object":' || p_object || '}';
COMMENT ON FUNCTION cara.applied_wire IS 'What api.apply() says of one item, as JSON text.';

CREATE OR REPLACE FUNCTION cara.apply_wire(p_items text)
RETURNS text LANGUAGE sql STABLE
RETURN '{"apiVersion":"caravanserai/v1","kind":"ApplyResult","items":[' || p_items || ']}';
COMMENT ON FUNCTION cara.apply_wire IS 'What api.apply() says, as JSON text.';

-- POST /api/v1/apply: {"items":[...]} of Nodes and Projects, all or nothing. What is new is created all at once, before the
-- rest is changed; in one order for all, so that two applies of the same things cannot wait for each other.
CREATE OR REPLACE FUNCTION api.apply(p_body jsonb, p_actor text DEFAULT session_user)
RETURNS json LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
    v_max_bytes numeric := setting_number('max_manifest_bytes');
    v_entry  record;
    v_kind   text;
    v_read   jsonb;
    v_result text;
    v_object text;
    v_about  text;           -- what fail() says an error is about
    v_count  int := 0;
    v_places bigint[];       -- of each project of the body: its place there, what it is called in errors, what it is
    v_abouts text[];
    v_names  text[];
    v_reads  jsonb[];
    v_there  boolean[];
    v_fresh  text[] := '{}'; -- the new ones among them
    v_given  jsonb[];
    v_wires  text[];
    v_clashes boolean;       -- some name of the new ones is another's
    v_next   int := 1;
    v_clash  boolean;
    v_none   text;
    v_out    text[] := '{}';
BEGIN
    IF jsonb_typeof(p_body) <> 'object' OR jsonb_typeof(p_body->'items') IS DISTINCT FROM 'array' THEN
        PERFORM fail(400, 'invalid request body: items: expected an array of manifests', 'items');
    END IF;
    FOR v_entry IN SELECT e.value, e.n - 1 AS n FROM jsonb_array_elements(p_body->'items') WITH ORDINALITY e(value, n)
                    ORDER BY e.value->>'kind' COLLATE "C", e.value#>>'{metadata,name}' COLLATE "C", e.n LOOP
        v_kind := v_entry.value->>'kind';
        IF v_kind IS NULL OR v_kind NOT IN ('Node', 'Project') THEN
            PERFORM set_config('cara.about', '', true);
            PERFORM fail(400, format('unsupported kind %s', quote(coalesce(v_kind, ''), 40)), format('items[%s].kind', v_entry.n), 'kind is Node or Project');
        END IF;
        v_about := set_config('cara.about', format('items[%s] %s %s', v_entry.n, lower(v_kind), quote(coalesce(v_entry.value#>>'{metadata,name}', ''), 60)), true);
        v_read := read_manifest(v_entry.value, v_kind);
        PERFORM check_version(v_kind, v_read->>'name', v_read->>'resourceVersion');
        IF v_kind = 'Node' THEN
            v_result := node_put(v_read, NULL, p_actor);
            v_out[v_entry.n] := applied_wire(v_kind, v_read->>'name', v_result, api.node_get(v_read->>'name')::text);
            CONTINUE;
        END IF;
        v_none := check_project(v_read, v_max_bytes, true)::text; -- PERFORM would run a query
        v_count := v_count + 1;
        v_places[v_count] := v_entry.n;
        v_abouts[v_count] := v_about;
        v_names[v_count] := v_read->>'name';
        v_reads[v_count] := v_read;
    END LOOP;
    v_there := ARRAY(SELECT EXISTS (SELECT FROM project p WHERE p.name = w.name) FROM unnest(v_names) WITH ORDINALITY w(name, n) ORDER BY w.n);
    FOR i IN 1 .. v_count LOOP
        IF NOT v_there[i] AND v_names[i] IS DISTINCT FROM v_fresh[cardinality(v_fresh)] THEN
            v_fresh := v_fresh || v_names[i];
            v_given[cardinality(v_fresh)] := v_reads[i];
        END IF;
    END LOOP;
    IF v_fresh <> '{}' THEN
        v_about := set_config('cara.about', '', true);
        SELECT c.wires, c.clash INTO v_wires, v_clashes FROM projects_create(v_fresh, v_given, p_actor) c;
    END IF;
    FOR i IN 1 .. v_count LOOP
        v_about := set_config('cara.about', v_abouts[i], true);
        v_result := NULL;
        IF v_names[i] = v_fresh[v_next] THEN
            v_object := v_wires[v_next];
            v_clash := v_clashes;
            v_next := v_next + 1;
        ELSE
            v_object := NULL;
        END IF;
        WHILE v_object IS NULL LOOP
            v_result := project_change(v_reads[i], p_actor);
            IF v_result IS NOT NULL THEN
                v_object := api.project_get(v_names[i])::text;
            ELSE -- it was deleted meanwhile
                SELECT c.wires[1], c.clash INTO v_object, v_clash FROM projects_create(v_names[i:i], v_reads[i:i], p_actor) c;
            END IF;
        END LOOP;
        IF v_result IS NULL THEN
            v_result := 'created';
            IF v_clash THEN
                PERFORM claim_names(v_names[i], v_reads[i]->'spec');
            END IF;
        END IF;
        v_out[v_places[i]] := applied_wire('Project', v_names[i], v_result, v_object);
    END LOOP;
    v_about := set_config('cara.about', '', true);
    RETURN wire(apply_wire(array_to_string(v_out, ',')));
END
$$;
COMMENT ON FUNCTION api.apply IS
    'Creates or changes every manifest of p_body.items in one transaction and says of each: created, configured or unchanged. SR400, SR409, SR413 name the item.';

-- Requests that came at the same time, as one transaction: what cara-server makes of them when there are many. A body whose
-- projects are right, new and named by no other body gets its answer. Any other gets NULL: asked alone it is told what is wrong.
CREATE OR REPLACE FUNCTION cara.create_together(p_bodies text[], p_listed boolean, p_actor text)
RETURNS text[] LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_max_bytes numeric := setting_number('max_manifest_bytes');
    v_body   int := 1;
    v_items  jsonb;
    v_item   jsonb;
    v_read   jsonb;
    v_count  int := 0;
    v_before int;
    v_bodies int[] := '{}'; -- of each project: its body, its name, what it is
    v_names  text[] := '{}';
    v_reads  jsonb[] := '{}';
    v_alone  int[];
    v_order  int[];
    v_fresh  text[];
    v_given  jsonb[];
    v_made   text[];
    v_clash  boolean;
    v_wires  text[];
    v_none   text;
    v_out    text[] := array_fill(NULL::text, ARRAY[cardinality(p_bodies)]);
BEGIN
    WHILE v_body <= cardinality(p_bodies) LOOP
        BEGIN -- one block for all up to the next that is wrong
            WHILE v_body <= cardinality(p_bodies) LOOP
                v_before := v_count;
                v_items := CASE WHEN p_listed THEN p_bodies[v_body]::jsonb->'items' ELSE jsonb_build_array(p_bodies[v_body]::jsonb) END;
                FOR i IN 0 .. jsonb_array_length(v_items) - 1 LOOP
                    v_item := v_items->i;
                    v_read := read_manifest(v_item, 'Project');
                    v_none := check_project(v_read, v_max_bytes, true)::text; -- PERFORM would run a query
                    v_count := v_count + 1;
                    v_bodies[v_count] := v_body;
                    v_names[v_count] := v_read->>'name';
                    v_reads[v_count] := CASE WHEN p_listed AND (v_item->>'kind' IS DISTINCT FROM 'Project' OR v_read->>'resourceVersion' <> '') THEN NULL ELSE v_read END;
                END LOOP;
                v_out[v_body] := '';
                v_body := v_body + 1;
            END LOOP;
        EXCEPTION WHEN OTHERS THEN
            v_count := v_before;
            v_body := v_body + 1;
        END;
    END LOOP;
    v_alone := ARRAY(SELECT w.body FROM (SELECT u.body, u.read IS NULL OR count(*) OVER (PARTITION BY u.name) > 1
                                                OR EXISTS (SELECT FROM project p WHERE p.name = u.name) AS alone
                                           FROM unnest(v_bodies[:v_count], v_names[:v_count], v_reads[:v_count]) u(body, name, read)) w WHERE w.alone);
    SELECT array_agg(u.n ORDER BY u.name), array_agg(u.name ORDER BY u.name), array_agg(u.read ORDER BY u.name) INTO v_order, v_fresh, v_given
      FROM unnest(v_bodies[:v_count], v_names[:v_count], v_reads[:v_count]) WITH ORDINALITY u(body, name, read, n) WHERE u.body <> ALL (v_alone);
    IF v_order IS NOT NULL THEN
        SELECT c.wires, c.clash INTO v_made, v_clash FROM projects_create(v_fresh, v_given, p_actor) c;
        IF v_clash OR array_position(v_made, NULL) IS NOT NULL THEN
            PERFORM fail(409, 'these cannot be created together');
        END IF;
        FOR k IN 1 .. cardinality(v_order) LOOP
            v_wires[v_order[k]] := v_made[k];
        END LOOP;
    END IF;
    FOR k IN 1 .. v_count LOOP
        v_out[v_bodies[k]] := v_out[v_bodies[k]] || CASE WHEN p_listed
            THEN CASE v_out[v_bodies[k]] WHEN '' THEN '' ELSE ',' END || applied_wire('Project', v_names[k], 'created', v_wires[k]) ELSE v_wires[k] END;
    END LOOP;
    FOREACH v_before IN ARRAY v_alone LOOP
        v_out[v_before] := NULL;
    END LOOP;
    RETURN v_out;
END
$$;
COMMENT ON FUNCTION cara.create_together IS 'What each of several bodies gets as its answer, NULL for those to be asked alone. SR409 for all of them alone.';

CREATE OR REPLACE FUNCTION api.project_create_each(p_bodies text[], p_actor text DEFAULT session_user)
RETURNS SETOF json LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN QUERY SELECT wire(o.wire) FROM unnest(create_together(p_bodies, false, p_actor)) WITH ORDINALITY o(wire, n) ORDER BY o.n;
END
$$;
COMMENT ON FUNCTION api.project_create_each IS
    'api.project_create() for several bodies in one transaction, a row for each; NULL for one that has to be asked alone. SR409: all of them have to be.';

CREATE OR REPLACE FUNCTION api.apply_each(p_bodies text[], p_actor text DEFAULT session_user)
RETURNS SETOF json LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN QUERY SELECT wire(apply_wire(o.wire)) FROM unnest(create_together(p_bodies, true, p_actor)) WITH ORDINALITY o(wire, n) ORDER BY o.n;
END
$$;
COMMENT ON FUNCTION api.apply_each IS
    'api.apply() for several bodies in one transaction, a row for each; NULL for one that has to be asked alone. SR409: all of them have to be.';
