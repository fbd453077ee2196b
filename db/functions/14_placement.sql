-- What a project asks of a node (placement, resources, host ports), checked and brought into the
-- scheduler's terms; and how selectors, expressions and taints match.

-- ---------------------------------------------------------------------------------------------
-- Matching

-- Does a label's value (NULL: there is no such label) satisfy an expression's operator and values?
CREATE OR REPLACE FUNCTION cara.value_matches(p_value text, p_operator text, p_values jsonb)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE p_operator
        WHEN 'In'           THEN p_value IS NOT NULL AND p_values ? p_value
        WHEN 'NotIn'        THEN p_value IS NULL OR NOT p_values ? p_value
        WHEN 'Exists'       THEN p_value IS NOT NULL
        WHEN 'DoesNotExist' THEN p_value IS NULL
        WHEN 'Gt'           THEN CASE WHEN p_value ~ '\A-?[0-9]{1,18}\Z' THEN p_value::bigint > (p_values->>0)::bigint ELSE false END
        WHEN 'Lt'           THEN CASE WHEN p_value ~ '\A-?[0-9]{1,18}\Z' THEN p_value::bigint < (p_values->>0)::bigint ELSE false END
    END;
COMMENT ON FUNCTION cara.value_matches IS 'Whether a label''s value satisfies an operator and its values, with Kubernetes'' meaning.';

-- Do these labels satisfy one expression {key, operator, values}?
CREATE OR REPLACE FUNCTION cara.expression_matches(p_labels jsonb, p_expression jsonb)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN cara.value_matches(p_labels->>(p_expression->>'key'), p_expression->>'operator', p_expression->'values');
COMMENT ON FUNCTION cara.expression_matches IS 'Whether labels satisfy one match expression.';

-- Do these labels satisfy all of the expressions?
CREATE OR REPLACE FUNCTION cara.expressions_match(p_labels jsonb, p_expressions jsonb)
RETURNS boolean LANGUAGE plpgsql IMMUTABLE SET search_path = cara, pg_temp
AS $$
BEGIN
    RETURN NOT EXISTS (SELECT FROM jsonb_array_elements(p_expressions) e WHERE NOT coalesce(expression_matches(p_labels, e), false));
END
$$;
COMMENT ON FUNCTION cara.expressions_match IS 'Whether labels satisfy all match expressions of a list.';

-- Do these labels satisfy {matchLabels, matchExpressions}? A selector that says nothing matches all. Most have labels only:
-- then nothing is called.
CREATE OR REPLACE FUNCTION cara.selector_matches(p_labels jsonb, p_labels_wanted jsonb, p_expressions jsonb)
RETURNS boolean LANGUAGE sql IMMUTABLE
RETURN p_labels @> coalesce(p_labels_wanted, '{}') AND (p_expressions IS NULL OR cara.expressions_match(p_labels, p_expressions));
COMMENT ON FUNCTION cara.selector_matches IS 'Whether labels satisfy a selector.';

-- Does one of the tolerations cover the taint?
CREATE OR REPLACE FUNCTION cara.tolerates(p_tolerations jsonb, p_taint jsonb)
RETURNS boolean LANGUAGE plpgsql IMMUTABLE SET search_path = cara, pg_temp
AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM jsonb_array_elements(p_tolerations) o
         WHERE coalesce(o->>'effect', '') IN ('', p_taint->>'effect')
           AND CASE coalesce(o->>'operator', 'Equal')
                   WHEN 'Exists' THEN coalesce(o->>'key', '') IN ('', p_taint->>'key')
                   ELSE o->>'key' = p_taint->>'key' AND coalesce(o->>'value', '') = coalesce(p_taint->>'value', '') END);
END
$$;
COMMENT ON FUNCTION cara.tolerates IS 'Whether a list of tolerations covers a taint.';

-- The first taint of these effects that no toleration covers, as key=value:effect; NULL when there is none.
CREATE OR REPLACE FUNCTION cara.untolerated(p_taints jsonb, p_tolerations jsonb, p_effects text[])
RETURNS text LANGUAGE sql IMMUTABLE SET search_path = cara, pg_temp
AS $$
    SELECT concat(t->>'key', '=' || nullif(t->>'value', ''), ':', t->>'effect')
      FROM jsonb_array_elements(p_taints) WITH ORDINALITY x(t, n)
     WHERE t->>'effect' = ANY (p_effects) AND NOT tolerates(p_tolerations, t)
     ORDER BY n LIMIT 1
$$;
COMMENT ON FUNCTION cara.untolerated IS 'The first taint with one of the effects that is not tolerated, as key=value:effect.';

-- ---------------------------------------------------------------------------------------------
-- Checking

CREATE OR REPLACE FUNCTION cara.check_quantity(p_value text, p_scale int, p_path text)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    IF p_value IS NOT NULL AND coalesce(quantity(p_value, p_scale), -1) < 0 THEN
        PERFORM fail(400, format(CASE WHEN quantity_parts(p_value) IS NULL OR p_value LIKE '-%' THEN '%s: %s is not a quantity' ELSE '%s: %s is too large: less than %s is possible' END,
                                 p_path, quote(p_value, 40), CASE p_scale WHEN 1000 THEN '9e12' ELSE '9e15' END), p_path,
            'a quantity is a number >= 0 with an optional suffix: n u m k M G T P E, Ki Mi Gi Ti Pi Ei, or an exponent; such as 500m, 2, 256Mi, 1e3');
    END IF;
END
$$;
COMMENT ON FUNCTION cara.check_quantity IS 'Raises SR400 unless NULL or a quantity that is not negative.';

-- resources.requests and limits of one service.
CREATE OR REPLACE FUNCTION cara.check_resources(p_resources jsonb, p_path text)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_name  text;
    v_scale int;
BEGIN
    PERFORM check_quantity(r.value, CASE r.key WHEN 'cpu' THEN 1000 ELSE 1 END, format('%s.%s.%s', p_path, k.key, r.key))
       FROM jsonb_each(p_resources) k, jsonb_each_text(k.value) r;
    FOREACH v_name IN ARRAY '{cpu,memory}'::text[] LOOP
        v_scale := CASE v_name WHEN 'cpu' THEN 1000 ELSE 1 END;
        IF quantity(p_resources#>>ARRAY['requests', v_name], v_scale) > quantity(p_resources#>>ARRAY['limits', v_name], v_scale) THEN
            PERFORM fail(400, format('%s.requests.%s: %s is more than the limit of %s', p_path, v_name,
                p_resources#>>ARRAY['requests', v_name], p_resources#>>ARRAY['limits', v_name]), format('%s.requests.%s', p_path, v_name));
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION cara.check_resources IS 'Raises SR400 for a request or limit that is no quantity, or a request above its limit.';

CREATE OR REPLACE FUNCTION cara.check_range(p_value text, p_least int, p_most int, p_path text, p_more text DEFAULT '')
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    IF p_value::bigint NOT BETWEEN p_least AND p_most THEN
        PERFORM fail(400, format('%s: %s is not from %s to %s%s', p_path, p_value, p_least, p_most, p_more), p_path);
    END IF;
END
$$;
COMMENT ON FUNCTION cara.check_range IS 'Raises SR400 unless NULL or a number of that range. p_more is said behind it.';

CREATE OR REPLACE FUNCTION cara.check_ports(p_ports jsonb, p_path text)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_e record;
BEGIN
    FOR v_e IN SELECT e.value AS x, format('%s[%s]', p_path, e.n - 1) AS path
                 FROM jsonb_array_elements(p_ports) WITH ORDINALITY e(value, n) LOOP
        IF NOT v_e.x ? 'containerPort' THEN -- also when it is 0
            PERFORM fail(400, format('%s.containerPort is required: a port from 1 to 65535', v_e.path), v_e.path || '.containerPort');
        END IF;
        PERFORM check_range(v_e.x->>k, 1, 65535, v_e.path || '.' || k) FROM unnest('{containerPort,hostPort}'::text[]) k;
        PERFORM check_choice(v_e.x->>'protocol', '{TCP,UDP}', v_e.path || '.protocol');
    END LOOP;
END
$$;
COMMENT ON FUNCTION cara.check_ports IS 'Raises SR400 for the first port that is not one.';

-- Each entry is looked at for each node, or each project, in each decision.
CREATE OR REPLACE FUNCTION cara.check_length(p_list jsonb, p_setting text, p_path text)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    IF jsonb_array_length(p_list) > 3 AND jsonb_array_length(p_list) > setting_number(p_setting) THEN
        PERFORM fail(400, format('%s has %s entries: at most %s are allowed', p_path, jsonb_array_length(p_list), setting_number(p_setting)), p_path,
            format('say it with fewer, or raise cara.setting %s', p_setting));
    END IF;
END
$$;
COMMENT ON FUNCTION cara.check_length IS 'Raises SR400 for a list that is longer than a setting allows.';

-- A list as error messages show it, of bounded length.
CREATE OR REPLACE FUNCTION cara.show_values(p_values jsonb)
RETURNS text LANGUAGE sql IMMUTABLE
RETURN CASE WHEN length(p_values::text) > 60 THEN left(p_values::text, 60) || '...' ELSE coalesce(p_values::text, '[]') END;
COMMENT ON FUNCTION cara.show_values IS 'A list of values as JSON text, cut to 60 characters.';

CREATE OR REPLACE FUNCTION cara.check_expressions(p_expressions jsonb, p_path text)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_e record;
BEGIN
    PERFORM check_length(p_expressions, 'max_placement_entries', p_path);
    FOR v_e IN SELECT e.value AS x, format('%s[%s]', p_path, e.n - 1) AS path
                 FROM jsonb_array_elements(p_expressions) WITH ORDINALITY e(value, n) LOOP
        PERFORM check_length(v_e.x->'values', 'max_placement_entries', v_e.path || '.values');
        IF NOT v_e.x ? 'key' THEN
            PERFORM fail(400, format('%s.key is required', v_e.path), v_e.path || '.key');
        END IF;
        PERFORM check_choice(coalesce(v_e.x->>'operator', ''), '{In,NotIn,Exists,DoesNotExist,Gt,Lt}', v_e.path || '.operator');
        IF v_e.x->>'operator' IN ('In', 'NotIn') AND NOT v_e.x ? 'values' THEN
            PERFORM fail(400, format('%s.values must have at least one value for %s', v_e.path, v_e.x->>'operator'), v_e.path || '.values');
        ELSIF v_e.x->>'operator' IN ('Exists', 'DoesNotExist') AND v_e.x ? 'values' THEN
            PERFORM fail(400, format('%s.values: %s must be empty for %s', v_e.path, show_values(v_e.x->'values'), v_e.x->>'operator'), v_e.path || '.values');
        ELSIF v_e.x->>'operator' IN ('Gt', 'Lt')
              AND (jsonb_array_length(coalesce(v_e.x->'values', '[]')) <> 1 OR v_e.x#>>'{values,0}' !~ '\A-?[0-9]{1,18}\Z') THEN
            PERFORM fail(400, format('%s.values: %s must be one integer for %s', v_e.path, show_values(v_e.x->'values'), v_e.x->>'operator'), v_e.path || '.values',
                'an integer has up to 18 digits and perhaps a minus; such as ["8"]');
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION cara.check_expressions IS 'Raises SR400 for the first match expression that is not one.';

CREATE OR REPLACE FUNCTION cara.check_placement(p_placement jsonb, p_path text)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_e record;
BEGIN
    PERFORM check_choice(p_placement->>'strategy', '{Spread,BinPack}', p_path || '.strategy');
    PERFORM check_choice(p_placement->>'preemption', '{Lower,Never}', p_path || '.preemption');
    PERFORM check_expressions(p_placement->'matchExpressions', p_path || '.matchExpressions');
    PERFORM check_range(p_placement->>'priority', -1000000, 1000000, p_path || '.priority');
    PERFORM check_length(p_placement->'tolerations', 'max_placement_entries', p_path || '.tolerations'),
            check_length(p_placement->'affinity', 'max_placement_terms', p_path || '.affinity'),
            check_length(p_placement->'antiAffinity', 'max_placement_terms', p_path || '.antiAffinity');
    FOR v_e IN SELECT e.value AS x, format('%s.tolerations[%s]', p_path, e.n - 1) AS path
                 FROM jsonb_array_elements(p_placement->'tolerations') WITH ORDINALITY e(value, n) LOOP
        PERFORM check_choice(v_e.x->>'operator', '{Equal,Exists}', v_e.path || '.operator');
        PERFORM check_choice(v_e.x->>'effect', '{NoSchedule,PreferNoSchedule,NoExecute}', v_e.path || '.effect');
        IF NOT v_e.x ? 'key' AND v_e.x->>'operator' IS DISTINCT FROM 'Exists' THEN
            PERFORM fail(400, format('%s.key is required unless operator is Exists', v_e.path), v_e.path || '.key');
        ELSIF v_e.x->>'operator' = 'Exists' AND v_e.x ? 'value' THEN
            PERFORM fail(400, format('%s.value: %s must be empty when operator is Exists', v_e.path, quote(v_e.x->>'value', 40)), v_e.path || '.value');
        END IF;
    END LOOP;
    FOR v_e IN SELECT e.value AS x, format('%s.%s[%s]', p_path, k, e.n - 1) AS path
                 FROM unnest('{affinity,antiAffinity}'::text[]) k, jsonb_array_elements(p_placement->k) WITH ORDINALITY e(value, n) LOOP
        PERFORM check_expressions(v_e.x->'matchExpressions', v_e.path || '.matchExpressions');
        IF NOT v_e.x ?| '{matchLabels,matchExpressions}' THEN
            PERFORM fail(400, format('%s must have matchLabels or matchExpressions', v_e.path), v_e.path);
        END IF;
        PERFORM check_range(v_e.x->>'weight', 1, 100, v_e.path || '.weight', '; without a weight the term is required');
    END LOOP;
END
$$;
COMMENT ON FUNCTION cara.check_placement IS 'Raises SR400 for the first rule that a project''s placement breaks.';

CREATE OR REPLACE FUNCTION cara.check_node_spec(p_spec jsonb)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_e record;
BEGIN
    PERFORM check_length(p_spec->'taints', 'max_placement_entries', 'spec.taints');
    FOR v_e IN SELECT e.value AS x, format('spec.taints[%s]', e.n - 1) AS path
                 FROM jsonb_array_elements(p_spec->'taints') WITH ORDINALITY e(value, n) LOOP
        IF NOT v_e.x ? 'key' THEN
            PERFORM fail(400, format('%s.key is required', v_e.path), v_e.path || '.key');
        END IF;
        PERFORM check_choice(coalesce(v_e.x->>'effect', ''), '{NoSchedule,PreferNoSchedule,NoExecute}', v_e.path || '.effect');
    END LOOP;
    PERFORM check_quantity(r.value, CASE r.key WHEN 'cpu' THEN 1000 ELSE 1 END, 'spec.reserved.' || r.key) FROM jsonb_each_text(p_spec->'reserved') r;
END
$$;
COMMENT ON FUNCTION cara.check_node_spec IS 'Raises SR400 for the first rule that a node''s spec breaks.';

-- ---------------------------------------------------------------------------------------------
-- In the scheduler's terms

-- What a spec asks for. Requests default to the limits, as in Kubernetes.
CREATE OR REPLACE FUNCTION cara.demand_of(p_project text, p_spec jsonb)
RETURNS cara.demand LANGUAGE plpgsql IMMUTABLE
AS $$
DECLARE
    v_out       cara.demand;
    v_placement jsonb := coalesce(p_spec->'placement', '{}');
    v_resources jsonb;
BEGIN
    v_out.project := p_project;
    v_out.changed := false;
    v_out.cpu := 0;
    v_out.memory := 0;
    v_out.host_ports := '{}';
    FOR i IN 0 .. jsonb_array_length(coalesce(p_spec->'services', '[]')) - 1 LOOP
        v_resources := p_spec->'services'->i->'resources';
        CONTINUE WHEN v_resources IS NULL;
        v_out.cpu := v_out.cpu + coalesce(cara.quantity(coalesce(v_resources#>>'{requests,cpu}', v_resources#>>'{limits,cpu}'), 1000), 0);
        v_out.memory := v_out.memory + coalesce(cara.quantity(coalesce(v_resources#>>'{requests,memory}', v_resources#>>'{limits,memory}'), 1), 0);
    END LOOP;
    v_out.cpu := least(v_out.cpu, 100000000000000); -- more than any machine has, and still so little that sums of it fit
    v_out.memory := least(v_out.memory, 100000000000000);
    IF p_spec @@ 'exists($.services[*].ports[*].hostPort)' THEN
        SELECT coalesce(array_agg(DISTINCT (p->>'hostPort') || '/' || coalesce(p->>'protocol', 'TCP') ORDER BY (p->>'hostPort') || '/' || coalesce(p->>'protocol', 'TCP')), '{}')
          INTO v_out.host_ports FROM jsonb_array_elements(p_spec->'services') e, jsonb_array_elements(e->'ports') p WHERE p ? 'hostPort';
    END IF;
    v_out.priority := coalesce((v_placement->>'priority')::int, 0);
    v_out.preempts := v_placement->>'preemption' IS DISTINCT FROM 'Never';
    v_out.on_node_lost := coalesce(p_spec->>'onNodeLost', 'Reschedule');
    v_out.keeps_data := p_spec ? 'volumes' AND p_spec @@ 'exists($.volumes[*] ? (@.type != "Ephemeral"))';
    v_out.placement := v_placement - '{priority,preemption}'::text[];
    v_out.class := md5(concat_ws(' ', v_out.cpu, v_out.memory, v_out.host_ports, v_out.priority, v_out.preempts, v_out.keeps_data, v_out.placement))::uuid;
    RETURN v_out;
END
$$;
COMMENT ON FUNCTION cara.demand_of IS 'What a project''s spec asks of a node.';

-- The domain of a node under a topology key: the label's value; the node itself without a key.
CREATE OR REPLACE FUNCTION cara.domain_of(p_node text, p_labels jsonb, p_key text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_key IS NULL THEN p_node ELSE p_labels->>p_key END;
COMMENT ON FUNCTION cara.domain_of IS 'The domain a node belongs to under a topology key; NULL when it has no such label.';
