-- Manifests: read strictly, checked, written in order. A manifest that comes out of here holds only
-- members that are known, of the right type and with a value, so two that mean the same are equal.

-- What kind of JSON value this is, as an error message says it.
CREATE OR REPLACE FUNCTION cara.json_kind(p_value jsonb)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE pg_catalog.jsonb_typeof(p_value)
           WHEN 'object' THEN 'an object' WHEN 'array' THEN 'an array' WHEN 'string' THEN 'a string'
           WHEN 'number' THEN 'a number' WHEN 'boolean' THEN 'a boolean' ELSE 'null' END;
COMMENT ON FUNCTION cara.json_kind IS 'The kind of a JSON value in words.';

CREATE OR REPLACE FUNCTION cara.fail_type(p_path text, p_wanted text, p_value jsonb)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    PERFORM fail(400, format('invalid request body: %s: expected %s, found %s', coalesce(nullif(p_path, ''), 'body'),
        p_wanted, CASE jsonb_typeof(p_value) WHEN 'string' THEN quote(p_value #>> '{}', 40) WHEN 'number' THEN left(p_value::text, 40)
                       WHEN 'boolean' THEN p_value::text ELSE json_kind(p_value) END), p_path,
        CASE WHEN p_wanted = 'a string' AND jsonb_typeof(p_value) IN ('number', 'boolean') THEN format('in quotes it is one: "%s"', left(p_value::text, 40)) END);
END
$$;
COMMENT ON FUNCTION cara.fail_type IS 'Raises SR400: a member has the wrong JSON type.';

-- "2030-01-01T00:00:00Z" to a time; NULL for Go's zero time. Raises SR400 for anything else.
CREATE OR REPLACE FUNCTION cara.read_time(p_value jsonb, p_path text)
RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE SET search_path = cara, pg_temp SET datestyle = 'ISO, YMD'
AS $$
DECLARE
    v_text text := p_value #>> '{}';
    v_time timestamptz;
BEGIN
    IF jsonb_typeof(p_value) = 'string'
       AND v_text ~ '\A[0-9]{4}-[0-9][0-9]-[0-9][0-9]T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])\Z' THEN
        BEGIN
            v_time := v_text::timestamptz;
            IF v_time >= '0001-01-01T00:00:00Z' AND v_time < '10000-01-01 00:00:00Z' THEN
                RETURN nullif(v_time, '0001-01-01T00:00:00Z');
            END IF;
        EXCEPTION WHEN datetime_field_overflow OR invalid_datetime_format THEN
            NULL; -- such as the 31st of February
        END;
    END IF;
    PERFORM fail_type(p_path, 'an RFC 3339 time such as "2030-01-01T00:00:00Z"', p_value);
END
$$;
COMMENT ON FUNCTION cara.read_time IS 'A time of the wire; NULL when it is the zero time, SR400 when it is none.';

-- "1m30s" to an interval. Raises SR400 for anything else.
CREATE OR REPLACE FUNCTION cara.read_duration(p_value jsonb, p_path text)
RETURNS interval LANGUAGE plpgsql IMMUTABLE SET search_path = cara, pg_temp
AS $$
DECLARE
    v_text  text := p_value #>> '{}';
    v_total interval := interval '0';
    v_part  text[];
BEGIN
    IF jsonb_typeof(p_value) <> 'string' OR v_text !~ '\A([0-9]{1,6}(\.[0-9]{1,9})?(ms|h|m|s))+\Z' THEN
        PERFORM fail_type(p_path, 'a duration such as "30s" or "1m30s"', p_value);
    END IF;
    FOR v_part IN SELECT regexp_matches(v_text, '([0-9]+(?:\.[0-9]+)?)(ms|h|m|s)', 'g') LOOP
        v_total := v_total + v_part[1]::numeric * CASE v_part[2]
            WHEN 'h' THEN interval '1 hour' WHEN 'm' THEN interval '1 minute'
            WHEN 's' THEN interval '1 second' ELSE interval '1 millisecond' END;
    END LOOP;
    RETURN v_total;
END
$$;
COMMENT ON FUNCTION cara.read_duration IS 'A duration of the wire as an interval; SR400 when it is none.';

-- One member's value in its canonical form; NULL when it says nothing (null, "", false, empty; 0, but for a 'number').
CREATE OR REPLACE FUNCTION cara.read_value(p_value jsonb, p_kind text, p_item text, p_path text, p_strict boolean)
RETURNS jsonb LANGUAGE plpgsql STABLE SET search_path = cara, pg_temp
AS $$
DECLARE
    v_kind text := jsonb_typeof(p_value);
    v_out  jsonb;
BEGIN
    IF v_kind = 'null' THEN
        RETURN NULL;
    END IF;
    CASE p_kind
    WHEN 'string' THEN
        IF v_kind <> 'string' THEN
            PERFORM fail_type(p_path, 'a string', p_value);
        END IF;
        RETURN nullif(p_value, '""');
    WHEN 'integer', 'number' THEN
        IF v_kind <> 'number' OR p_value::text !~ '\A-?[0-9]{1,15}\Z' THEN
            PERFORM fail_type(p_path, 'an integer', p_value);
        END IF;
        RETURN CASE WHEN p_kind = 'number' OR p_value <> '0' THEN p_value END;
    WHEN 'boolean' THEN
        IF v_kind <> 'boolean' THEN
            PERFORM fail_type(p_path, 'true or false', p_value);
        END IF;
        RETURN nullif(p_value, 'false');
    WHEN 'time' THEN
        RETURN CASE WHEN read_time(p_value, p_path) IS NOT NULL
                    THEN wire_time(read_time(p_value, p_path))::jsonb END;
    WHEN 'quantity' THEN -- a number stands for its text
        IF v_kind NOT IN ('string', 'number') THEN
            PERFORM fail_type(p_path, 'a quantity such as "500m" or "256Mi"', p_value);
        END IF;
        RETURN nullif(to_jsonb(p_value #>> '{}'), '""');
    WHEN 'duration' THEN
        IF v_kind = 'string' AND p_value = '""' THEN
            RETURN NULL;
        END IF;
        PERFORM read_duration(p_value, p_path);
        RETURN p_value;
    WHEN 'map' THEN
        IF v_kind <> 'object' THEN
            PERFORM fail_type(p_path, 'an object of strings', p_value);
        END IF;
        PERFORM fail_type(p_path || '.' || e.key, 'a string', e.value)
           FROM jsonb_each(p_value) e WHERE jsonb_typeof(e.value) NOT IN ('string', 'null');
        SELECT nullif(coalesce(jsonb_object_agg(e.key, CASE WHEN jsonb_typeof(e.value) = 'null' THEN '""' ELSE e.value END), '{}'), '{}')
          INTO v_out FROM jsonb_each(p_value) e;
        RETURN v_out;
    WHEN 'object' THEN
        RETURN nullif(read_object(p_value, p_item, p_path, p_strict), '{}');
    WHEN 'list' THEN
        IF v_kind <> 'array' THEN
            PERFORM fail_type(p_path, 'an array', p_value);
        END IF;
        IF p_item = 'string' THEN
            PERFORM fail_type(format('%s[%s]', p_path, e.n - 1), 'a string', e.value)
               FROM jsonb_array_elements(p_value) WITH ORDINALITY e(value, n) WHERE jsonb_typeof(e.value) <> 'string';
            RETURN nullif(p_value, '[]');
        END IF;
        SELECT nullif(coalesce(jsonb_agg(read_object(e.value, p_item, format('%s[%s]', p_path, e.n - 1), p_strict) ORDER BY e.n), '[]'), '[]')
          INTO v_out FROM jsonb_array_elements(p_value) WITH ORDINALITY e(value, n);
        RETURN v_out;
    END CASE;
END
$$;
COMMENT ON FUNCTION cara.read_value IS 'A member''s value in canonical form, NULL when it says nothing; SR400 with its path when its type is wrong.';

CREATE OR REPLACE FUNCTION cara.fail_unknown(p_path text, p_name text, p_type text)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_near text;
    v_all  text;
BEGIN
    SELECT f.name INTO v_near FROM field f
     WHERE f.type = p_type AND distance(p_name, f.name) IS NOT NULL ORDER BY distance(p_name, f.name), f.position LIMIT 1;
    SELECT string_agg(f.name, ', ' ORDER BY f.position) INTO v_all FROM field f WHERE f.type = p_type;
    PERFORM fail(400, format('unknown field %s%s', quote(p_path || '.' || p_name, 200),
            coalesce(': did you mean ' || quote(v_near) || '?', format(': %s has %s', p_path, v_all))),
        p_path || '.' || p_name);
END
$$;
COMMENT ON FUNCTION cara.fail_unknown IS 'Raises SR400: no such member here; names the nearest one that exists.';

-- What cara.field says, written as functions that need no query: cara.canonical_TYPE() tells whether an object is canonical as
-- it stands, cara.render_TYPE() writes it. What is kept comes first, so that nobody looks for what is hardly ever there. A trigger
-- on the table writes them anew.
DROP FUNCTION IF EXISTS cara.canonical_condition(text);
DROP FUNCTION IF EXISTS cara.canonical_project();
DROP FUNCTION IF EXISTS cara.canonical_node();
DROP FUNCTION IF EXISTS cara.shape(text);
CREATE OR REPLACE FUNCTION cara.write_function(p_name text, p_returns text, p_body text, p_comment text)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    EXECUTE format('CREATE OR REPLACE FUNCTION cara.%I(p jsonb) RETURNS %s LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS %L', p_name, p_returns, p_body);
    EXECUTE format('COMMENT ON FUNCTION cara.%I(jsonb) IS %L', p_name, p_comment || ' Written from cara.field.');
END
$$;
COMMENT ON FUNCTION cara.write_function IS 'Makes a function of one jsonb, p, from what stands for a type in cara.field.';

CREATE OR REPLACE FUNCTION cara.write_canonical(p_type text)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_known text[] := ARRAY(SELECT f.name FROM field f WHERE f.type = p_type AND f.kind NOT IN ('time', 'duration') ORDER BY f.position); -- those are looked at one by one
    v_kept  text[] := ARRAY(SELECT f.name FROM field f WHERE f.type = p_type AND f.kind NOT IN ('time', 'duration') AND f.keep ORDER BY f.position);
    v_right text;
    v_rest  text;
BEGIN
    SELECT string_agg(c.condition, E'\n        AND ' ORDER BY c.position) FILTER (WHERE c.keep), string_agg(c.condition, E'\n        AND ' ORDER BY c.position) FILTER (WHERE NOT c.keep)
      INTO v_right, v_rest
      FROM (SELECT f.position, f.keep, 'coalesce(' || replace(CASE f.kind -- # stands for the member
                WHEN 'integer' THEN $c$jsonb_typeof(#) = 'number' AND (#)::text ~ '\A-?[1-9]\d{0,14}\Z'$c$
                WHEN 'number' THEN $c$jsonb_typeof(#) = 'number' AND (#)::text ~ '\A-?\d{1,15}\Z'$c$
                WHEN 'boolean' THEN $c$# = 'true'$c$
                WHEN 'map' THEN $c$jsonb_typeof(#) = 'object' AND # <> '{}' AND NOT # @? 'strict $.* ? (@.type() != "string")'$c$
                WHEN 'object' THEN format($c$# <> '{}' AND cara.canonical_%s(#)$c$, lower(f.item))
                WHEN 'list' THEN CASE f.item WHEN 'string' THEN $c$jsonb_typeof(#) = 'array' AND # <> '[]' AND NOT # @? 'strict $[*] ? (@.type() != "string")'$c$
                                             ELSE format('cara.canonical_%s_list(#)', lower(f.item)) END
                ELSE $c$jsonb_typeof(#) = 'string' AND # <> '""'$c$ END, '#', format('(p->%L)', f.name)) || ', true)' AS condition
              FROM field f WHERE f.type = p_type AND f.name = ANY (v_known)) c;
    PERFORM write_function('canonical_' || lower(p_type), 'boolean',
        format(E'\nBEGIN\n    RETURN CASE WHEN jsonb_typeof(p) = ''object'' THEN %s\n        AND (p - %L::text[] = ''{}'' OR p - %L::text[] = ''{}''\n        AND %s) ELSE false END;\nEND\n',
            coalesce(v_right, 'true'), v_kept, v_known, coalesce(v_rest, 'true')),
        'Whether it is a ' || p_type || ', canonical as it stands.');
    IF EXISTS (SELECT FROM field f WHERE f.kind = 'list' AND f.item = p_type) THEN
        PERFORM write_function(format('canonical_%s_list', lower(p_type)), 'boolean', format($f$
BEGIN
    IF jsonb_typeof(p) <> 'array' OR p = '[]' THEN
        RETURN false;
    END IF;
    FOR i IN 0 .. jsonb_array_length(p) - 1 LOOP
        IF NOT cara.canonical_%s(p->i) THEN
            RETURN false;
        END IF;
    END LOOP;
    RETURN true;
END
$f$, lower(p_type)), 'Whether it is a list of ' || p_type || ', canonical as it stands.');
    END IF;
END
$$;
COMMENT ON FUNCTION cara.write_canonical IS 'Makes the canonical_ functions of a type say what cara.field holds.';

CREATE OR REPLACE FUNCTION cara.write_render(p_type text)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_kept  text[] := ARRAY(SELECT f.name FROM field f WHERE f.type = p_type AND f.keep ORDER BY f.position);
    v_first text; -- what is kept, where nothing else comes before
    v_rest  text;
BEGIN
    IF cardinality(v_kept) < (SELECT max(f.position) FROM field f WHERE f.type = p_type AND f.keep) THEN
        v_kept := '{}';
    END IF;
    SELECT string_agg(m.member, E'\n        || ' ORDER BY m.position) FILTER (WHERE m.first), string_agg(m.member, E'\n        || ' ORDER BY m.position) FILTER (WHERE NOT m.first)
      INTO v_first, v_rest
      FROM (SELECT f.position, f.position <= cardinality(v_kept) AS first,
                   format('coalesce(%L || %s, %L%s)', format(',%s:', to_json(f.name)), replace(CASE f.kind
                       WHEN 'object' THEN format('cara.render_%s(#)', lower(f.item))
                       WHEN 'map' THEN 'CASE WHEN # IS NOT NULL THEN cara.wire_map(#) END'
                       WHEN 'list' THEN format('cara.render_%s_list(#)', lower(f.item))
                       ELSE '(#)::text' END, '#', format('(p->%L)', f.name)),
                       CASE WHEN f.keep THEN format(',%s:', to_json(f.name)) || CASE f.kind WHEN 'integer' THEN '0' WHEN 'boolean' THEN 'false'
                           WHEN 'time' THEN wire_time(NULL) WHEN 'list' THEN 'null' WHEN 'object' THEN '' ELSE '""' END ELSE '' END,
                       CASE WHEN f.keep AND f.kind = 'object' THEN format(' || cara.render_%s(''{}'')', lower(f.item)) END) AS member
              FROM field f WHERE f.type = p_type) m;
    PERFORM write_function('render_' || lower(p_type), 'text',
        format(E'\nBEGIN\n    RETURN ''{'' || substr(%s, 2) || ''}'';\nEND\n', concat_ws(E'\n        || ', v_first,
            CASE WHEN v_kept <> '{}' THEN format('CASE WHEN p - %L::text[] = ''{}'' THEN '''' ELSE ', v_kept) END || v_rest || ' END', CASE WHEN v_kept = '{}' THEN v_rest END)),
        p_type || ' as JSON text in the wire''s member order.');
    IF EXISTS (SELECT FROM field f WHERE f.kind = 'list' AND f.item = p_type) THEN
        PERFORM write_function(format('render_%s_list', lower(p_type)), 'text', format($f$
DECLARE
    v_out text := '';
BEGIN
    FOR i IN 0 .. jsonb_array_length(p) - 1 LOOP
        v_out := v_out || CASE i WHEN 0 THEN '[' ELSE ',' END || cara.render_%s(p->i);
    END LOOP;
    RETURN v_out || ']';
END
$f$, lower(p_type)), 'A list of ' || p_type || ' as JSON text.');
    END IF;
END
$$;
COMMENT ON FUNCTION cara.write_render IS 'Makes the render_ functions of a type write what cara.field holds.';

CREATE OR REPLACE FUNCTION cara.write_shapes()
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    PERFORM write_canonical(w.type), write_render(w.type)
       FROM (WITH RECURSIVE written(type) AS (
                 SELECT unnest('{Metadata,NodeSpec,ProjectSpec,Network,Info}'::text[])
                 UNION SELECT f.item FROM written w JOIN field f ON f.type = w.type WHERE f.item <> 'string')
             SELECT * FROM written) w;
END
$$;
COMMENT ON FUNCTION cara.write_shapes IS 'Makes the canonical_ and render_ functions say what cara.field holds.';
DO $$ BEGIN PERFORM cara.write_shapes(); END $$;

-- AFTER STATEMENT on field.
CREATE OR REPLACE FUNCTION cara.keep_shapes()
RETURNS trigger LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    IF EXISTS (SELECT FROM field) THEN
        PERFORM write_shapes();
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION cara.keep_shapes IS 'Trigger: keeps what is written from cara.field in step with it.';

-- Reads an object of the given type (see cara.field). Names match without regard to case, the exact one
-- preferred. Unknown members are refused from `spec` downwards and ignored above it.
CREATE OR REPLACE FUNCTION cara.read_object(p_value jsonb, p_type text, p_path text, p_strict boolean DEFAULT false)
RETURNS jsonb LANGUAGE plpgsql STABLE SET search_path = cara, pg_temp
AS $$
DECLARE
    v_out   jsonb := '{}';
    v_key   text;
    v_value jsonb;
    v_field field;
BEGIN
    IF p_value IS NULL OR jsonb_typeof(p_value) = 'null' THEN
        RETURN '{}';
    ELSIF jsonb_typeof(p_value) <> 'object' THEN
        PERFORM fail_type(p_path, 'an object', p_value);
    END IF;
    FOR v_key, v_value IN SELECT e.key, e.value FROM jsonb_each(p_value) e LOOP
        SELECT * INTO v_field FROM field f WHERE f.type = p_type AND f.name = v_key;
        IF NOT FOUND THEN
            SELECT * INTO v_field FROM field f WHERE f.type = p_type AND lower(f.name) = lower(v_key);
            IF NOT FOUND AND p_strict THEN
                PERFORM fail_unknown(p_path, v_key, p_type);
            END IF;
            CONTINUE WHEN NOT FOUND OR p_value ? v_field.name;
        END IF;
        v_value := read_value(v_value, v_field.kind, v_field.item,
                              CASE WHEN p_path = '' THEN v_field.name ELSE p_path || '.' || v_field.name END, p_strict);
        IF v_value IS NOT NULL THEN
            v_out := v_out || jsonb_build_object(v_field.name, v_value);
        END IF;
    END LOOP;
    RETURN v_out;
END
$$;
COMMENT ON FUNCTION cara.read_object IS 'An object in canonical form by the rows of cara.field; SR400 with the path of what does not fit.';

CREATE OR REPLACE FUNCTION cara.render_string_list(p jsonb)
RETURNS text LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
AS $$
DECLARE
    v_out text := '';
BEGIN
    FOR i IN 0 .. jsonb_array_length(p) - 1 LOOP
        v_out := v_out || CASE i WHEN 0 THEN '[' ELSE ',' END || (p->i)::text;
    END LOOP;
    RETURN v_out || ']';
END
$$;
COMMENT ON FUNCTION cara.render_string_list IS 'A list of strings as JSON text.';

-- Writes a canonical object in the wire's member order, with the members that are always there.
CREATE OR REPLACE FUNCTION cara.render(p_value jsonb, p_type text)
RETURNS text LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN CASE p_type WHEN 'ProjectSpec' THEN cara.render_projectspec(p_value) WHEN 'NodeSpec' THEN cara.render_nodespec(p_value)
                       WHEN 'Network' THEN cara.render_network(p_value) WHEN 'Info' THEN cara.render_info(p_value) END;
END
$$;
COMMENT ON FUNCTION cara.render IS 'JSON text of a canonical object in the wire''s member order: a ProjectSpec, NodeSpec, Network or Info.';

-- Contract 2.3: required, at most 253 bytes, the pattern; in this order.
CREATE OR REPLACE FUNCTION cara.check_name(p_name text)
RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
    IF coalesce(p_name, '') = '' THEN
        PERFORM cara.fail(400, 'metadata.name is required', 'metadata.name');
    ELSIF octet_length(p_name) > 253 THEN
        PERFORM cara.fail(400, format('name %s is %s characters long: must be no more than 253 characters',
            cara.quote(p_name, 20), octet_length(p_name)), 'metadata.name');
    ELSIF p_name !~ '\A[a-z0-9]([a-z0-9.-]*[a-z0-9])?\Z' THEN
        PERFORM cara.fail(400, format('name %s is invalid: must consist of lowercase alphanumeric characters, hyphens (-) or dots (.), and must start and end with an alphanumeric character',
            cara.quote(p_name, 40)), 'metadata.name');
    END IF;
END
$$;
COMMENT ON FUNCTION cara.check_name IS 'Raises SR400 unless the name may be that of a node or project.';

DROP FUNCTION IF EXISTS cara.check_size(jsonb);
CREATE OR REPLACE FUNCTION cara.check_size(p_manifest jsonb, p_max_bytes numeric)
RETURNS void LANGUAGE plpgsql
AS $$
BEGIN
    IF pg_column_size(p_manifest) > p_max_bytes / 8 AND octet_length(p_manifest::text) > p_max_bytes THEN -- as text it is never eight times as long
        PERFORM cara.fail(413, format('the manifest is %s bytes: at most %s are stored', octet_length(p_manifest::text), p_max_bytes),
            'spec', 'move data into the image or a volume, or raise cara.setting max_manifest_bytes');
    END IF;
END
$$;
COMMENT ON FUNCTION cara.check_size IS 'Raises SR413 for a manifest larger than that: cara.setting max_manifest_bytes.';

-- Raises SR400 unless p_value is one of p_choices (NULL is fine: the default holds).
CREATE OR REPLACE FUNCTION cara.check_choice(p_value text, p_choices text[], p_path text)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    IF p_value IS NOT NULL AND p_value <> ALL (p_choices) THEN
        PERFORM fail(400, format('%s: %s is not one of %s', p_path, quote(p_value, 40), array_to_string(p_choices, ', ')), p_path);
    END IF;
END
$$;
COMMENT ON FUNCTION cara.check_choice IS 'Raises SR400 naming the choices.';

CREATE OR REPLACE FUNCTION cara.check_service(p_service jsonb, p_spec jsonb, p_path text)
RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    v_name  text := p_service->>'name';
    v_entry jsonb;
BEGIN
    IF v_name IS NULL THEN
        PERFORM cara.fail(400, 'each service must have a non-empty name', p_path || '.name');
    ELSIF v_name !~ '\A[a-zA-Z0-9]([a-zA-Z0-9_.-]{0,61}[a-zA-Z0-9])?\Z' THEN
        PERFORM cara.fail(400, format('service %s: the name must be at most 63 letters, digits, hyphens (-), underscores (_) or dots (.), and start and end with a letter or digit',
            cara.quote(v_name, 40)), p_path || '.name');
    ELSIF NOT p_service ? 'image' THEN
        PERFORM cara.fail(400, format('service %s: image is required', v_name), p_path || '.image');
    ELSIF p_service->>'image' ~ '\s' OR length(p_service->>'image') > 1024 THEN
        PERFORM cara.fail(400, format('service %s: image %s is not an image reference', v_name, cara.quote(p_service->>'image', 40)), p_path || '.image',
            'an image is NAME, NAME:TAG or NAME@DIGEST');
    END IF;
    IF p_service - '{name,image}'::text[] = '{}' THEN
        RETURN; -- the rest is about what is not there
    END IF;
    FOR i IN 0 .. jsonb_array_length(coalesce(p_service->'env', '[]')) - 1 LOOP
        v_entry := p_service->'env'->i;
        IF coalesce(v_entry->>'name', '') !~ '\A[^=\s]+\Z' THEN
            PERFORM cara.fail(400, format('service %s: env name %s must not be empty or hold "=" or blanks', v_name,
                cara.quote(coalesce(v_entry->>'name', ''), 40)), format('%s.env[%s].name', p_path, i));
        END IF;
    END LOOP;
    FOR i IN 0 .. jsonb_array_length(coalesce(p_service->'volumeMounts', '[]')) - 1 LOOP
        v_entry := p_service->'volumeMounts'->i;
        IF NOT coalesce(p_spec->'volumes', '[]') @> jsonb_build_array(jsonb_build_object('name', v_entry->'name')) THEN
            PERFORM cara.fail(400, format('service %s: volume %s is not declared in spec.volumes', v_name,
                cara.quote(coalesce(v_entry->>'name', ''), 40)), format('%s.volumeMounts[%s].name', p_path, i));
        ELSIF coalesce(v_entry->>'mountPath', '') !~ '\A/[^:]*\Z' THEN
            PERFORM cara.fail(400, format('service %s: mountPath %s must be an absolute path without ":"', v_name,
                cara.quote(coalesce(v_entry->>'mountPath', ''), 40)), format('%s.volumeMounts[%s].mountPath', p_path, i));
        END IF;
    END LOOP;
    IF p_service ? 'resources' THEN
        PERFORM cara.check_resources(p_service->'resources', p_path || '.resources');
    END IF;
    IF p_service ? 'ports' THEN
        PERFORM cara.check_ports(p_service->'ports', p_path || '.ports');
    END IF;
    PERFORM cara.check_choice(p_service->>'restartPolicy', '{Always,OnFailure,Never}', p_path || '.restartPolicy');
    PERFORM cara.check_choice(p_service->>'imagePullPolicy', '{IfNotPresent,Always,Never}', p_path || '.imagePullPolicy');
    IF p_service ? 'healthcheck' AND NOT p_service->'healthcheck' ? 'test' THEN
        PERFORM cara.fail(400, format('service %s: healthcheck.test is required', v_name), p_path || '.healthcheck.test',
            'a command such as ["CMD", "wget", "-q", "-O-", "http://localhost"]');
    ELSIF p_service ? 'healthcheck' AND p_service#>>'{healthcheck,test,0}' NOT IN ('CMD', 'CMD-SHELL', 'NONE') THEN
        PERFORM cara.fail(400, format('service %s: healthcheck.test must begin with CMD, CMD-SHELL or NONE', v_name), p_path || '.healthcheck.test[0]');
    ELSIF (p_service#>>'{healthcheck,retries}')::bigint NOT BETWEEN 0 AND 1000 THEN
        PERFORM cara.fail(400, format('service %s: healthcheck.retries must be between 0 and 1000', v_name), p_path || '.healthcheck.retries');
    END IF;
END
$$;
COMMENT ON FUNCTION cara.check_service IS 'Raises SR400 for the first rule that a service of a project breaks.';

CREATE OR REPLACE FUNCTION cara.check_ingress(p_ingress jsonb, p_spec jsonb, p_path text)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_name text := p_ingress->>'name';
    v_port bigint := coalesce((p_ingress#>>'{target,port}')::bigint, 0);
    v_host text := p_ingress->>'host';
    v_path text := p_ingress->>'path';
BEGIN
    IF v_name IS NULL THEN
        PERFORM fail(400, 'each ingress entry must have a non-empty name', p_path || '.name');
    ELSIF (SELECT count(*) FROM jsonb_array_elements(p_spec->'ingress') e WHERE e->>'name' = v_name) > 1 THEN
        PERFORM fail(400, 'duplicate ingress name: ' || v_name, p_path || '.name');
    ELSIF NOT p_spec->'services' @> jsonb_build_array(jsonb_build_object('name', coalesce(p_ingress#>>'{target,service}', ''))) THEN
        PERFORM fail(400, format('ingress %s: target service %s does not exist in spec.services', v_name,
            coalesce(p_ingress#>>'{target,service}', '')), p_path || '.target.service');
    ELSIF v_port <= 0 THEN
        PERFORM fail(400, format('ingress %s: target port must be greater than 0', v_name), p_path || '.target.port');
    ELSIF v_port > 65535 THEN
        PERFORM fail(400, format('ingress %s: target port must not be greater than 65535', v_name), p_path || '.target.port');
    ELSIF p_ingress#>>'{access,scope}' <> 'Internal' THEN
        PERFORM fail(400, format('ingress %s: only "Internal" scope is supported', v_name), p_path || '.access.scope');
    ELSIF v_host !~* '\A(\*|[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*\Z' OR length(v_host) > 253 THEN
        PERFORM fail(400, format('ingress %s: host %s is not a host name', v_name, quote(v_host, 40)), p_path || '.host',
            'a host is a name such as shop.example.com, or *.example.com for every name of one label more');
    ELSIF v_path !~ '\A/[^?#[:space:][:cntrl:]]*\Z' OR length(v_path) > 1024 THEN
        PERFORM fail(400, format('ingress %s: path %s must begin with "/" and hold no "?", "#" or blanks', v_name, quote(v_path, 40)), p_path || '.path');
    END IF;
END
$$;
COMMENT ON FUNCTION cara.check_ingress IS 'Raises SR400 for the first rule that an ingress entry breaks.';

-- Contract 2.5 and what it left unchecked: services first, then volumes, then ingress.
CREATE OR REPLACE FUNCTION cara.check_project_spec(p_spec jsonb)
RETURNS void LANGUAGE plpgsql
AS $$
DECLARE
    v_services jsonb := p_spec->'services';
    v_count    int := jsonb_array_length(v_services);
    v_name     text;
BEGIN
    IF v_services IS NULL THEN
        PERFORM cara.fail(400, 'spec.services must contain at least one service', 'spec.services');
    ELSIF v_count > 1 AND v_count > cara.setting_number('max_services') THEN
        PERFORM cara.fail(400, format('spec.services has %s services: at most %s are allowed', v_count, cara.setting_number('max_services')), 'spec.services');
    END IF;
    FOR i IN 0 .. v_count - 1 LOOP
        v_name := cara.check_service(v_services->i, p_spec, 'spec.services[' || i || ']')::text; -- assigned: PERFORM would run a query
    END LOOP;
    IF v_count > 1 THEN
        SELECT e->>'name' INTO v_name FROM jsonb_array_elements(p_spec->'services') e GROUP BY 1 HAVING count(*) > 1 LIMIT 1;
        IF FOUND THEN
            PERFORM cara.fail(400, 'duplicate service name: ' || v_name, 'spec.services');
        END IF;
    END IF;
    IF v_services @? '$[*].ports' THEN
        SELECT concat(p->>'hostPort', '/', coalesce(p->>'protocol', 'TCP')) INTO v_name
          FROM jsonb_array_elements(p_spec->'services') e, jsonb_array_elements(e->'ports') p WHERE p ? 'hostPort' GROUP BY 1 HAVING count(*) > 1 LIMIT 1;
        IF FOUND THEN
            PERFORM cara.fail(400, format('host port %s is used twice', v_name), 'spec.services', 'a host port of a node goes to one container');
        END IF;
    END IF;
    IF p_spec - 'services'::text = '{}' THEN
        RETURN; -- the rest is about what is not there
    END IF;
    IF p_spec ? 'volumes' THEN
        SELECT coalesce(e.value->>'name', '') INTO v_name FROM jsonb_array_elements(p_spec->'volumes') e(value)
         WHERE coalesce(e.value->>'name', '') !~ '\A[a-zA-Z0-9]([a-zA-Z0-9_.-]{0,61}[a-zA-Z0-9])?\Z' LIMIT 1;
        IF FOUND THEN
            PERFORM cara.fail(400, format('volume %s: the name must be 1 to 63 letters, digits, hyphens (-), underscores (_) or dots (.), and start and end with a letter or digit',
                cara.quote(v_name, 40)), 'spec.volumes');
        END IF;
        SELECT e->>'name' INTO v_name FROM jsonb_array_elements(p_spec->'volumes') e GROUP BY 1 HAVING count(*) > 1 LIMIT 1;
        IF FOUND THEN
            PERFORM cara.fail(400, 'duplicate volume name: ' || v_name, 'spec.volumes');
        END IF;
        PERFORM cara.check_choice(coalesce(e.value->>'type', ''), '{Ephemeral,Local}', format('spec.volumes[%s].type', e.n - 1))
           FROM jsonb_array_elements(p_spec->'volumes') WITH ORDINALITY e(value, n);
    END IF;
    IF p_spec ? 'ingress' THEN
        FOR i IN 0 .. jsonb_array_length(p_spec->'ingress') - 1 LOOP
            PERFORM cara.check_ingress(p_spec->'ingress'->i, p_spec, format('spec.ingress[%s]', i));
        END LOOP;
        SELECT coalesce(lower(e->>'host'), '') || coalesce(nullif(e->>'path', '/'), '') INTO v_name
          FROM jsonb_array_elements(p_spec->'ingress') e GROUP BY 1 HAVING count(*) > 1 LIMIT 1;
        IF FOUND THEN
            PERFORM cara.fail(400, format('ingress host %s is used twice', cara.quote(v_name)), 'spec.ingress', 'two entries of one host need different paths');
        END IF;
    END IF;
    IF p_spec ? 'placement' THEN
        PERFORM cara.check_placement(p_spec->'placement', 'spec.placement');
    END IF;
    IF p_spec ? 'onNodeLost' THEN
        PERFORM cara.check_choice(p_spec->>'onNodeLost', '{Reschedule,Wait}', 'spec.onNodeLost');
    END IF;
END
$$;
COMMENT ON FUNCTION cara.check_project_spec IS 'Raises SR400 for the first rule that a project''s spec breaks.';

CREATE OR REPLACE FUNCTION cara.is_canonical(p_body jsonb, p_kind text)
RETURNS boolean LANGUAGE plpgsql STABLE
AS $$
BEGIN
    RETURN CASE WHEN jsonb_typeof(p_body) = 'object' THEN p_body - '{apiVersion,kind,metadata,spec}'::text[] = '{}'
        AND coalesce(jsonb_typeof(p_body->'apiVersion') = 'string', true) AND coalesce(jsonb_typeof(p_body->'kind') = 'string', true)
        AND coalesce(cara.canonical_metadata(p_body->'metadata'), true)
        AND coalesce(CASE p_kind WHEN 'Project' THEN cara.canonical_projectspec(p_body->'spec') ELSE cara.canonical_nodespec(p_body->'spec') END, true) ELSE false END;
END
$$;
COMMENT ON FUNCTION cara.is_canonical IS 'Whether a manifest of a kind is canonical as it stands.';

-- The canonical {name, labels, annotations, spec} of a manifest of the given kind.
CREATE OR REPLACE FUNCTION cara.read_manifest(p_body jsonb, p_kind text)
RETURNS jsonb LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_meta jsonb;
    v_spec jsonb;
    v_body jsonb;
BEGIN
    IF cara.is_canonical(p_body, p_kind) THEN
        RETURN jsonb_build_object('name', coalesce(p_body#>>'{metadata,name}', ''), 'labels', coalesce(p_body#>'{metadata,labels}', '{}'),
            'annotations', coalesce(p_body#>'{metadata,annotations}', '{}'), 'resourceVersion', p_body#>'{metadata,resourceVersion}',
            'spec', coalesce(p_body->'spec', '{}'));
    END IF;
    PERFORM cara.read_object(p_body, 'Manifest', '');
    SELECT coalesce(jsonb_object_agg(lower(e.key), e.value ORDER BY (e.key = lower(e.key))), '{}') INTO v_body
      FROM jsonb_each(CASE WHEN jsonb_typeof(p_body) = 'object' THEN p_body ELSE '{}' END) e;
    v_meta := cara.read_object(v_body->'metadata', 'Metadata', 'metadata');
    v_spec := cara.read_object(v_body->'spec', p_kind || 'Spec', 'spec', true);
    RETURN jsonb_build_object('name', coalesce(v_meta->>'name', ''), 'labels', coalesce(v_meta->'labels', '{}'),
        'annotations', coalesce(v_meta->'annotations', '{}'), 'resourceVersion', v_meta->'resourceVersion', 'spec', v_spec);
END
$$;
COMMENT ON FUNCTION cara.read_manifest IS 'A manifest''s name, labels, annotations and spec in canonical form; SR400 for what does not fit.';
