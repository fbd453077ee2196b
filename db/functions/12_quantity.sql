-- Quantities of cpu and memory, in Kubernetes' grammar, kept as integers.

-- The grammar: number, e or E, exponent, suffix; NULL when it is none, or longer than anybody writes. Digits are told one by
-- one, as \d means more of them in some collations.
CREATE OR REPLACE FUNCTION cara.quantity_parts(p_text text)
RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN length(p_text) <= 200
            THEN regexp_match(p_text, '\A([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:([eE])([+-]?[0-9]+)|(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E))?\Z') END;
COMMENT ON FUNCTION cara.quantity_parts IS 'The parts of a Kubernetes quantity; NULL when it is none.';

-- "500m", "2", "1.5", "256Mi", "1Gi", "1e3": how much that is times p_scale, rounded up; NULL when it is no
-- quantity, or one so large that sums of them would not fit. p_scale is 1000 for millicores, 1 for bytes.
CREATE OR REPLACE FUNCTION cara.quantity(p_text text, p_scale int)
RETURNS bigint LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = cara, pg_temp
AS $$
DECLARE
    v_part  text[] := quantity_parts(p_text);
    v_value numeric;
BEGIN
    IF v_part IS NULL THEN
        RETURN NULL;
    END IF;
    v_value := v_part[1]::numeric * p_scale
        * CASE WHEN v_part[2] IS NOT NULL THEN power(10::numeric, greatest(least(v_part[3]::numeric, 200), -200)) ELSE 1 END -- beyond that it is too much, or next to nothing
        * CASE v_part[4]
            WHEN 'Ki' THEN 2::numeric ^ 10 WHEN 'Mi' THEN 2::numeric ^ 20 WHEN 'Gi' THEN 2::numeric ^ 30
            WHEN 'Ti' THEN 2::numeric ^ 40 WHEN 'Pi' THEN 2::numeric ^ 50 WHEN 'Ei' THEN 2::numeric ^ 60
            WHEN 'n' THEN 1e-9 WHEN 'u' THEN 1e-6 WHEN 'm' THEN 1e-3
            WHEN 'k' THEN 1e3 WHEN 'M' THEN 1e6 WHEN 'G' THEN 1e9 WHEN 'T' THEN 1e12 WHEN 'P' THEN 1e15 WHEN 'E' THEN 1e18
            ELSE 1 END;
    RETURN CASE WHEN abs(v_value) < 9e15 THEN ceil(v_value)::bigint END;
END
$$;
COMMENT ON FUNCTION cara.quantity IS 'A Kubernetes quantity times p_scale, rounded up; NULL when it is none or does not fit.';

-- Bytes as people read them: the largest binary unit that gives a short number.
CREATE OR REPLACE FUNCTION cara.show_memory(p_bytes bigint)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_bytes >= 1073741824 AND p_bytes % 1073741824 = 0 THEN (p_bytes / 1073741824)::text || 'Gi'
            WHEN p_bytes >= 1048576 THEN ceil(p_bytes / 1048576.0)::bigint::text || 'Mi'
            WHEN p_bytes >= 1024 THEN ceil(p_bytes / 1024.0)::bigint::text || 'Ki' ELSE p_bytes::text END;
COMMENT ON FUNCTION cara.show_memory IS 'Bytes as a Kubernetes quantity, rounded up to its unit.';

CREATE OR REPLACE FUNCTION cara.show_cpu(p_millicores bigint)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_millicores % 1000 = 0 THEN (p_millicores / 1000)::text ELSE p_millicores::text || 'm' END;
COMMENT ON FUNCTION cara.show_cpu IS 'Millicores as a Kubernetes quantity.';

-- NULL when nobody said how much there is, or there is nothing.
CREATE OR REPLACE FUNCTION cara.percent(p_taken bigint, p_of bigint)
RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_of > 0 THEN round(100.0 * p_taken / p_of)::bigint END;
COMMENT ON FUNCTION cara.percent IS 'How much of what there is is taken, in percent.';
