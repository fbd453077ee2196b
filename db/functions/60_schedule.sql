-- The decision: which node runs what.
--
-- Set-based. Pending projects that ask for the same (a class) are placed together: one statement looks at the
-- nodes, fills them as the strategy says and writes the decisions; rounds of it, until all are placed or none fits.
-- The verdict on a node is cara.verdicts(); api.why() asks the same function, so there is no second copy of a rule.

-- One decision at a time in a database; held to the end of the transaction.
CREATE OR REPLACE FUNCTION cara.schedule_lock()
RETURNS void LANGUAGE sql SET search_path = cara, pg_temp
AS $$ SELECT pg_advisory_xact_lock(hashtextextended('cara.schedule', 0)) $$;
COMMENT ON FUNCTION cara.schedule_lock IS 'Waits until no other transaction is deciding; released when this one ends.';

-- Domains (of nodes) that hold a project whose labels satisfy the term's selector.
CREATE OR REPLACE FUNCTION cara.term_domains(p_term jsonb, p_except text)
RETURNS TABLE (domain text) LANGUAGE sql STABLE SET search_path = cara, pg_temp
AS $$
    SELECT DISTINCT domain_of(n.name, n.labels, p_term->>'topologyKey')
      FROM project p
      JOIN assignment a ON a.project = p.name AND a.released_at IS NULL
      JOIN node n ON n.name = a.node
     WHERE p.labels @> coalesce(p_term->'matchLabels', '{}')
       AND (p_term->'matchExpressions' IS NULL OR selector_matches(p.labels, NULL, p_term->'matchExpressions'))
       AND p.name IS DISTINCT FROM p_except
$$;
COMMENT ON FUNCTION cara.term_domains IS 'Where, under a term''s topology key, there is a project that its selector matches.';

-- Nodes that other projects keep this one away from: their required antiAffinity matches its labels.
CREATE OR REPLACE FUNCTION cara.repelled_nodes(p_labels jsonb, p_except text)
RETURNS TABLE (node text) LANGUAGE sql STABLE SET search_path = cara, pg_temp
AS $$
    SELECT m.name
      FROM demand d
      JOIN assignment a ON a.project = d.project AND a.released_at IS NULL
      JOIN node h ON h.name = a.node
      CROSS JOIN jsonb_array_elements(d.placement->'antiAffinity') t
      JOIN node m ON domain_of(m.name, m.labels, t->>'topologyKey') = domain_of(h.name, h.labels, t->>'topologyKey')
     WHERE d.placement ? 'antiAffinity' AND NOT t ? 'weight' AND d.project IS DISTINCT FROM p_except
       AND selector_matches(p_labels, t->'matchLabels', t->'matchExpressions')
$$;
COMMENT ON FUNCTION cara.repelled_nodes IS 'Nodes that the required antiAffinity of projects there forbids to a project with these labels.';

-- The verdict on every node for one demand: the first rule that excludes it (NULL: none), what that rule
-- misses, how many projects of this class it has room for, and how much it is liked.
--
-- p_home: the node where its data is, or NULL. p_self: the project when it is assigned already (it does not stand in its own way).
CREATE OR REPLACE FUNCTION cara.verdicts(p_demand cara.demand, p_labels jsonb, p_home text, p_self text DEFAULT NULL)
RETURNS TABLE (node text, reason text, lacks text, room bigint, load int, used double precision, liking int, domain text)
LANGUAGE sql STABLE SET search_path = cara, pg_temp
AS $$
    WITH term AS MATERIALIZED (
        SELECT t, k = 'antiAffinity' AS repels, t ? 'weight' AS preferred, array(SELECT domain FROM term_domains(t, p_self)) AS domains,
               selector_matches(p_labels, t->'matchLabels', t->'matchExpressions') AS self
          FROM unnest('{affinity,antiAffinity}'::text[]) k, jsonb_array_elements(p_demand.placement->k) t
    ), taken AS MATERIALIZED (
        SELECT DISTINCT a.node FROM demand d JOIN assignment a ON a.project = d.project AND a.released_at IS NULL
         WHERE d.host_ports <> '{}' AND p_demand.host_ports <> '{}' AND d.host_ports && p_demand.host_ports AND d.project IS DISTINCT FROM p_self
    ), repelled AS MATERIALIZED (
        SELECT r.node FROM repelled_nodes(p_labels, p_self) r
    ), own AS ( -- what it takes itself where it is
        SELECT a.node FROM assignment a WHERE a.project = p_self AND a.released_at IS NULL
    )
    SELECT v.node, v.reason,
           CASE v.reason
               WHEN 'CPU' THEN show_cpu(p_demand.cpu - v.cpu_free)
               WHEN 'Memory' THEN show_memory(p_demand.memory - v.memory_free)
               WHEN 'Taint' THEN untolerated(v.taints, p_demand.placement->'tolerations', '{NoSchedule,NoExecute}')
               WHEN 'Pressure' THEN v.pressure
               WHEN 'DataElsewhere' THEN p_home
           END,
           least(CASE WHEN p_demand.cpu > 0 THEN v.cpu_free / p_demand.cpu END,
                 CASE WHEN p_demand.memory > 0 THEN v.memory_free / p_demand.memory END,
                 CASE WHEN p_demand.host_ports <> '{}' THEN 1 END,
                 1000000000),
           v.projects, v.used, v.liking, v.domain
      FROM (SELECT n.name AS node, r.projects - (o.node IS NOT NULL)::int AS projects, f.cpu_free, f.memory_free, n.spec->'taints' AS taints,
                   s.pressure,
                   greatest(r.cpu_taken::float8 / nullif(r.cpu, 0), r.memory_taken::float8 / nullif(r.memory, 0), 0) AS used,
                   coalesce((SELECT sum(CASE WHEN domain_of(n.name, n.labels, t.t->>'topologyKey') = ANY (t.domains)
                                             THEN CASE WHEN t.repels THEN -1 ELSE 1 END * (t.t->>'weight')::int ELSE 0 END)
                               FROM term t WHERE t.preferred), 0)::int
                   - CASE WHEN n.spec ? 'taints' AND untolerated(n.spec->'taints', p_demand.placement->'tolerations', '{PreferNoSchedule}') IS NOT NULL
                          THEN 1000 ELSE 0 END AS liking,
                   coalesce(n.labels->>(p_demand.placement->>'spreadBy'), '') AS domain,
                   CASE WHEN s.state <> 'Ready' THEN s.state
                        WHEN n.unschedulable THEN 'Unschedulable'
                        WHEN s.pressure <> '' THEN 'Pressure'
                        WHEN p_home IS NOT NULL AND n.name <> p_home THEN 'DataElsewhere'
                        WHEN p_demand.placement ? 'nodeSelector' AND NOT n.labels @> (p_demand.placement->'nodeSelector') THEN 'NodeSelector'
                        WHEN p_demand.placement ? 'matchExpressions'
                             AND NOT selector_matches(n.labels, NULL, p_demand.placement->'matchExpressions') THEN 'MatchExpressions'
                        WHEN n.spec ? 'taints' AND untolerated(n.spec->'taints', p_demand.placement->'tolerations', '{NoSchedule,NoExecute}') IS NOT NULL THEN 'Taint'
                        WHEN n.name IN (SELECT t.node FROM taken t) THEN 'HostPort'
                        WHEN EXISTS (SELECT FROM term t WHERE t.repels AND NOT t.preferred
                                        AND domain_of(n.name, n.labels, t.t->>'topologyKey') = ANY (t.domains))
                             OR n.name IN (SELECT p.node FROM repelled p) THEN 'AntiAffinity'
                        WHEN EXISTS (SELECT FROM term t WHERE NOT t.repels AND NOT t.preferred
                                        AND NOT coalesce(domain_of(n.name, n.labels, t.t->>'topologyKey') = ANY (t.domains), false)
                                        AND NOT (t.self AND t.domains = '{}' AND domain_of(n.name, n.labels, t.t->>'topologyKey') IS NOT NULL)) THEN 'Affinity'
                        WHEN f.cpu_free < p_demand.cpu THEN 'CPU'
                        WHEN f.memory_free < p_demand.memory THEN 'Memory'
                   END AS reason
              FROM node n
              JOIN node_status s ON s.node = n.name
              JOIN node_room r ON r.node = n.name
              LEFT JOIN own o ON o.node = n.name
              CROSS JOIN LATERAL (SELECT r.cpu - r.cpu_taken + CASE WHEN o.node IS NULL THEN 0 ELSE p_demand.cpu END AS cpu_free,
                                         r.memory - r.memory_taken + CASE WHEN o.node IS NULL THEN 0 ELSE p_demand.memory END AS memory_free) f) v
$$;
COMMENT ON FUNCTION cara.verdicts IS 'For each node: why it cannot take this demand (NULL when it can), what it lacks, for how many it has room, how it ranks.';

-- How a strategy turns verdicts into turns: the first p_count places, best first. One round; it stops short
-- where what is placed first changes the verdict on the rest (p_one_a_domain, the first of an affinity).
CREATE OR REPLACE FUNCTION cara.slots(p_demand cara.demand, p_labels jsonb, p_home text, p_count bigint)
RETURNS TABLE (turn bigint, node text, score double precision) LANGUAGE sql STABLE SET search_path = cara, pg_temp
AS $$
    WITH verdict AS MATERIALIZED (
        SELECT v.* FROM verdicts(p_demand, p_labels, p_home) v
    ), alone AS MATERIALIZED ( -- topology keys under which projects of this class keep away from one another
        SELECT t->>'topologyKey' AS key FROM jsonb_array_elements(p_demand.placement->'antiAffinity') t
         WHERE NOT t ? 'weight' AND selector_matches(p_labels, t->'matchLabels', t->'matchExpressions')
    ), first_of_kind AS MATERIALIZED ( -- an affinity to its own kind, of which there is none yet, decides the domain with its first
        SELECT 1 FROM jsonb_array_elements(p_demand.placement->'affinity') t
         WHERE NOT t ? 'weight' AND selector_matches(p_labels, t->'matchLabels', t->'matchExpressions')
           AND NOT EXISTS (SELECT FROM term_domains(t, NULL)) LIMIT 1
    ), wanted AS (
        SELECT CASE WHEN EXISTS (SELECT FROM first_of_kind) OR EXISTS (SELECT FROM alone a WHERE a.key IS NOT NULL) THEN 1 ELSE p_count END AS count
    ), fit AS MATERIALIZED (
        SELECT v.node, v.load, v.used, v.domain, CASE WHEN EXISTS (SELECT FROM alone) THEN least(v.room, 1) ELSE v.room END AS room
          FROM verdict v
         WHERE v.reason IS NULL AND v.liking = (SELECT max(b.liking) FROM verdict b WHERE b.reason IS NULL)
    ),
    -- BinPack: the fullest first, each to the brim
    packed AS (
        SELECT f.node, f.used, f.room, sum(f.room) OVER (ORDER BY f.used DESC, f.load DESC, f.node ROWS UNBOUNDED PRECEDING) AS upto FROM fit f
    ),
    -- Spread: domains level first, then the nodes within each. Filling up evenly to a level is laying out the
    -- slots (level, name) in order; the level needed for a count follows from the sums of the lowest.
    domain AS (
        SELECT f.domain, (SELECT coalesce(sum(v.load), 0) FROM verdict v WHERE v.domain = f.domain) AS load, sum(f.room) AS room FROM fit f GROUP BY f.domain
    ), domain_sums AS (
        SELECT d.*, count(*) OVER w AS n, sum(d.load) OVER w AS total, lead(d.load) OVER (ORDER BY d.load, d.domain) AS next
          FROM domain d WINDOW w AS (ORDER BY d.load, d.domain ROWS UNBOUNDED PRECEDING)
    ), domain_level AS (
        SELECT min(ceil((w.count + d.total) / d.n)) AS level FROM domain_sums d, wanted w WHERE d.next IS NULL OR d.n * d.next - d.total >= w.count
    ), quota AS (
        SELECT d.domain, d.load, least(l.level - d.load, d.room) AS quota FROM domain d, domain_level l WHERE l.level > d.load
    ), node_sums AS (
        SELECT f.node, f.load, f.room, f.domain, q.quota, q.load AS domain_load, count(*) OVER w AS n, sum(f.load) OVER w AS total,
               lead(f.load) OVER (PARTITION BY f.domain ORDER BY f.load, f.node) AS next
          FROM fit f JOIN quota q USING (domain)
        WINDOW w AS (PARTITION BY f.domain ORDER BY f.load, f.node ROWS UNBOUNDED PRECEDING)
    ), node_level AS (
        SELECT s.domain, min(ceil((s.quota + s.total) / s.n))::bigint AS level FROM node_sums s
         WHERE s.next IS NULL OR s.n * s.next - s.total >= s.quota GROUP BY s.domain
    ), spread AS (
        SELECT s.node, g.level, s.domain, s.domain_load + row_number() OVER (PARTITION BY s.domain ORDER BY g.level, s.node) AS domain_turn
          FROM node_sums s JOIN node_level l USING (domain)
          CROSS JOIN LATERAL generate_series(s.load + 1, least(l.level, s.load + s.room)) AS g(level)
    )
    SELECT row_number() OVER (ORDER BY x.a, x.b, x.node) AS turn, x.node, x.score FROM (
        SELECT p.domain_turn::float8 AS a, p.domain AS b, p.node, -p.level::float8 AS score FROM spread p
         WHERE p_demand.placement->>'strategy' IS DISTINCT FROM 'BinPack'
        UNION ALL
        SELECT p.upto - p.room + g, '', p.node, round(p.used::numeric * 100, 1)::float8 FROM packed p, wanted w
          CROSS JOIN LATERAL generate_series(1, least(p.room, greatest(w.count - (p.upto - p.room), 0)::bigint)) AS g
         WHERE p_demand.placement->>'strategy' = 'BinPack') x
     ORDER BY 1 LIMIT (SELECT w.count FROM wanted w)
$$;
COMMENT ON FUNCTION cara.slots IS 'The best places for up to p_count projects of a class, in turn; fewer where a place changes the verdict on the next.';

-- Places a round of one class; returns who was placed.
CREATE OR REPLACE FUNCTION cara.place_round(p_demand cara.demand, p_labels jsonb, p_home text, p_waiting text[], p_excluded jsonb, p_now timestamptz)
RETURNS text[] LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_placed text[];
BEGIN
    WITH slot AS MATERIALIZED (
        SELECT * FROM slots(p_demand, p_labels, p_home, cardinality(p_waiting) + 1)
    ), decision AS (
        SELECT w.project, s.node, s.score, s.turn,
               coalesce(n.node, (SELECT o.node FROM slot o WHERE o.node <> s.node ORDER BY o.turn LIMIT 1)) AS runner_up,
               coalesce(n.score, (SELECT o.score FROM slot o WHERE o.node <> s.node ORDER BY o.turn LIMIT 1)) AS runner_up_score
          FROM slot s JOIN unnest(p_waiting) WITH ORDINALITY w(project, turn) USING (turn)
          LEFT JOIN slot n ON n.turn = s.turn + 1 AND n.node <> s.node
    ), superseded AS ( -- the same node again: what is left there of an older epoch is taken over, not cleared away
        UPDATE assignment a SET gone_at = p_now FROM decision d
         WHERE a.project = d.project AND a.node = d.node AND a.gone_at IS NULL
    ), placed AS (
        INSERT INTO assignment (project, node, decided_at, why, cpu, memory, score, runner_up, runner_up_score, excluded)
        SELECT d.project, d.node, p_now, coalesce(p_demand.placement->>'strategy', 'Spread'), p_demand.cpu, p_demand.memory,
               d.score, d.runner_up, d.runner_up_score, p_excluded
          FROM decision d ORDER BY d.turn
        RETURNING project, node
    ), moved AS (
        UPDATE project_status s
           SET phase = 'Scheduled', phase_since = p_now, updated_at = p_now, reason = '', message = ''
          FROM placed p WHERE s.project = p.project
    ), told AS (
        INSERT INTO event (kind, name, type, reason, message, actor, first_at, last_at)
        SELECT 'Project', p.project, 'Normal', 'Scheduled', 'Assigned to node ' || p.node, 'system:scheduler', p_now, p_now FROM placed p
    ), home AS (
        INSERT INTO data_home (project, node, since) SELECT p.project, p.node, p_now FROM placed p WHERE p_demand.keeps_data
        ON CONFLICT (project) DO NOTHING
    )
    SELECT array_agg(p.project) INTO v_placed FROM placed p;
    RETURN coalesce(v_placed, '{}');
END
$$;
COMMENT ON FUNCTION cara.place_round IS 'Decides for as many of p_waiting (all of one class) as one look at the nodes allows; returns them.';

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

-- Why nobody can take it, in one line: "3 nodes: memory, short by 512Mi; 2: taint gpu=only:NoSchedule".
CREATE OR REPLACE FUNCTION cara.verdict_text(p_demand cara.demand, p_labels jsonb, p_home text, p_self text DEFAULT NULL)
RETURNS text LANGUAGE sql STABLE SET search_path = cara, pg_temp
AS $$
    SELECT CASE WHEN NOT EXISTS (SELECT FROM node) THEN 'no nodes are registered: start cara-agent on a machine'
                ELSE coalesce(string_agg(g.count || CASE WHEN g.turn > 1 THEN ': ' WHEN g.count = 1 THEN ' node: ' ELSE ' nodes: ' END || g.text,
                                         '; ' ORDER BY g.turn), 'waits for its turn') END
      FROM (SELECT count(*), t.text, row_number() OVER (ORDER BY count(*) DESC, t.text) AS turn
              FROM verdict_texts(p_demand, p_labels, p_home, p_self) t GROUP BY t.text) g
$$;
COMMENT ON FUNCTION cara.verdict_text IS 'The reasons why nodes cannot take a demand, each with the number of nodes it excludes.';

-- Takes a project off its node; it waits for another one. What it leaves there is the node's to clear away.
CREATE OR REPLACE FUNCTION cara.release(p_projects text[], p_because text, p_reason text, p_message text, p_actor text, p_now timestamptz)
RETURNS bigint LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_count bigint;
BEGIN
    WITH moved AS (
        UPDATE project_status s
           SET phase = 'Pending', phase_since = p_now, updated_at = p_now, reason = p_reason, message = p_message
         WHERE s.project = ANY (p_projects) AND s.phase IN ('Scheduled', 'Running', 'Failed') RETURNING s.project
    ), released AS (
        UPDATE assignment a SET released_at = p_now, released_because = p_because
          FROM moved m WHERE a.project = m.project AND a.released_at IS NULL RETURNING a.project, a.node
    ), told AS (
        INSERT INTO event (kind, name, type, reason, message, actor, first_at, last_at)
        SELECT 'Project', r.project, 'Warning', p_because, format('Taken off node %s: %s', r.node, p_message), p_actor, p_now, p_now FROM released r
    )
    SELECT count(*) INTO v_count FROM released;
    RETURN v_count;
END
$$;
COMMENT ON FUNCTION cara.release IS 'Gives projects back to the scheduler, with reason and event; returns how many had a node.';

-- Makes room for one project by taking lower priorities off one node: where the highest of those taken off is
-- lowest, then where the fewest are, then by name. Returns whether it did.
CREATE OR REPLACE FUNCTION cara.preempt(p_project text, p_demand cara.demand, p_labels jsonb, p_home text, p_now timestamptz)
RETURNS boolean LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_node    text;
    v_victims text[];
BEGIN
    WITH candidate AS (
        SELECT v.node, p_demand.cpu - (r.cpu - r.cpu_taken) AS cpu_lacks, p_demand.memory - (r.memory - r.memory_taken) AS memory_lacks
          FROM verdicts(p_demand, p_labels, p_home) v JOIN node_room r ON r.node = v.node WHERE v.reason IN ('CPU', 'Memory', 'HostPort')
    ), victim AS (
        SELECT c.node, c.cpu_lacks, c.memory_lacks, a.project, d.priority, sum(d.cpu) OVER w AS cpu, sum(d.memory) OVER w AS memory,
               row_number() OVER w AS k, max(d.priority) OVER w AS highest,
               count(*) FILTER (WHERE d.host_ports && p_demand.host_ports) OVER w AS ports
          FROM candidate c JOIN assignment a ON a.node = c.node AND a.released_at IS NULL JOIN demand d ON d.project = a.project
         WHERE d.priority < p_demand.priority
        WINDOW w AS (PARTITION BY c.node ORDER BY NOT d.host_ports && p_demand.host_ports, d.priority, a.epoch DESC ROWS UNBOUNDED PRECEDING)
    ), enough AS (
        SELECT DISTINCT ON (v.node) v.node, v.k, v.highest FROM victim v
         WHERE (v.cpu_lacks IS NULL OR v.cpu >= v.cpu_lacks) AND (v.memory_lacks IS NULL OR v.memory >= v.memory_lacks)
           AND v.ports = (SELECT count(*) FROM assignment a JOIN demand d ON d.project = a.project
                           WHERE a.node = v.node AND a.released_at IS NULL AND d.host_ports && p_demand.host_ports)
         ORDER BY v.node, v.k
    ), best AS (
        SELECT e.* FROM enough e ORDER BY e.highest, e.k, e.node LIMIT 1
    )
    SELECT b.node, array_agg(v.project ORDER BY v.k) INTO v_node, v_victims
      FROM best b JOIN victim v ON v.node = b.node AND v.k <= b.k GROUP BY b.node;
    IF v_node IS NULL THEN
        RETURN false;
    END IF;
    BEGIN
        PERFORM release(v_victims, 'Preempted', 'Preempted', format('made room for %s of priority %s', p_project, p_demand.priority), 'system:scheduler', p_now);
        IF (SELECT v.reason FROM verdicts(p_demand, p_labels, p_home) v WHERE v.node = v_node) IS NOT NULL THEN
            RAISE EXCEPTION USING ERRCODE = 'SR000'; -- another rule stands in the way: they stay where they are
        END IF;
    EXCEPTION WHEN SQLSTATE 'SR000' THEN
        RETURN false;
    END;
    RETURN true;
END
$$;
COMMENT ON FUNCTION cara.preempt IS 'Takes the least that is of lower priority off one node so that the project fits there; false when that helps nowhere.';

-- Why projects wait, told once until it is something else.
CREATE OR REPLACE FUNCTION cara.tell_waiting(p_projects text[], p_message text, p_now timestamptz)
RETURNS void LANGUAGE sql SET search_path = cara, pg_temp
AS $$
    WITH stuck AS (
        UPDATE project_status s SET reason = 'NoNodeAvailable', message = p_message, updated_at = p_now
         WHERE s.project = ANY (p_projects) AND s.phase = 'Pending' AND (s.reason, s.message) IS DISTINCT FROM ('NoNodeAvailable', p_message)
        RETURNING s.project
    )
    INSERT INTO event (kind, name, type, reason, message, actor, first_at, last_at)
    SELECT 'Project', k.project, 'Warning', 'NoNodeAvailable', p_message, 'system:scheduler', p_now, p_now FROM stuck k
$$;
COMMENT ON FUNCTION cara.tell_waiting IS 'Gives waiting projects their reason, with an event when it is a new one.';

-- Pending projects that may be placed now. One that was taken off a live node waits until that node has cleared
-- away what it had, so that two of it never run; for a node that does not answer only as long as a deletion would.
CREATE OR REPLACE FUNCTION cara.placeable(p_now timestamptz)
RETURNS TABLE (project text, phase_since timestamptz) LANGUAGE sql VOLATILE SET search_path = cara, pg_temp
AS $$
    SELECT s.project, s.phase_since FROM project_status s JOIN project p ON p.name = s.project
     WHERE s.phase = 'Pending'
       AND (coalesce(current_setting('cara.planning', true), '') = 'on'
            OR NOT EXISTS (SELECT FROM assignment a JOIN node_status n ON n.node = a.node AND n.state <> 'NotReady'
                        WHERE a.project = s.project AND a.gone_at IS NULL AND a.released_at > p_now - setting_interval('terminating_timeout')
                          AND a.released_because <> 'NodeLost'))
       FOR KEY SHARE OF p SKIP LOCKED FOR UPDATE OF s SKIP LOCKED -- whoever has one locked wakes us when done
$$;
COMMENT ON FUNCTION cara.placeable IS 'Pending projects that nothing of is left on a live node, locked.';

-- Places every pending project it can: higher priority first, then older. Deterministic: the same tables give
-- the same decisions. Returns how many were placed.
CREATE OR REPLACE FUNCTION api.schedule(p_now timestamptz DEFAULT clock_timestamp())
RETURNS int LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_group    record;
    v_left     text[];
    v_round    text[];
    v_excluded jsonb;
    v_placed   int := 0;
    v_before   int := -1;
    v_repels   boolean;
    v_again    boolean := true;
BEGIN
    IF NOT EXISTS (SELECT FROM project_status WHERE phase = 'Pending') THEN
        RETURN 0;
    END IF;
    PERFORM schedule_lock();
    -- where nobody keeps away from anybody, labels do not matter and do not tell classes apart
    SELECT EXISTS (SELECT FROM demand d WHERE d.placement ? 'antiAffinity') INTO v_repels;
    WHILE v_again AND v_placed > v_before LOOP
        v_before := v_placed;
        v_again := false;
        FOR v_group IN
            SELECT d.priority, d.class, h.node AS home, CASE WHEN v_repels OR d.placement ? 'affinity' THEN p.labels ELSE '{}' END AS labels,
                   array_agg(w.project ORDER BY w.phase_since, w.project) AS projects
              FROM placeable(p_now) w JOIN demand d ON d.project = w.project JOIN project p ON p.name = w.project
              LEFT JOIN data_home h ON h.project = w.project AND d.keeps_data
             GROUP BY 1, 2, 3, 4 ORDER BY d.priority DESC, min(w.phase_since), min(w.project)
        LOOP
            v_left := v_group.projects;
            DECLARE
                v_demand demand;
            BEGIN
                SELECT * INTO v_demand FROM demand d WHERE d.project = v_left[1];
                SELECT coalesce(jsonb_object_agg(x.reason, x.count), '{}') INTO v_excluded
                  FROM (SELECT v.reason, count(*) FROM verdicts(v_demand, v_group.labels, v_group.home) v WHERE v.reason IS NOT NULL GROUP BY 1) x;
                WHILE cardinality(v_left) > 0 LOOP
                    v_round := place_round(v_demand, v_group.labels, v_group.home, v_left, v_excluded, p_now);
                    v_placed := v_placed + cardinality(v_round);
                    IF v_round = '{}' THEN
                        EXIT WHEN NOT v_demand.preempts OR v_group.priority <= (SELECT min(d.priority) FROM demand d)
                               OR NOT preempt(v_left[1], v_demand, v_group.labels, v_group.home, p_now);
                        v_again := true; -- those taken off may fit elsewhere
                    ELSE
                        SELECT coalesce(array_agg(l.project ORDER BY l.n), '{}') INTO v_left
                          FROM unnest(v_left) WITH ORDINALITY l(project, n) WHERE l.project <> ALL (v_round);
                    END IF;
                END LOOP;
                IF cardinality(v_left) > 0 THEN
                    PERFORM tell_waiting(v_left, verdict_text(v_demand, v_group.labels, v_group.home), p_now);
                    v_again := v_again OR v_demand.placement ? 'affinity'; -- what it wants to be near may have come since
                END IF;
            END;
        END LOOP;
    END LOOP;
    RETURN v_placed;
END
$$;
COMMENT ON FUNCTION api.schedule IS 'Places every pending project it can and returns how many; the rest is told why it waits.';
