-- Ingress: which host leads where.

-- The ingress of one project as its agent needs it, NULL when it has none.
CREATE OR REPLACE FUNCTION cara.ingress_wire(p_project text, p_ingress jsonb)
RETURNS text LANGUAGE plpgsql STABLE STRICT SET search_path = cara, pg_temp
AS $$
BEGIN
    RETURN (SELECT '[' || string_agg('{"host":' || wire_text(ingress_host(p_project, e.value->>'host'))
                                  || ',"path":' || wire_text(coalesce(e.value->>'path', '/'))
                                  || ',"service":' || wire_text(e.value#>>'{target,service}')
                                  || ',"port":' || (e.value#>>'{target,port}') || '}', ',' ORDER BY e.n) || ']'
              FROM jsonb_array_elements(p_ingress) WITH ORDINALITY e(value, n));
END
$$;
COMMENT ON FUNCTION cara.ingress_wire IS 'A project''s ingress entries, hosts and paths resolved, as JSON text; NULL when there are none.';

-- Takes in what a heartbeat says of the node's proxy; port 0 or none: it does not listen.
CREATE OR REPLACE FUNCTION cara.node_proxy_put(p_node text, p_proxy jsonb)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_port bigint := coalesce((p_proxy->>'port')::bigint, 0);
BEGIN
    IF v_port NOT BETWEEN 0 AND 65535 THEN
        PERFORM fail(400, format('proxy.port %s must be between 0 and 65535', v_port), 'proxy.port');
    ELSIF length(p_proxy->>'key') > 64 THEN
        PERFORM fail(400, 'proxy.key is longer than 64 characters', 'proxy.key');
    ELSIF v_port = 0 THEN
        DELETE FROM node_proxy WHERE node = p_node;
        RETURN;
    END IF;
    INSERT INTO node_proxy (node, port, key) VALUES (p_node, v_port, coalesce(p_proxy->>'key', ''))
    ON CONFLICT (node) DO UPDATE SET port = EXCLUDED.port, key = EXCLUDED.key
     WHERE (node_proxy.port, node_proxy.key) IS DISTINCT FROM (EXCLUDED.port, EXCLUDED.key);
END
$$;
COMMENT ON FUNCTION cara.node_proxy_put IS 'Keeps where a node''s proxy listens and its key. SR400.';

-- GET /api/v1/ingress?host=H: whose a host is. An exact host goes before a wildcard, which stands for one label.
CREATE OR REPLACE FUNCTION api.ingress_lookup(p_query jsonb DEFAULT '{}')
RETURNS json LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_host text := lower(rtrim(coalesce(p_query#>>'{host,0}', ''), '.'));
    v_out  text;
BEGIN
    IF v_host = '' THEN
        PERFORM fail(400, 'host is required', 'host', 'ask for /api/v1/ingress?host=NAME');
    END IF;
    SELECT '{"apiVersion":"caravanserai/v1","kind":"IngressPlace","host":' || wire_text(c.name) || ',"project":' || wire_text(c.project)
           || wire_member('node', a.node) || wire_member('ip', n.network->>'ip')
           || coalesce(',"port":' || x.port, '') || wire_member('key', x.key) || '}'
      INTO v_out
      FROM claim c
      JOIN project p ON p.name = c.project
      LEFT JOIN assignment a ON a.project = c.project AND a.released_at IS NULL AND p.deleted_at IS NULL
      LEFT JOIN node_status n ON n.node = a.node
      LEFT JOIN node_proxy x ON x.node = a.node
     WHERE c.kind = 'host' AND c.name IN (v_host, '*' || substr(v_host, nullif(strpos(v_host, '.'), 0)))
     ORDER BY c.name = v_host DESC LIMIT 1;
    IF NOT FOUND THEN
        PERFORM fail(404, format('no project has the ingress host %s', quote(v_host, 253)), 'host');
    END IF;
    RETURN wire(v_out);
END
$$;
COMMENT ON FUNCTION api.ingress_lookup IS
    'The project that has a host, its node, and where that node''s proxy is; members that are not known are left out. SR400, SR404.';
