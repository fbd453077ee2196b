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
        p_wanted, CASE WHEN jsonb_typeof(p_value) IN ('string', 'number', 'boolean')
                       THEN quote(p_value #>> '{}', 40) ELSE json_kind(p_value) END), p_path);
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

-- One member's value in its canonical form; NULL when it says nothing (null, "", 0, false, empty).
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
    WHEN 'integer' THEN
        IF v_kind <> 'number' OR p_value::text !~ '\A-?[0-9]{1,15}\Z' THEN
            PERFORM fail_type(p_path, 'an integer', p_value);
        END IF;
        RETURN nullif(p_value, '0');
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
     WHERE f.type = p_type AND levenshtein(lower(left(p_name, 60)), lower(f.name)) <= greatest(2, length(f.name) / 3)
     ORDER BY levenshtein(lower(left(p_name, 60)), lower(f.name)), f.position LIMIT 1;
    SELECT string_agg(f.name, ', ' ORDER BY f.position) INTO v_all FROM field f WHERE f.type = p_type;
    PERFORM fail(400, format('unknown field %s%s', quote(p_path || '.' || p_name, 200),
            coalesce(': did you mean ' || quote(v_near) || '?', format(': %s has %s', p_path, v_all))),
        p_path || '.' || p_name);
END
$$;
COMMENT ON FUNCTION cara.fail_unknown IS 'Raises SR400: no such member here; names the nearest one that exists.';

-- What cara.field says, in forms that are read without a query (a comparison in a jsonpath stands behind one of types, as
-- one of two types is neither true nor false, and "not unknown" would pass): a jsonpath that is true of a manifest of a kind which is
-- canonical as it stands, and the members of a type as (name, kind, item, keep) one after the other. A trigger on the table
-- writes these functions anew, and plans that have their values in them go when they do.
CREATE OR REPLACE FUNCTION cara.canonical_condition(p_type text)
RETURNS text LANGUAGE plpgsql STABLE SET search_path = cara, pg_temp
AS $$
BEGIN
    RETURN (SELECT '@.type() == "object" && !exists(@.keyvalue() ? (!(' || string_agg(
            format('(@.key == %s && %s)', to_json(f.name), CASE f.kind
                WHEN 'string' THEN '@.value.type() == "string" && @.value != ""'
                WHEN 'quantity' THEN '@.value.type() == "string" && @.value != ""'
                WHEN 'integer' THEN '@.value.type() == "number" && @.value != 0 && @.value > -1000000000000000 && @.value < 1000000000000000'
                WHEN 'boolean' THEN '@.value.type() == "boolean" && @.value == true'
                WHEN 'map' THEN '@.value.type() == "object" && exists(@.value.keyvalue()) && !exists(@.value.keyvalue() ? (@.value.type() != "string"))'
                WHEN 'object' THEN format('exists(@.value ? (exists(@.keyvalue()) && %s))', canonical_condition(f.item))
                WHEN 'list' THEN '@.value.type() == "array" && @.value.size() > 0 && !exists(@.value[*] ? (!(' ||
                    CASE f.item WHEN 'string' THEN '@.type() == "string"' ELSE canonical_condition(f.item) END || ')))'
            END), ' || ' ORDER BY f.position) || ')))'
          FROM field f WHERE f.type = p_type AND f.kind NOT IN ('time', 'duration')); -- those are looked at one by one
END
$$;
COMMENT ON FUNCTION cara.canonical_condition IS 'The jsonpath condition that an object of a type is canonical as it stands.';

CREATE OR REPLACE FUNCTION cara.write_shapes()
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_spec text;
BEGIN
    FOREACH v_spec IN ARRAY '{Node,Project}'::text[] LOOP
        EXECUTE format('CREATE OR REPLACE FUNCTION cara.canonical_%s() RETURNS jsonpath LANGUAGE sql STABLE PARALLEL SAFE RETURN %L::jsonpath', lower(v_spec),
            format('strict exists($ ? (@.type() == "object" && !exists(@.keyvalue() ? (!(((@.key == "apiVersion" || @.key == "kind") && @.value.type() == "string")'
                   ' || (@.key == "metadata" && exists(@.value ? (%s))) || (@.key == "spec" && exists(@.value ? (%s))))))))',
                canonical_condition('Metadata'), canonical_condition(v_spec || 'Spec')));
        EXECUTE format('COMMENT ON FUNCTION canonical_%s IS %L', lower(v_spec), 'True of a manifest that is canonical as it stands, written from cara.field.');
    END LOOP;
    EXECUTE (SELECT 'CREATE OR REPLACE FUNCTION cara.shape(p_type text) RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE RETURN CASE p_type '
                    || string_agg(format('WHEN %L THEN %L::text[]', t.type, t.members), ' ' ORDER BY t.type) || ' END'
               FROM (SELECT f.type, array_agg(m.m ORDER BY f.position, m.n) AS members
                       FROM field f, unnest(ARRAY[f.name, f.kind, coalesce(f.item, ''), CASE WHEN f.keep THEN 'keep' ELSE '' END]) WITH ORDINALITY m(m, n)
                      GROUP BY f.type) t);
    COMMENT ON FUNCTION shape IS 'The members of a type in order, four texts each: name, kind, item, keep. Written from cara.field.';
END
$$;
COMMENT ON FUNCTION cara.write_shapes IS 'Makes cara.shape() and the canonical_ functions say what cara.field holds.';
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

-- Writes a canonical object in the wire's member order, with the members that are always there.
CREATE OR REPLACE FUNCTION cara.render(p_value jsonb, p_type text)
RETURNS text LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_shape text[] := cara.shape(p_type);
    v_value jsonb;
    v_text  text;
    v_out   text := '';
BEGIN
    FOR i IN 1 .. cardinality(v_shape) BY 4 LOOP
        v_value := p_value->v_shape[i];
        CONTINUE WHEN v_value IS NULL AND v_shape[i + 3] = '';
        IF v_shape[i + 1] = 'object' THEN
            v_text := cara.render(coalesce(v_value, '{}'), v_shape[i + 2]);
        ELSIF v_value IS NULL THEN
            v_text := CASE v_shape[i + 1] WHEN 'integer' THEN '0' WHEN 'boolean' THEN 'false' WHEN 'time' THEN cara.wire_time(NULL)
                                          WHEN 'list' THEN 'null' ELSE '""' END;
        ELSIF v_shape[i + 1] = 'map' THEN
            v_text := cara.wire_map(v_value);
        ELSIF v_shape[i + 1] = 'list' THEN
            v_text := '';
            FOR j IN 0 .. jsonb_array_length(v_value) - 1 LOOP
                v_text := v_text || CASE j WHEN 0 THEN '[' ELSE ',' END
                    || CASE v_shape[i + 2] WHEN 'string' THEN (v_value->j)::text ELSE cara.render(v_value->j, v_shape[i + 2]) END;
            END LOOP;
            v_text := v_text || ']';
        ELSE
            v_text := v_value::text;
        END IF;
        v_out := v_out || CASE v_out WHEN '' THEN '"' ELSE ',"' END || v_shape[i] || '":' || v_text;
    END LOOP;
    RETURN '{' || v_out || '}';
END
$$;
COMMENT ON FUNCTION cara.render IS 'JSON text of a canonical object in the wire''s member order.';

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
    IF octet_length(p_manifest::text) > p_max_bytes THEN
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
    v_name text;
BEGIN
    IF NOT p_spec ? 'services' THEN
        PERFORM cara.fail(400, 'spec.services must contain at least one service', 'spec.services');
    ELSIF jsonb_array_length(p_spec->'services') > 1 AND jsonb_array_length(p_spec->'services') > cara.setting_number('max_services') THEN
        PERFORM cara.fail(400, format('spec.services has %s services: at most %s are allowed', jsonb_array_length(p_spec->'services'), cara.setting_number('max_services')), 'spec.services');
    END IF;
    FOR i IN 0 .. jsonb_array_length(p_spec->'services') - 1 LOOP
        PERFORM cara.check_service(p_spec->'services'->i, p_spec, format('spec.services[%s]', i));
    END LOOP;
    IF jsonb_array_length(p_spec->'services') > 1 THEN
        SELECT e->>'name' INTO v_name FROM jsonb_array_elements(p_spec->'services') e GROUP BY 1 HAVING count(*) > 1 LIMIT 1;
        IF FOUND THEN
            PERFORM cara.fail(400, 'duplicate service name: ' || v_name, 'spec.services');
        END IF;
    END IF;
    IF p_spec @@ '$.services[*].ports.type() == "array"' THEN
        SELECT concat(p->>'hostPort', '/', coalesce(p->>'protocol', 'TCP')) INTO v_name
          FROM jsonb_array_elements(p_spec->'services') e, jsonb_array_elements(e->'ports') p WHERE p ? 'hostPort' GROUP BY 1 HAVING count(*) > 1 LIMIT 1;
        IF FOUND THEN
            PERFORM cara.fail(400, format('host port %s is used twice', v_name), 'spec.services', 'a host port of a node goes to one container');
        END IF;
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

-- The canonical {name, labels, annotations, spec} of a manifest of the given kind.
CREATE OR REPLACE FUNCTION cara.read_manifest(p_body jsonb, p_kind text)
RETURNS jsonb LANGUAGE plpgsql STABLE
AS $$
DECLARE
    v_meta jsonb;
    v_spec jsonb;
    v_body jsonb;
BEGIN
    IF (CASE p_kind WHEN 'Project' THEN p_body @@ cara.canonical_project() WHEN 'Node' THEN p_body @@ cara.canonical_node() END)
       AND p_body::text !~ '": -?\d+\.' THEN -- jsonpath cannot tell 80 from 80.0
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
