-- The verdict: every rule about whether and how gladly a node takes a project. Decisions, why and plan ask here; there is no second
-- copy of a rule.
--
-- What looks at all nodes hashes them, what is about some projects goes by their names: 60_schedule.sql says why.

-- ---------------------------------------------------------------------------------------------
-- Affinity: who is where

-- The affinity and antiAffinity of a placement as rows. weight: NULL where the term is required; own: it matches the
-- project's own labels.
CREATE OR REPLACE FUNCTION cara.terms(p_placement jsonb, p_labels jsonb)
RETURNS TABLE (id int, term jsonb, repels boolean, weight int, key text, own boolean)
LANGUAGE plpgsql STABLE ROWS 3 SET search_path = cara, pg_temp SET enable_nestloop = on SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
    RETURN QUERY
    SELECT row_number() OVER ()::int, t.value, k.name = 'antiAffinity', (t.value->>'weight')::int, t.value->>'topologyKey',
           selector_matches(p_labels, t.value->'matchLabels', t.value->'matchExpressions')
      FROM unnest('{affinity,antiAffinity}'::text[]) k(name), jsonb_array_elements(p_placement->k.name) t(value);
END
$$;
COMMENT ON FUNCTION cara.terms IS 'The affinity terms of a placement as rows.';

-- Domains (of nodes) that hold a project whose labels satisfy the term's selector.
CREATE OR REPLACE FUNCTION cara.term_domains(p_term jsonb, p_except text)
RETURNS TABLE (domain text) LANGUAGE plpgsql STABLE ROWS 100 SET search_path = cara, pg_temp
SET enable_nestloop = on SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_sort = off
AS $$
DECLARE
    v_labels      jsonb := coalesce(p_term->'matchLabels', '{}');
    v_expressions jsonb := p_term->'matchExpressions';
    v_key         text := p_term->>'topologyKey';
    v_projects    text[] := ARRAY(SELECT p.name FROM project p -- as an array: thousands of assignments are found in half the time of a join
                                   WHERE p.labels @> v_labels AND (v_expressions IS NULL OR expressions_match(p.labels, v_expressions)) AND p.name IS DISTINCT FROM p_except);
BEGIN
    IF v_key IS NULL THEN
        RETURN QUERY
        SELECT DISTINCT a.node FROM assignment a WHERE a.released_at IS NULL AND a.project = ANY (v_projects);
    ELSE
        RETURN QUERY
        SELECT DISTINCT n.labels->>v_key
          FROM node n
         WHERE CASE WHEN n.labels ? v_key THEN n.name IN ( -- CASE: hashed, never a loop
               SELECT a.node FROM assignment a WHERE a.released_at IS NULL AND a.project = ANY (v_projects)) END;
    END IF;
END
$$;
COMMENT ON FUNCTION cara.term_domains IS 'Where, under a term''s topology key, there is a project that its selector matches.';

-- Nodes that other projects keep this one away from: their required antiAffinity matches its labels.
CREATE OR REPLACE FUNCTION cara.repelled_nodes(p_labels jsonb, p_except text)
RETURNS TABLE (node text) LANGUAGE plpgsql STABLE ROWS 100 SET search_path = cara, pg_temp SET enable_nestloop = on SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_class uuid[];
    v_key   text[];
BEGIN
    WITH RECURSIVE class AS ( -- each class once, by the index: there may be many projects of one
        (SELECT d.class, d.project FROM demand d WHERE d.placement ? 'antiAffinity' ORDER BY d.class, d.project LIMIT 1)
        UNION ALL
        SELECT n.* FROM class c CROSS JOIN LATERAL (
            SELECT d.class, d.project FROM demand d WHERE d.placement ? 'antiAffinity' AND d.class > c.class ORDER BY d.class, d.project LIMIT 1) n
    )
    SELECT array_agg(c.class), array_agg(t->>'topologyKey') INTO v_class, v_key
      FROM class c JOIN demand d ON d.project = c.project CROSS JOIN jsonb_array_elements(d.placement->'antiAffinity') t
     WHERE NOT t ? 'weight' AND selector_matches(p_labels, t->'matchLabels', t->'matchExpressions');
    IF v_class IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH held AS MATERIALIZED (
        SELECT DISTINCT r.key, domain_of(h.name, h.labels, r.key) AS domain
          FROM unnest(v_class, v_key) r(class, key)
          JOIN demand d ON d.class = r.class AND d.placement ? 'antiAffinity' AND d.project IS DISTINCT FROM p_except
         CROSS JOIN LATERAL (SELECT a.node FROM assignment a WHERE a.project = d.project AND a.released_at IS NULL OFFSET 0) a
          JOIN node h ON h.name = a.node
    )
    SELECT h.domain FROM held h WHERE h.key IS NULL
    UNION ALL
    SELECT n.name FROM (SELECT DISTINCT k FROM unnest(v_key) k WHERE k IS NOT NULL) k CROSS JOIN node n
     WHERE CASE WHEN (k.k, n.labels->>k.k) IN (SELECT h.key, h.domain FROM held h WHERE h.key IS NOT NULL) THEN true END; -- CASE: hashed, never a loop
END
$$;
COMMENT ON FUNCTION cara.repelled_nodes IS 'Nodes that the required antiAffinity of projects there forbids to a project with these labels.';

-- Nodes where one of these host ports is taken.
CREATE OR REPLACE FUNCTION cara.port_nodes(p_ports text[], p_except text)
RETURNS TABLE (node text) LANGUAGE plpgsql STABLE ROWS 100 SET search_path = cara, pg_temp SET enable_nestloop = on SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
    RETURN QUERY
    SELECT a.node FROM demand d CROSS JOIN LATERAL (SELECT a.node FROM assignment a WHERE a.project = d.project AND a.released_at IS NULL OFFSET 0) a
     WHERE d.host_ports <> '{}' AND d.host_ports && p_ports AND d.project IS DISTINCT FROM p_except;
END
$$;
COMMENT ON FUNCTION cara.port_nodes IS 'Nodes where a project has one of the host ports.';

-- ---------------------------------------------------------------------------------------------
-- The verdict

-- The verdict on every node for one demand: the first rule that excludes it (NULL: none), what it has left for it, how it
-- ranks. One statement that the planner inlines: cara.slots() takes from it what it needs, cara.verdicts() gives it words.
-- p_self: the project when it is assigned already: it does not stand in its own way. p_there: only the node where it is, as one
-- that need not be open to anybody new (taints that drive out are cara.evict_unwanted()'s). A capacity that is not known is endless.
DROP FUNCTION IF EXISTS cara.verdicts(cara.demand, jsonb, text, text);
CREATE OR REPLACE FUNCTION cara.judge(p_demand cara.demand, p_labels jsonb, p_home text, p_self text, p_there boolean)
RETURNS TABLE (node text, reason text, room int, cpu_free bigint, memory_free bigint, taint text, pressure text, load int, used double precision, liking int, domain text)
LANGUAGE sql STABLE ROWS 1000
BEGIN ATOMIC
    WITH ask AS MATERIALIZED (
        SELECT p_demand.cpu, p_demand.memory, p_demand.host_ports AS ports, p_demand.placement->'nodeSelector' AS selector,
               p_demand.placement->'matchExpressions' AS expressions, p_demand.placement->'tolerations' AS tolerations, p_demand.placement->>'spreadBy' AS spread_by
    ), present AS MATERIALIZED (
        SELECT a.node, a.cpu, a.memory FROM cara.assignment a WHERE a.project = p_self AND a.released_at IS NULL
    ), mismatched AS MATERIALIZED (
        SELECT DISTINCT n.name -- also that the planner takes it for as few as can be hashed
          FROM (SELECT x->>'key' AS key, x->>'operator' AS operator, x->'values' AS allowed FROM ask a, jsonb_array_elements(a.expressions) x OFFSET 0) e CROSS JOIN cara.node n
         WHERE (SELECT a.expressions FROM ask a) IS NOT NULL AND NOT coalesce(cara.value_matches(n.labels->>e.key, e.operator, e.allowed), false)
    ), tainted AS (
        SELECT n.name AS node, t.taint, t.disliked
          FROM cara.node n CROSS JOIN LATERAL (
               SELECT (array_agg(concat(t->>'key', '=' || nullif(t->>'value', ''), ':', t->>'effect') ORDER BY x.n) FILTER (WHERE t->>'effect' <> 'PreferNoSchedule'))[1] AS taint,
                      bool_or(t->>'effect' = 'PreferNoSchedule') AS disliked
                 FROM jsonb_array_elements(n.spec->'taints') WITH ORDINALITY x(t, n) WHERE NOT cara.tolerates((SELECT a.tolerations FROM ask a), t)) t
         WHERE n.spec ? 'taints'
    ), taken AS MATERIALIZED (
        SELECT t.node FROM cara.port_nodes(p_demand.host_ports, p_self) t WHERE p_demand.host_ports <> '{}'
    ), repelled AS MATERIALIZED (
        SELECT r.node FROM cara.repelled_nodes(p_labels, p_self) r
    ), term AS MATERIALIZED (
        SELECT t.*, t.weight IS NULL AND t.repels AS avoids, t.weight IS NULL AND NOT t.repels AS needs, CASE WHEN t.repels THEN -t.weight ELSE t.weight END AS likes,
               dense_rank() OVER (ORDER BY t.key) = 1 AND t.key IS NOT NULL AS is_first -- the terms under one key of those there are, mostly all
          FROM cara.terms(p_demand.placement, p_labels) t WHERE p_demand.placement ?| '{affinity,antiAffinity}'
    ), occupied AS MATERIALIZED (
        SELECT t.id, d.domain FROM term t CROSS JOIN LATERAL cara.term_domains(t.term, p_self) d
    ), region AS MATERIALIZED ( -- the domains of that key
        SELECT o.domain, bool_or(t.avoids) AS avoided, count(*) FILTER (WHERE t.needs) AS met, sum(t.likes) AS liking
          FROM term t JOIN occupied o ON o.id = t.id WHERE t.is_first GROUP BY o.domain
    ), hit AS ( -- which other term finds somebody in the domain of which node
        SELECT t.avoids, t.needs, t.likes, o.domain AS node FROM term t JOIN occupied o ON o.id = t.id WHERE t.key IS NULL
        UNION ALL
        SELECT t.avoids, t.needs, t.likes, n.name FROM term t CROSS JOIN LATERAL (SELECT n.name, n.labels->>t.key AS domain FROM cara.node n OFFSET 0) n
         WHERE t.key IS NOT NULL AND NOT t.is_first AND CASE WHEN n.domain IS NOT NULL THEN (t.id, n.domain) IN (SELECT o.id, o.domain FROM occupied o) END -- CASE: hashed, never a loop
        UNION ALL -- an affinity to its own kind, of which there is none yet, is fine wherever there is a domain
        SELECT false, true, NULL, n.name FROM term t CROSS JOIN cara.node n
         WHERE t.own AND t.needs AND NOT EXISTS (SELECT FROM occupied o WHERE o.id = t.id) AND cara.domain_of(n.name, n.labels, t.key) IS NOT NULL
    ), known AS MATERIALIZED ( -- the few nodes, as a rule, of which there is something to know
        SELECT k.node, min(k.taint) AS taint, bool_or(k.avoided) AS avoided, count(*) FILTER (WHERE k.met) AS met, sum(k.liking) AS liking
          FROM (SELECT t.node, t.taint, false AS avoided, false AS met, CASE WHEN t.disliked THEN -1000 ELSE 0 END AS liking FROM tainted t
                UNION ALL
                SELECT h.node, NULL, h.avoids, h.needs, h.likes FROM hit h) k
         GROUP BY k.node
    )
    SELECT v.node, v.reason,
           greatest(0, least(v.cpu_free / (SELECT nullif(a.cpu, 0) FROM ask a), v.memory_free / (SELECT nullif(a.memory, 0) FROM ask a),
                             CASE WHEN p_demand.host_ports <> '{}' THEN 1 END, 1000000000))::int,
           v.cpu_free, v.memory_free, v.taint, v.pressure, v.load, v.used, v.liking, v.domain
      FROM (SELECT n.name AS node, r.projects - (n.name IS NOT DISTINCT FROM (SELECT p.node FROM present p))::int AS load, f.cpu_free, f.memory_free, k.taint, s.pressure,
                   greatest(r.cpu_taken::float8 / nullif(r.cpu, 0), r.memory_taken::float8 / nullif(r.memory, 0), 0) AS used,
                   (coalesce(k.liking, 0) + coalesce(g.liking, 0))::int AS liking,
                   coalesce(n.labels->>(SELECT a.spread_by FROM ask a), '') AS domain,
                   CASE WHEN s.state <> 'Ready' AND (s.state = 'NotReady' OR p_there IS NOT TRUE) THEN s.state
                        WHEN n.unschedulable AND p_there IS NOT TRUE THEN 'Unschedulable'
                        WHEN s.pressure <> '' AND p_there IS NOT TRUE THEN 'Pressure'
                        WHEN n.name <> p_home THEN 'DataElsewhere'
                        WHEN NOT n.labels @> (SELECT a.selector FROM ask a) THEN 'NodeSelector'
                        WHEN n.name IN (SELECT m.name FROM mismatched m) THEN 'MatchExpressions'
                        WHEN k.taint IS NOT NULL AND p_there IS NOT TRUE THEN 'Taint'
                        WHEN n.name IN (SELECT x.node FROM taken x) THEN 'HostPort'
                        WHEN k.avoided OR g.avoided OR n.name IN (SELECT p.node FROM repelled p) THEN 'AntiAffinity'
                        WHEN coalesce(k.met, 0) + coalesce(g.met, 0) < (SELECT count(*) FROM term t WHERE t.needs) THEN 'Affinity'
                        WHEN f.cpu_free < (SELECT a.cpu FROM ask a WHERE a.cpu > 0) THEN 'CPU'
                        WHEN f.memory_free < (SELECT a.memory FROM ask a WHERE a.memory > 0) THEN 'Memory'
                   END AS reason
              FROM cara.node n
              JOIN cara.node_status s ON s.node = n.name
              JOIN cara.node_room r ON r.node = n.name
              LEFT JOIN known k ON k.node = n.name
              LEFT JOIN region g ON g.domain = n.labels->>(SELECT t.key FROM term t WHERE t.is_first LIMIT 1)
              CROSS JOIN LATERAL (SELECT coalesce(r.cpu, 9000000000000000000) - r.cpu_taken + CASE WHEN n.name = (SELECT p.node FROM present p) THEN (SELECT p.cpu FROM present p) ELSE 0 END AS cpu_free,
                                         coalesce(r.memory, 9000000000000000000) - r.memory_taken + CASE WHEN n.name = (SELECT p.node FROM present p) THEN (SELECT p.memory FROM present p) ELSE 0 END AS memory_free) f
             WHERE p_there IS NOT TRUE OR n.name = (SELECT p.node FROM present p)
            OFFSET 0) v; -- OFFSET: the reason is worked out once a node, not again wherever it is asked for
END;
COMMENT ON FUNCTION cara.judge IS 'For each node: why it cannot take this demand (NULL when it can), for how many it has room, what is left, how it ranks.';

CREATE OR REPLACE FUNCTION cara.verdicts(p_demand cara.demand, p_labels jsonb, p_home text, p_self text DEFAULT NULL, p_there boolean DEFAULT false)
RETURNS TABLE (node text, reason text, lacks text, room int, load int, used double precision, liking int, domain text)
LANGUAGE plpgsql STABLE ROWS 1000 SET search_path = cara, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_nestloop = off SET enable_seqscan = on SET enable_hashjoin = on SET enable_mergejoin = off SET enable_sort = off -- everything is joined with all nodes
AS $$
BEGIN
    RETURN QUERY
    SELECT j.node, j.reason,
           CASE j.reason
               WHEN 'CPU' THEN show_cpu(p_demand.cpu - j.cpu_free)
               WHEN 'Memory' THEN show_memory(p_demand.memory - j.memory_free)
               WHEN 'Taint' THEN j.taint
               WHEN 'Pressure' THEN j.pressure
               WHEN 'DataElsewhere' THEN p_home
           END,
           j.room, j.load, j.used, j.liking, j.domain
      FROM judge(p_demand, p_labels, p_home, p_self, p_there) j;
END
$$;
COMMENT ON FUNCTION cara.verdicts IS 'What cara.judge() says of each node, with what it lacks in words.';

-- Each node that cannot take a demand, with the reason as people read it. What is lacking is the least that would do.
CREATE OR REPLACE FUNCTION cara.verdict_texts(p_demand cara.demand, p_labels jsonb, p_home text, p_self text DEFAULT NULL)
RETURNS TABLE (node text, reason text, text text) LANGUAGE sql STABLE SET search_path = cara, pg_temp
AS $$
    SELECT v.node, v.reason,
           CASE v.reason
               WHEN 'CPU' THEN 'cpu, short by ' || first_value(v.lacks) OVER (PARTITION BY v.reason ORDER BY quantity(v.lacks, 1000))
               WHEN 'Memory' THEN 'memory, short by ' || first_value(v.lacks) OVER (PARTITION BY v.reason ORDER BY quantity(v.lacks, 1000))
               WHEN 'Taint' THEN 'taint ' || v.lacks
               WHEN 'Pressure' THEN v.lacks
               WHEN 'DataElsewhere' THEN 'its data is on ' || v.lacks
               WHEN 'NodeSelector' THEN 'placement.nodeSelector'
               WHEN 'MatchExpressions' THEN 'placement.matchExpressions'
               WHEN 'HostPort' THEN 'host port taken'
               WHEN 'AntiAffinity' THEN 'antiAffinity'
               WHEN 'Affinity' THEN 'affinity, nothing it matches is there'
               WHEN 'Unschedulable' THEN 'cordoned'
               ELSE v.reason END
      FROM verdicts(p_demand, p_labels, p_home, p_self) v WHERE v.reason IS NOT NULL
$$;
COMMENT ON FUNCTION cara.verdict_texts IS 'The nodes that cannot take a demand, each with its reason in words.';

-- What nodes say of it, in one line: "3 nodes: memory, short by 512Mi; 2: taint gpu=only:NoSchedule", and before these how
-- many could take it: "2 nodes fit; 1: Draining". p_besides: a node that is not asked.
DROP FUNCTION IF EXISTS cara.verdict_text(cara.demand, jsonb, text, text);
CREATE OR REPLACE FUNCTION cara.verdict_text(p_demand cara.demand, p_labels jsonb, p_home text, p_self text DEFAULT NULL, p_besides text DEFAULT NULL)
RETURNS text LANGUAGE sql STABLE SET search_path = cara, pg_temp
AS $$
    WITH excluded AS MATERIALIZED (
        SELECT count(*), t.text FROM verdict_texts(p_demand, p_labels, p_home, p_self) t WHERE t.node IS DISTINCT FROM p_besides GROUP BY t.text
    ), said AS (
        SELECT f.count, CASE f.count WHEN 1 THEN ' fits' ELSE ' fit' END AS fits, '' AS text
          FROM (SELECT (SELECT count(*) FROM node n WHERE n.name IS DISTINCT FROM p_besides) - coalesce(sum(e.count), 0) AS count FROM excluded e) f WHERE f.count > 0
        UNION ALL
        SELECT e.count, NULL, e.text FROM excluded e
    )
    SELECT coalesce(string_agg(g.count || CASE WHEN g.turn > 1 THEN '' WHEN g.count = 1 THEN ' node' ELSE ' nodes' END || coalesce(g.fits, ': ' || g.text),
                               '; ' ORDER BY g.turn),
                    CASE WHEN EXISTS (SELECT FROM node) THEN 'there is no other node' ELSE 'no nodes are registered: start cara-agent on a machine' END)
      FROM (SELECT s.*, row_number() OVER (ORDER BY s.fits IS NULL, s.count DESC, s.text) AS turn FROM said s) g
$$;
COMMENT ON FUNCTION cara.verdict_text IS 'How many nodes can take a demand, and the reasons why the others cannot, each with the number of nodes it excludes.';
