-- The bus, read: positions in the change log, selectors, watches, the fan-out to streams.
--
-- A position P means: every change with an id <= P is committed, or never will be. Functions here that give one are
-- VOLATILE plpgsql, as each of their statements has to see what was committed before it, not before the first.

-- ---------------------------------------------------------------------------------------------
-- Positions

-- Nobody may still write an id that is <= what this gives. First how far ids have been drawn, then who announced to
-- log_open() that it may still write some: whoever is not among those any more has ended, and then its rows can be
-- seen by every statement from now on. Other databases, readers, vacuum and whoever locks tables are not among those.
CREATE OR REPLACE FUNCTION cara.log_horizon()
RETURNS bigint LANGUAGE plpgsql VOLATILE SET search_path = cara, pg_temp
AS $$
DECLARE
    v_drawn bigint := coalesce(pg_sequence_last_value('cara.change_id'), 0);
    v_floor bigint;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN -- it could not see what ended meanwhile
        PERFORM fail(400, 'lists and watches are read in READ COMMITTED');
    END IF;
    SELECT min(((l.classid::bigint & 65535) << 32) | l.objid::bigint) INTO v_floor FROM pg_locks l
     WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.classid::bigint >> 16 = log_lock_key(0) >> 48
       AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
       AND l.pid IS DISTINCT FROM pg_backend_pid();
    RETURN least(v_drawn, v_floor);
END
$$;
COMMENT ON FUNCTION cara.log_horizon IS 'The position up to which the change log is decided. SR400 unless READ COMMITTED.';

-- The newest change up to which the log is decided. Not just an id that was drawn: what rolled back may not have reached
-- the disk, and after a crash its id would be drawn again for something that whoever started from there never gets to see.
CREATE OR REPLACE FUNCTION cara.log_position()
RETURNS bigint LANGUAGE plpgsql VOLATILE SET search_path = cara, pg_temp
AS $$
DECLARE
    v_decided bigint := log_horizon();
BEGIN
    RETURN coalesce((SELECT max(c.id) FROM change c WHERE c.id <= v_decided), (SELECT log_trimmed_to FROM clock));
END
$$;
COMMENT ON FUNCTION cara.log_position IS 'The position to watch from for whoever reads what there is after this call. SR400 unless READ COMMITTED.';

-- How far a reader who has everything up to p_after can get, looking at p_limit rows at most. While ids follow one
-- another without a gap there is nothing to wait for. more: there are rows beyond, so ask again.
CREATE OR REPLACE FUNCTION cara.log_reach(p_after bigint, p_limit int, OUT reached bigint, OUT more boolean)
LANGUAGE plpgsql VOLATILE SET search_path = cara, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
DECLARE
    v_rows bigint;
    v_run  bigint; -- the last id before the first gap
    v_last bigint;
    v_safe bigint;
BEGIN
    SELECT count(*), max(r.id) FILTER (WHERE r.id - r.n = p_after), max(r.id) INTO v_rows, v_run, v_last
      FROM (SELECT c.id, row_number() OVER (ORDER BY c.id) AS n FROM change c WHERE c.id > p_after ORDER BY c.id LIMIT p_limit) r;
    IF v_rows = 0 OR v_run = v_last THEN
        reached := coalesce(v_last, p_after);
        more := v_rows = p_limit;
        RETURN;
    END IF;
    v_safe := greatest(log_horizon(), v_run, p_after);
    SELECT count(*), max(r.id) INTO v_rows, reached
      FROM (SELECT c.id FROM change c WHERE c.id > p_after AND c.id <= v_safe ORDER BY c.id LIMIT p_limit) r;
    more := v_rows = p_limit OR v_last > v_safe;
    reached := coalesce(reached, p_after);
END
$$;
COMMENT ON FUNCTION cara.log_reach IS 'The position a reader at p_after can get to now, and whether it should come again.';

-- To be called after reading: what was trimmed before that was not there to be read.
CREATE OR REPLACE FUNCTION cara.log_reaches_back(p_after bigint)
RETURNS boolean LANGUAGE plpgsql VOLATILE SET search_path = cara, pg_temp
AS $$
BEGIN
    RETURN p_after >= (SELECT log_trimmed_to FROM clock) AND p_after <= coalesce(pg_sequence_last_value('cara.change_id'), 0);
END
$$;
COMMENT ON FUNCTION cara.log_reaches_back IS 'Whether all changes after a position are still in the log, and the position is one of this log.';

-- ---------------------------------------------------------------------------------------------
-- What to list or watch: the members of a query string

-- labelSelector in Kubernetes' grammar, as the matchLabels and matchExpressions that selector_matches() takes.
CREATE OR REPLACE FUNCTION cara.read_selector(p_text text, OUT labels jsonb, OUT expressions jsonb)
LANGUAGE plpgsql IMMUTABLE SET search_path = cara, pg_temp
AS $$
DECLARE
    v_key   CONSTANT text := '(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?';
    v_value CONSTANT text := '(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?)?';
    v_rest  text := p_text;
    v_part  text[]; -- whole, !, key, operator, value, in or notin, its list, comma
BEGIN
    labels := '{}';
    IF length(p_text) > 4096 THEN
        PERFORM fail(400, 'labelSelector must not be longer than 4096 characters', 'labelSelector');
    END IF;
    WHILE v_rest ~ '\S' LOOP
        v_part := regexp_match(v_rest, format('^(\s*(!?)\s*(%s)\s*(?:(==|!=|=|>|<)\s*(%s)|\s(in|notin)\s*\(((?:\s*%s\s*,)*\s*%s\s*)\))?\s*(,\s*(?=\S)|$))',
            v_key, v_value, v_value, v_value));
        IF v_part IS NULL OR (v_part[2] = '!' AND coalesce(v_part[4], v_part[6]) IS NOT NULL)
           OR (v_part[4] IN ('<', '>') AND v_part[5] !~ '^[0-9]{1,18}$') THEN
            PERFORM fail(400, format('labelSelector %s: at position %s a requirement was expected', quote(p_text, 200), length(p_text) - length(v_rest) + 1),
                'labelSelector', 'a requirement is key, !key, key=value, key!=value, key in (a, b), key notin (a, b), key>1 or key<1; join them by commas');
        END IF;
        IF v_part[4] IN ('=', '==') AND NOT labels ? v_part[3] THEN
            labels := labels || jsonb_build_object(v_part[3], v_part[5]);
        ELSE
            expressions := coalesce(expressions, '[]') || jsonb_build_object('key', v_part[3],
                'operator', CASE coalesce(v_part[4], v_part[6], v_part[2]) WHEN '' THEN 'Exists' WHEN '!' THEN 'DoesNotExist' WHEN '>' THEN 'Gt' WHEN '<' THEN 'Lt'
                                 WHEN '!=' THEN 'NotIn' WHEN 'notin' THEN 'NotIn' ELSE 'In' END,
                'values', coalesce(to_jsonb(regexp_split_to_array(regexp_replace(v_part[7], '\s', '', 'g'), ',')), to_jsonb(ARRAY[v_part[5]])));
        END IF;
        v_rest := substr(v_rest, length(v_part[1]) + 1);
    END LOOP;
END
$$;
COMMENT ON FUNCTION cara.read_selector IS 'A label selector in Kubernetes'' grammar as labels that must be equal and expressions (NULL when none). SR400 names the position.';

-- What objects a query asks for; NULL: any. Lists and watches read it here.
CREATE OR REPLACE FUNCTION cara.read_filter(p_kind text, p_query jsonb,
    OUT phases text[], OUT node text, OUT names text[], OUT labels jsonb, OUT expressions jsonb)
LANGUAGE plpgsql IMMUTABLE SET search_path = cara, pg_temp
AS $$
DECLARE
    v_field text := coalesce(p_query#>>'{fieldSelector,0}', '');
BEGIN
    IF p_kind NOT IN ('Node', 'Project') THEN
        PERFORM fail(400, format('unsupported kind %s', quote(p_kind, 40)), 'kind', 'kind is Node or Project');
    ELSIF p_kind = 'Project' THEN
        node := nullif(p_query#>>'{nodeRef,0}', '');
    END IF;
    SELECT array_agg(e) INTO phases FROM jsonb_array_elements_text(p_query->CASE p_kind WHEN 'Node' THEN 'state' ELSE 'phase' END) e;
    IF coalesce(p_query#>>'{labelSelector,0}', '') ~ '\S' THEN
        SELECT s.labels, s.expressions INTO labels, expressions FROM read_selector(p_query#>>'{labelSelector,0}') s;
    END IF;
    SELECT array_agg(e) INTO names FROM jsonb_array_elements_text(p_query->'name') e WHERE e <> '';
    IF v_field <> '' THEN
        names := ARRAY[substring(v_field FROM '^\s*metadata\.name\s*==?\s*(\S{1,253})\s*$')];
        IF names[1] IS NULL THEN
            PERFORM fail(400, format('fieldSelector %s is not supported', quote(v_field, 100)), 'fieldSelector', 'the one there is: metadata.name=NAME');
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION cara.read_filter IS 'The filters of a list or watch: phase or state, nodeRef, name (any of), labelSelector, fieldSelector. SR400.';

-- limit and continue of a list. The token says of which list it is, and where that was.
CREATE OR REPLACE FUNCTION cara.list_mark(p_kind text, p_query jsonb)
RETURNS text LANGUAGE plpgsql IMMUTABLE SET search_path = cara, pg_temp
AS $$
BEGIN
    RETURN md5(concat(p_kind, (p_query - '{limit,continue}'::text[])::text));
END
$$;
COMMENT ON FUNCTION cara.list_mark IS 'What tells one list from another, for the continue token.';

CREATE OR REPLACE FUNCTION cara.list_token(p_mark text, p_name text, p_position bigint)
RETURNS text LANGUAGE plpgsql IMMUTABLE SET search_path = cara, pg_temp
AS $$
BEGIN
    RETURN translate(encode(convert_to(jsonb_build_object('m', p_mark, 'n', p_name, 'r', p_position)::text, 'UTF8'), 'base64'), E'+/=\n', '-_');
END
$$;
COMMENT ON FUNCTION cara.list_token IS 'A continue token: the list, the last name given, the position of the first page.';

-- p_query's limit and continue. name is '' and from_page NULL on the first page.
CREATE OR REPLACE FUNCTION cara.read_page(p_mark text, p_query jsonb, OUT rows bigint, OUT name text, OUT from_page bigint)
LANGUAGE plpgsql IMMUTABLE SET search_path = cara, pg_temp
AS $$
DECLARE
    v_limit text := coalesce(nullif(p_query#>>'{limit,0}', ''), '0');
    v_text  text := coalesce(p_query#>>'{continue,0}', '');
    v_token jsonb;
BEGIN
    IF v_limit !~ '\A[0-9]{1,4}\Z' OR v_limit::int > 1000 THEN
        PERFORM fail(400, format('limit %s must be a number from 1 to 1000', quote(v_limit, 40)), 'limit', 'leave it out for all at once');
    END IF;
    rows := coalesce(nullif(v_limit::bigint, 0), 1000000000000);
    name := '';
    IF v_text = '' THEN
        RETURN;
    END IF;
    BEGIN
        v_token := convert_from(decode(rpad(translate(left(v_text, 2000), '-_', '+/'), (length(v_text) + 3) / 4 * 4, '='), 'base64'), 'UTF8')::jsonb;
        name := v_token->>'n';
        from_page := (v_token->>'r')::bigint;
    EXCEPTION WHEN data_exception THEN
        v_token := NULL;
    END;
    IF v_token->>'m' IS DISTINCT FROM p_mark OR name IS NULL OR from_page IS NULL THEN
        PERFORM fail(400, 'continue is not a token of this list', 'continue', 'start the list again without it, with the same filters on every page');
    END IF;
END
$$;
COMMENT ON FUNCTION cara.read_page IS 'How many rows a page has, after which name, and the position of the first page. SR400 for a bad limit or token.';

-- ---------------------------------------------------------------------------------------------
-- Optimistic writers

-- What a writer believes the object's version is: p_version from a manifest, p_if_match from the header. Locks the object.
CREATE OR REPLACE FUNCTION cara.check_version(p_kind text, p_name text, p_version text, p_if_match text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    v_now bigint;
BEGIN
    IF coalesce(p_version, '') = '' AND coalesce(p_if_match, '*') ~ '^\s*\*?\s*$' THEN
        RETURN;
    ELSIF p_kind = 'Node' THEN
        PERFORM FROM cara.node WHERE name = p_name FOR NO KEY UPDATE;
        SELECT greatest(n.resource_version, s.resource_version) INTO v_now FROM cara.node n JOIN cara.node_status s ON s.node = n.name WHERE n.name = p_name;
    ELSE
        PERFORM FROM cara.project WHERE name = p_name FOR NO KEY UPDATE;
        SELECT greatest(p.resource_version, s.resource_version) INTO v_now FROM cara.project p JOIN cara.project_status s ON s.project = p.name WHERE p.name = p_name;
    END IF;
    IF v_now IS NOT NULL AND (coalesce(p_version, '') NOT IN ('', v_now::text)
       OR (p_if_match !~ '^\s*\*?\s*$' AND NOT EXISTS (SELECT FROM regexp_matches(p_if_match, '(?:W/)?"([^"]*)"', 'g') m WHERE m[1] = v_now::text)
           AND btrim(p_if_match) <> v_now::text)) THEN
        PERFORM cara.fail(409, format('%s %s has been modified: its resourceVersion is %s now', lower(p_kind), cara.quote(p_name), v_now),
            'metadata.resourceVersion', 'read it again and apply your changes to that');
    END IF;
END
$$;
COMMENT ON FUNCTION cara.check_version IS 'SR409 unless the object, when there is one, still has the version a writer started from; an empty one or * is any.';

-- ---------------------------------------------------------------------------------------------
-- Watches

-- The last words about an object that went, or that left what is watched and was changed again since.
CREATE OR REPLACE FUNCTION cara.gone_wire(p_kind text, p_name text, p_id bigint, p_uid uuid, p_labels jsonb, p_phase text, p_node text)
RETURNS text LANGUAGE sql STABLE
RETURN '{"apiVersion":"caravanserai/v1","kind":"' || p_kind || '","metadata":{"name":' || cara.wire_text(p_name)
    || CASE WHEN p_labels IS NULL OR p_labels = '{}' THEN '' ELSE ',"labels":' || cara.wire_map(p_labels) END
    || coalesce(',"uid":"' || p_uid || '"', '') || ',"resourceVersion":"' || p_id || '"},"spec":{},"status":{'
    || pg_catalog.ltrim(cara.wire_member(CASE p_kind WHEN 'Node' THEN 'state' ELSE 'phase' END, p_phase) || cara.wire_member('nodeRef', p_node), ',') || '}}';
COMMENT ON FUNCTION cara.gone_wire IS 'What a DELETED event carries when the object itself cannot be shown any more.';

-- An object's labels at an id of the log: what the next change of them found, else what they are.
CREATE OR REPLACE FUNCTION cara.labels_then(p_kind text, p_name text, p_id bigint, p_now jsonb)
RETURNS jsonb LANGUAGE plpgsql STABLE SET search_path = cara, pg_temp
AS $$
BEGIN
    RETURN coalesce((SELECT w.labels FROM change_was w WHERE w.kind = p_kind AND w.name = p_name AND w.id > p_id ORDER BY w.id LIMIT 1), p_now);
END
$$;
COMMENT ON FUNCTION cara.labels_then IS 'The labels an object had right after a change; NULL when that cannot be known any more.';

-- Events after a position, one row each, by rising id, which is the resourceVersion of the object in it; line is the
-- event as JSON. Always one last row: line NULL, id = the position reached. Versions that were overwritten before they
-- could be read are not shown: the newest stands for them. Each row of the log says on its own whether the object left
-- what is watched with it, so that nobody who had it misses that it went. Who never had it may hear of that, too: the list
-- that a watch goes on from can be newer than its position, so nobody can tell here.
CREATE OR REPLACE FUNCTION api.watch_read(p_kind text, p_query jsonb, p_after bigint, p_limit int DEFAULT 1000)
RETURNS TABLE (id bigint, line text) LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 100
SET search_path = cara, pg_temp SET jit = off SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
    v_filter  record;
    v_reached bigint;
BEGIN
    v_filter := read_filter(p_kind, p_query);
    SELECT r.reached INTO v_reached FROM log_reach(p_after, least(greatest(p_limit, 1), 10000)) r;
    IF v_reached > p_after AND p_kind = 'Project' THEN
        RETURN QUERY
        WITH step AS MATERIALIZED (
            SELECT c.id, c.name, c.kind = 'Assignment' AND c.op = 'INSERT' AS is_assigned, p.name IS NOT NULL AND c.kind = 'Project' AND c.op <> 'DELETE' AND c.id = greatest(p.resource_version, s.resource_version) AS is_now,
                   CASE c.kind WHEN 'Assignment' THEN c.op = 'INSERT' -- whether a watcher cannot have had it before this change
                        ELSE c.op = 'INSERT' OR (c.was_phase IS NOT NULL AND v_filter.phases IS NOT NULL AND NOT c.was_phase = ANY (v_filter.phases))
                             OR (w.now_labels IS NOT NULL AND v_filter.labels IS NOT NULL AND NOT selector_matches(w.labels, v_filter.labels, v_filter.expressions)) END AS is_new,
                   CASE WHEN c.op = 'INSERT' THEN false -- whether it left with this change
                        WHEN c.kind = 'Assignment' THEN a.node IS DISTINCT FROM v_filter.node -- whatever else it was: other rows rely on this one
                        WHEN c.op = 'DELETE' OR (w.now_labels IS NOT NULL AND v_filter.labels IS NOT NULL AND NOT selector_matches(w.now_labels, v_filter.labels, v_filter.expressions))
                        THEN (v_filter.phases IS NULL OR w.phase = ANY (v_filter.phases)) AND (v_filter.node IS NULL OR w.node IS NOT DISTINCT FROM v_filter.node)
                             AND (v_filter.labels IS NULL OR selector_matches(w.labels, v_filter.labels, v_filter.expressions))
                        ELSE v_filter.phases IS NOT NULL AND c.was_phase = ANY (v_filter.phases) AND NOT c.phase = ANY (v_filter.phases)
                             AND (v_filter.node IS NULL OR a.node IS NOT DISTINCT FROM v_filter.node)
                             AND (v_filter.labels IS NULL OR coalesce(selector_matches(labels_then('Project', c.name, c.id, p.labels), v_filter.labels, v_filter.expressions), true))
                        END AS is_leaving,
                   coalesce(v_filter.phases IS NULL OR s.phase = ANY (v_filter.phases), false) AND (v_filter.node IS NULL OR a.node IS NOT DISTINCT FROM v_filter.node)
                       AND (v_filter.labels IS NULL OR selector_matches(p.labels, v_filter.labels, v_filter.expressions)) AS fits,
                   CASE WHEN w.id IS NULL AND p.name IS NOT NULL THEN p.uid ELSE w.uid END AS uid,
                   CASE WHEN w.id IS NULL THEN p.labels ELSE coalesce(w.now_labels, w.labels) END AS labels,
                   CASE WHEN w.id IS NULL THEN coalesce(c.phase, s.phase) ELSE w.phase END AS phase,
                   CASE WHEN w.id IS NULL THEN a.node ELSE w.node END AS node
              FROM change c
              LEFT JOIN change_was w ON w.id = c.id
              LEFT JOIN project p ON p.name = c.name
              LEFT JOIN project_status s ON s.project = c.name
              LEFT JOIN assignment a ON a.project = c.name AND a.released_at IS NULL
             WHERE c.id > p_after AND c.id <= v_reached
               AND (c.kind = 'Project' OR (c.kind = 'Assignment' AND c.node = v_filter.node))
               AND (v_filter.names IS NULL OR c.name = ANY (v_filter.names))
        ), event AS (
            SELECT t.*, coalesce(bool_or(t.is_new OR t.is_leaving) OVER (PARTITION BY t.name ORDER BY t.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), false) AS was_new,
                   bool_or(t.is_assigned) OVER (PARTITION BY t.name) AS was_elsewhere
              FROM step t
        )
        SELECT e.id, wire('{"type":"' || CASE WHEN NOT e.is_now OR NOT e.fits THEN 'DELETED' WHEN e.is_new OR e.was_new OR e.was_elsewhere THEN 'ADDED' ELSE 'MODIFIED' END
                   || '","object":' || CASE WHEN e.is_now THEN project_wire(p, s, a, n.not_ready_since,
                       (SELECT string_agg(service_wire(v), ',' ORDER BY v.name) FROM project_service v WHERE v.project = p.name))
                                            ELSE gone_wire('Project', e.name, e.id, e.uid, e.labels, e.phase, e.node) END || '}')::text
          FROM event e
          LEFT JOIN project p ON e.is_now AND p.name = e.name
          LEFT JOIN project_status s ON e.is_now AND s.project = e.name
          LEFT JOIN assignment a ON e.is_now AND a.project = e.name AND a.released_at IS NULL
          LEFT JOIN node_status n ON n.node = a.node
         WHERE (e.is_now AND e.fits) OR e.is_leaving
         ORDER BY e.id;
    ELSIF v_reached > p_after THEN
        RETURN QUERY
        WITH step AS MATERIALIZED (
            SELECT c.id, c.name, n.name IS NOT NULL AND c.op <> 'DELETE' AND c.id = greatest(n.resource_version, s.resource_version) AS is_now,
                   c.op = 'INSERT' OR (c.was_phase IS NOT NULL AND v_filter.phases IS NOT NULL AND NOT c.was_phase = ANY (v_filter.phases))
                       OR (w.now_labels IS NOT NULL AND v_filter.labels IS NOT NULL AND NOT selector_matches(w.labels, v_filter.labels, v_filter.expressions)) AS is_new,
                   CASE WHEN c.op = 'INSERT' THEN false
                        WHEN c.op = 'DELETE' OR (w.now_labels IS NOT NULL AND v_filter.labels IS NOT NULL AND NOT selector_matches(w.now_labels, v_filter.labels, v_filter.expressions))
                        THEN (v_filter.phases IS NULL OR w.phase = ANY (v_filter.phases))
                             AND (v_filter.labels IS NULL OR selector_matches(w.labels, v_filter.labels, v_filter.expressions))
                        ELSE v_filter.phases IS NOT NULL AND c.was_phase = ANY (v_filter.phases) AND NOT c.phase = ANY (v_filter.phases)
                             AND (v_filter.labels IS NULL OR coalesce(selector_matches(labels_then('Node', c.name, c.id, n.labels), v_filter.labels, v_filter.expressions), true))
                        END AS is_leaving,
                   coalesce(v_filter.phases IS NULL OR s.state = ANY (v_filter.phases), false)
                       AND (v_filter.labels IS NULL OR selector_matches(n.labels, v_filter.labels, v_filter.expressions)) AS fits,
                   CASE WHEN w.id IS NULL AND n.name IS NOT NULL THEN n.uid ELSE w.uid END AS uid,
                   CASE WHEN w.id IS NULL THEN n.labels ELSE coalesce(w.now_labels, w.labels) END AS labels,
                   CASE WHEN w.id IS NULL THEN coalesce(c.phase, s.state) ELSE w.phase END AS phase
              FROM change c
              LEFT JOIN change_was w ON w.id = c.id
              LEFT JOIN node n ON n.name = c.name
              LEFT JOIN node_status s ON s.node = c.name
             WHERE c.id > p_after AND c.id <= v_reached AND c.kind = 'Node' AND (v_filter.names IS NULL OR c.name = ANY (v_filter.names))
        ), event AS (
            SELECT t.*, coalesce(bool_or(t.is_new OR t.is_leaving) OVER (PARTITION BY t.name ORDER BY t.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), false) AS was_new
              FROM step t
        )
        SELECT e.id, wire('{"type":"' || CASE WHEN NOT e.is_now OR NOT e.fits THEN 'DELETED' WHEN e.is_new OR e.was_new THEN 'ADDED' ELSE 'MODIFIED' END
                   || '","object":' || CASE WHEN e.is_now THEN node_wire(n, s, l.renewed_at)
                                            ELSE gone_wire('Node', e.name, e.id, e.uid, e.labels, e.phase, NULL) END || '}')::text
          FROM event e
          LEFT JOIN node n ON e.is_now AND n.name = e.name
          LEFT JOIN node_status s ON e.is_now AND s.node = e.name
          LEFT JOIN lease l ON e.is_now AND l.node = e.name
         WHERE (e.is_now AND e.fits) OR e.is_leaving
         ORDER BY e.id;
    END IF;
    IF NOT log_reaches_back(p_after) THEN
        PERFORM fail(410, format('resourceVersion %s is too old: the change log does not reach back to it', p_after), 'resourceVersion', 'list again and watch from there');
    END IF;
    RETURN QUERY VALUES (v_reached, NULL::text);
END
$$;
COMMENT ON FUNCTION api.watch_read IS
    'Events of nodes or projects after a position: (id, line), and one last row with line NULL and the position reached. p_query filters as in lists. SR400, SR410.';

-- The objects that fit a filter, by name from the first one behind p_from: what lists and the beginning of watches show.
-- Put together anew each time, as what is quickest depends on what is asked for; what it calls keeps its plans.
CREATE OR REPLACE FUNCTION cara.list_objects(p_kind text, p_phases text[], p_node text, p_names text[], p_labels jsonb, p_expressions jsonb, p_from text, p_limit bigint)
RETURNS TABLE (name text, version bigint, object text) LANGUAGE plpgsql STABLE ROWS 1000 SET search_path = cara, pg_temp SET jit = off
AS $$
DECLARE
    v_sql text := CASE p_kind WHEN 'Project' THEN
        'SELECT o.name, greatest(o.resource_version, s.resource_version), project_wire(o, s, a, n.not_ready_since,
                (SELECT string_agg(service_wire(v), '','' ORDER BY v.name) FROM project_service v WHERE v.project = o.name))
           FROM project o JOIN project_status s ON s.project = o.name AND s.project > $1
           LEFT JOIN assignment a ON a.project = o.name AND a.project > $1 AND a.released_at IS NULL AND a.gone_at IS NULL
           LEFT JOIN node_status n ON n.node = a.node'
        ELSE
        'SELECT o.name, greatest(o.resource_version, s.resource_version), node_wire(o, s, l.renewed_at)
           FROM node o JOIN node_status s ON s.node = o.name AND s.node > $1 LEFT JOIN lease l ON l.node = o.name' END;
BEGIN
    RETURN QUERY EXECUTE concat(v_sql, ' WHERE o.name > $1',
        CASE WHEN p_phases IS NOT NULL THEN CASE p_kind WHEN 'Project' THEN ' AND s.phase = ANY ($2)' ELSE ' AND s.state = ANY ($2)' END END,
        CASE WHEN p_node IS NOT NULL THEN ' AND a.node = $3' END,
        CASE WHEN p_names IS NOT NULL THEN ' AND o.name = ANY ($4)' END,
        CASE WHEN p_labels <> '{}' THEN ' AND o.labels @> $5' END,
        CASE WHEN p_expressions IS NOT NULL THEN ' AND selector_matches(o.labels, NULL, $6)' END,
        ' ORDER BY o.name LIMIT $7')
      USING p_from, p_phases, p_node, p_names, p_labels, p_expressions, p_limit;
END
$$;
COMMENT ON FUNCTION cara.list_objects IS 'Nodes or projects that fit a filter as JSON text, by name, after p_from, p_limit of them at most.';

-- A list as the wire has it. The position is taken before anything is read, so a watch from there misses nothing.
CREATE OR REPLACE FUNCTION cara.list(p_kind text, p_query jsonb)
RETURNS json LANGUAGE plpgsql VOLATILE SET search_path = cara, pg_temp
AS $$
DECLARE
    v_filter   record;
    v_page     record;
    v_mark     text := list_mark(p_kind, p_query);
    v_position bigint := log_position();
    v_items    text;
    v_more     boolean;
    v_last     text;
BEGIN
    v_filter := read_filter(p_kind, p_query);
    v_page := read_page(v_mark, p_query);
    v_position := coalesce(v_page.from_page, v_position);
    SELECT string_agg(o.object, ',' ORDER BY o.n) FILTER (WHERE o.n <= v_page.rows), bool_or(o.n > v_page.rows), max(o.name) FILTER (WHERE o.n <= v_page.rows)
      INTO v_items, v_more, v_last
      FROM list_objects(p_kind, v_filter.phases, v_filter.node, v_filter.names, v_filter.labels, v_filter.expressions, v_page.name, v_page.rows + 1)
           WITH ORDINALITY o(name, version, object, n);
    RETURN wire('{"apiVersion":"caravanserai/v1","kind":"' || p_kind || 'List","metadata":{"resourceVersion":"' || v_position || '"'
        || wire_member('continue', CASE WHEN v_more THEN list_token(v_mark, v_last, v_position) END) || '},"items":[' || coalesce(v_items, '') || ']}');
END
$$;
COMMENT ON FUNCTION cara.list IS 'A list of nodes or projects, or a page of it, with the position a watch can go on from. SR400.';

-- What a watch without resourceVersion begins with: what is there, as ADDED events, by name in pages. The last row has
-- line NULL, the position to go on from (that of the first page counts) and the name for the next page, if there is one.
CREATE OR REPLACE FUNCTION api.watch_start(p_kind text, p_query jsonb, p_name text DEFAULT '', p_limit int DEFAULT 500)
RETURNS TABLE (id bigint, name text, line text) LANGUAGE plpgsql VOLATILE SECURITY DEFINER ROWS 500
SET search_path = cara, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    v_filter   record;
    v_limit    int := least(greatest(p_limit, 1), 10000);
    v_position bigint := log_position();
    v_row      record;
    v_last     text;
    v_count    int := 0;
BEGIN
    v_filter := read_filter(p_kind, p_query);
    FOR v_row IN SELECT * FROM list_objects(p_kind, v_filter.phases, v_filter.node, v_filter.names, v_filter.labels, v_filter.expressions, p_name, v_limit) LOOP
        RETURN QUERY VALUES (v_row.version, v_row.name, wire('{"type":"ADDED","object":' || v_row.object || '}')::text);
        v_last := v_row.name;
        v_count := v_count + 1;
    END LOOP;
    RETURN QUERY VALUES (v_position, CASE WHEN v_count = v_limit THEN v_last END, NULL::text);
END
$$;
COMMENT ON FUNCTION api.watch_start IS
    'What there is as ADDED events (id = version, name, line), and one last row: line NULL, the position to watch from, the name for the next page or NULL. SR400.';

-- ---------------------------------------------------------------------------------------------
-- The fan-out: whose agents have to look again

-- What happened on the bus after a position: nodes (whose agents have to look again), channels (nodes whose channel was
-- revoked or issued anew, with the serial that holds now, null for none), changed (whether a watch has something to
-- read), trimmed (the log does not reach back: wake everyone), behind (there is more: ask again soon).
CREATE OR REPLACE FUNCTION api.bus_read(p_after bigint DEFAULT NULL, p_limit int DEFAULT 10000)
RETURNS json LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = cara, pg_temp SET jit = off SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_reached  bigint;
    v_more     boolean;
    v_nodes    text;
    v_channels text;
    v_changed  boolean;
BEGIN
    IF p_after IS NULL THEN
        RETURN wire('{"position":' || log_position() || ',"nodes":[],"channels":{},"trimmed":false,"behind":false,"changed":false}');
    END IF;
    SELECT reached, more INTO v_reached, v_more FROM log_reach(p_after, least(greatest(p_limit, 1), 100000));
    IF v_reached > p_after THEN
        SELECT string_agg(wire_text(t.node), ',') FILTER (WHERE t.woken),
               string_agg(wire_text(t.node) || ':' || coalesce((SELECT ch.serial::text FROM channel ch WHERE ch.node = t.node), 'null'), ',') FILTER (WHERE t.revoked),
               bool_or(t.changed)
          INTO v_nodes, v_channels, v_changed
          FROM (SELECT c.node, c.node IS NOT NULL AND bool_or(c.kind = 'Project' OR (c.kind = 'Assignment' AND c.phase IS NULL)) AS woken,
                       c.node IS NOT NULL AND bool_or(c.kind IN ('Node', 'Channel')) AS revoked, bool_or(c.kind <> 'Channel') AS changed
                  FROM change c WHERE c.id > p_after AND c.id <= v_reached GROUP BY c.node) t;
    END IF;
    IF log_reaches_back(p_after) THEN
        RETURN wire('{"position":' || v_reached || ',"nodes":[' || coalesce(v_nodes, '') || '],"channels":{' || coalesce(v_channels, '')
            || '},"trimmed":false,"behind":' || v_more || ',"changed":' || coalesce(v_changed, false) || '}');
    END IF;
    RETURN wire('{"position":' || log_position() || ',"nodes":[],"channels":{},"trimmed":true,"behind":false,"changed":true}');
END
$$;
COMMENT ON FUNCTION api.bus_read IS 'What servers pass on: position, nodes to wake, channels revoked, changed, trimmed, behind. p_after NULL: only the position.';

-- The one NOTIFY for many commits of a server that were told of by notice only. p_after NULL: it does not know which, so all.
CREATE OR REPLACE FUNCTION api.bus_notify(p_after bigint DEFAULT NULL)
RETURNS json LANGUAGE plpgsql VOLATILE SECURITY DEFINER
SET search_path = cara, pg_temp SET jit = off SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_reached bigint := log_position();
    v_more    boolean := false;
BEGIN
    IF p_after IS NULL THEN
        PERFORM pg_notify(c.channel, '') FROM channel c WHERE c.kind = 'postgres';
    ELSE
        SELECT reached, more INTO v_reached, v_more FROM log_reach(p_after, 10000);
        PERFORM pg_notify(c.channel, '')
           FROM (SELECT DISTINCT g.node FROM change g WHERE g.id > p_after AND g.id <= v_reached AND (g.kind = 'Project' OR (g.kind = 'Assignment' AND g.phase IS NULL))) t
           JOIN channel c ON c.node = t.node AND c.kind = 'postgres';
    END IF;
    IF p_after IS NULL OR v_reached > p_after THEN -- else there is nothing to hear of yet
        PERFORM pg_notify('cara_bus', '');
    END IF;
    RETURN wire('{"position":' || v_reached || ',"behind":' || v_more || '}');
END
$$;
COMMENT ON FUNCTION api.bus_notify IS 'Notifies cara_bus, and the channels of nodes that have to look again since p_after (NULL: all of kind postgres); gives the position reached and whether there is more.';
