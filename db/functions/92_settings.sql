-- Settings, for those who do not open psql.

CREATE OR REPLACE FUNCTION cara.setting_wire(s cara.setting)
RETURNS text LANGUAGE sql STABLE
RETURN '{"name":' || cara.wire_text(s.name) || ',"kind":' || cara.wire_text(s.kind) || ',"value":' || cara.wire_text(s.value)
    || ',"comment":' || cara.wire_text(s.comment) || '}';
COMMENT ON FUNCTION cara.setting_wire IS 'One setting as JSON text.';

CREATE OR REPLACE FUNCTION api.setting_list()
RETURNS json LANGUAGE sql STABLE SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
    SELECT wire('{"apiVersion":"caravanserai/v1","kind":"SettingList","items":[' || string_agg(setting_wire(s), ',' ORDER BY s.name) || ']}') FROM setting s
$$;
COMMENT ON FUNCTION api.setting_list IS 'All settings by name.';

CREATE OR REPLACE FUNCTION cara.fail_no_setting(p_name text)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    PERFORM fail(404, format('setting not found: %s: resource not found', left(p_name, 60)), NULL,
        coalesce((SELECT 'the nearest one is ' || s.name FROM setting s WHERE distance(p_name, s.name) IS NOT NULL ORDER BY distance(p_name, s.name), s.name LIMIT 1), 'caractrl settings get lists them'));
END
$$;
COMMENT ON FUNCTION cara.fail_no_setting IS 'Raises SR404 naming the nearest setting there is.';

CREATE OR REPLACE FUNCTION api.setting_get(p_name text)
RETURNS json LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_setting setting;
BEGIN
    SELECT * INTO v_setting FROM setting WHERE name = p_name;
    IF NOT FOUND THEN
        PERFORM fail_no_setting(p_name);
    END IF;
    RETURN wire(setting_wire(v_setting));
END
$$;
COMMENT ON FUNCTION api.setting_get IS 'One setting. SR404.';

-- A node that has its time between two heartbeats would be lost in it. In psql anything goes.
CREATE OR REPLACE FUNCTION cara.check_paces(p_name text, p_value text)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_interval interval := setting_interval('heartbeat_interval');
    v_timeout  interval := setting_interval('heartbeat_timeout');
BEGIN
    IF p_name IN ('heartbeat_interval', 'poll_interval') AND setting_interval(p_name) < interval '100ms' THEN
        PERFORM fail(400, format('%s: %s is less than 100ms: agents would do nothing else', p_name, quote(p_value, 40)), 'value');
    ELSIF p_name IN ('heartbeat_interval', 'heartbeat_timeout') AND v_timeout < 2 * v_interval THEN
        PERFORM fail(400, format('%s: %s leaves a node no heartbeat to lose: heartbeat_timeout would be %s, heartbeat_interval %s', p_name, quote(p_value, 40), v_timeout, v_interval),
            'value', 'heartbeat_timeout is at least twice heartbeat_interval: ' || CASE p_name WHEN 'heartbeat_timeout' THEN 'shorten that first' ELSE 'raise that first' END);
    END IF;
END
$$;
COMMENT ON FUNCTION cara.check_paces IS 'Raises SR400 when a setting that was just changed has every node lost, or agents busy with nothing.';

CREATE OR REPLACE FUNCTION api.setting_set(p_name text, p_body jsonb, p_actor text DEFAULT session_user)
RETURNS json LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_old   setting;
    v_value text := p_body->>'value';
BEGIN
    SELECT * INTO v_old FROM setting WHERE name = p_name FOR UPDATE;
    IF NOT FOUND THEN
        PERFORM fail_no_setting(p_name);
    ELSIF v_value IS NULL THEN
        PERFORM fail(400, 'value is required', 'value');
    END IF;
    BEGIN
        UPDATE setting SET value = v_value WHERE name = p_name AND value <> v_value;
    EXCEPTION WHEN data_exception OR check_violation THEN
        PERFORM fail(400, format('%s: %s is not %s', p_name, quote(v_value, 40), CASE v_old.kind WHEN 'interval' THEN 'a time such as 30s or 5min, 100 years at most'
            WHEN 'integer' THEN 'a whole number from 0 to 999999999999999' ELSE 'a number from 0 to 1000000000' END), 'value');
    END;
    IF v_old.value <> v_value THEN
        PERFORM check_paces(p_name, v_value);
        PERFORM event_record('Cluster', 'cluster', 'Normal', 'SettingChanged', format('%s set from %s to %s', p_name, v_old.value, v_value), p_actor);
    END IF;
    RETURN api.setting_get(p_name);
END
$$;
COMMENT ON FUNCTION api.setting_set IS 'Changes a setting; it holds from the next tick on. SR400, SR404.';

-- BEFORE STATEMENT DELETE, TRUNCATE on setting: who asks for one that is not there gets NULL, and then nothing is ever due.
CREATE OR REPLACE FUNCTION cara.keep_settings()
RETURNS trigger LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    PERFORM fail(400, 'settings are changed, not deleted', 'name', 'UPDATE cara.setting SET value = ... WHERE name = ...');
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION cara.keep_settings IS 'Trigger: a setting stays.';
