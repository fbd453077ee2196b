-- What every other file uses: errors, settings, and how values are written on the wire.
--
-- The wire helpers are plain expressions, written with full names and without SET, and STABLE as to_json() is: so
-- the planner inlines them, which makes reading an object twice as fast. They touch no table.

-- Raises the error a caller of the API sees: status becomes the SQLSTATE SRnnn and the HTTP status, the
-- message its detail, the field the path of what is wrong, the hint the way out. Within one of several items
-- (cara.about: its path, a space, its name) both say which.
CREATE OR REPLACE FUNCTION cara.fail(p_status int, p_message text, p_field text DEFAULT NULL, p_hint text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_about text := coalesce(current_setting('cara.about', true), '');
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'SR' || p_status,
        MESSAGE = left(CASE WHEN v_about = '' THEN '' ELSE substr(v_about, strpos(v_about, ' ') + 1) || ': ' END
                       || p_message, 4096), -- paths and names in it are a caller's, who may send anything
        DETAIL = left(concat_ws('.', nullif(split_part(v_about, ' ', 1), ''), CASE WHEN v_about = '' THEN coalesce(p_field, '') ELSE nullif(p_field, '') END), 1024),
        HINT = coalesce(p_hint, '');
END
$$;
COMMENT ON FUNCTION cara.fail IS 'Raises SQLSTATE SRnnn with the problem''s detail, the field''s path and a way out.';

-- The text in double quotes, cut to p_max characters with an ellipsis.
CREATE OR REPLACE FUNCTION cara.quote(p_text text, p_max int DEFAULT 253)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN pg_catalog.to_json(CASE WHEN pg_catalog.length(p_text) > p_max
                               THEN pg_catalog.left(p_text, p_max) || '...' ELSE p_text END)::text;
COMMENT ON FUNCTION cara.quote IS 'A value as error messages show it: JSON-quoted and of bounded length.';

CREATE OR REPLACE FUNCTION cara.setting_interval(p_name text)
RETURNS interval LANGUAGE plpgsql STABLE SET search_path = cara, pg_temp
AS $$ BEGIN RETURN (SELECT value::interval FROM setting WHERE name = p_name); END $$;
COMMENT ON FUNCTION cara.setting_interval IS 'A setting of kind interval; NULL when there is none of that name.';

CREATE OR REPLACE FUNCTION cara.setting_number(p_name text)
RETURNS numeric LANGUAGE plpgsql STABLE SET search_path = cara, pg_temp
AS $$ BEGIN RETURN (SELECT value::numeric FROM setting WHERE name = p_name); END $$;
COMMENT ON FUNCTION cara.setting_number IS 'A setting of kind integer or number; NULL when there is none of that name.';

-- RFC 3339 in UTC, trailing zeros of the fraction dropped, quoted; Go's zero time when there is none.
CREATE OR REPLACE FUNCTION cara.wire_time(p_time timestamptz)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN p_time IS NULL THEN '"0001-01-01T00:00:00Z"'
            ELSE pg_catalog.rtrim(pg_catalog.to_json(p_time AT TIME ZONE 'UTC')::text, '"') || 'Z"' END;
COMMENT ON FUNCTION cara.wire_time IS 'A time as the wire has it, quotes included.';

CREATE OR REPLACE FUNCTION cara.wire_text(p_text text)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN pg_catalog.to_json(p_text)::text;
COMMENT ON FUNCTION cara.wire_text IS 'A text as a JSON string, quotes included.';

-- Members sorted by the bytes of their keys (jsonb sorts by length first). It looks into a set, which the planner does not
-- inline: so in a language whose plans are kept.
CREATE OR REPLACE FUNCTION cara.wire_map(p_map jsonb)
RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
DECLARE
    v_one jsonb := jsonb_path_query_first(p_map, '$.keyvalue()');
BEGIN
    IF p_map - (v_one->>'key') = '{}' THEN -- no query for the usual single label
        RETURN '{' || (v_one->'key')::text || ':' || (v_one->'value')::text || '}';
    END IF;
    RETURN (SELECT '{' || coalesce(string_agg(to_json(key)::text || ':' || value::text, ',' ORDER BY key COLLATE "C"), '') || '}' FROM jsonb_each(p_map));
END
$$;
COMMENT ON FUNCTION cara.wire_map IS 'A map of scalars as a JSON object with sorted keys.';

-- `,"name":value`, or nothing for a text that is empty or NULL.
CREATE OR REPLACE FUNCTION cara.wire_member(p_name text, p_text text)
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN p_text IS NULL OR p_text = '' THEN ''
            ELSE ',"' || p_name || '":' || pg_catalog.to_json(p_text)::text END;
COMMENT ON FUNCTION cara.wire_member IS 'An optional string member with the comma before it; empty when there is no text.';

-- The last step of everything that leaves: < > & and the two line separators never appear raw.
CREATE OR REPLACE FUNCTION cara.wire(p_json text)
RETURNS json LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(pg_catalog.replace(p_json,
    '<', '\u003c'), '>', '\u003e'), '&', '\u0026'), U&'\2028', '\u2028'), U&'\2029', '\u2029')::json;
COMMENT ON FUNCTION cara.wire IS 'JSON text made safe for the wire; it is sent as it is.';

-- 59s, 59m, 23h, 7d: how long ago, as the tables of caractrl show it.
CREATE OR REPLACE FUNCTION cara.age(p_then timestamptz, p_now timestamptz DEFAULT clock_timestamp())
RETURNS text LANGUAGE sql STABLE PARALLEL SAFE SET search_path = cara, pg_temp
AS $$
    SELECT CASE WHEN s IS NULL THEN '<unknown>'
                WHEN s < 60 THEN s || 's'
                WHEN s < 3600 THEN s / 60 || 'm'
                WHEN s < 86400 THEN s / 3600 || 'h'
                ELSE s / 86400 || 'd' END
      FROM (SELECT trunc(extract(epoch FROM p_now - p_then))::bigint) AS t(s)
$$;
COMMENT ON FUNCTION cara.age IS 'How long ago, in the one unit people read: 59s, 59m, 23h, 7d.';

CREATE OR REPLACE FUNCTION cara.distance(p_text text, p_name text)
RETURNS int LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = cara, pg_temp
AS $$
DECLARE
    v_distance int := levenshtein(lower(left(p_text, 60)), lower(p_name));
BEGIN
    RETURN CASE WHEN v_distance <= greatest(2, length(p_name) / 3) THEN v_distance END;
END
$$;
COMMENT ON FUNCTION cara.distance IS 'How far what someone wrote is from a name; NULL where it is too far to have meant it.';
