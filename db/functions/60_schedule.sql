-- The decision: which node runs what.
--
-- Set-based. Pending projects that ask for the same (a class) are placed together: one statement looks at the
-- nodes, fills them as the strategy says and writes the decisions; rounds of it, until all are placed or none fits.
-- What decides about a node is cara.judge() in 58_verdict.sql.
--
-- The functions on this path are plpgsql, whose plans are kept for the session: planning them anew for every
-- class would cost more than running them. A plan that is kept must not hang on what the tables held when it was made:
-- what looks at all nodes hashes them, what is about some projects goes by their names (SET enable_... says so, and
-- LATERAL ... OFFSET 0: from the project to its assignment, never through all assignments).

-- One decision at a time in a database; held to the end of the transaction.
CREATE OR REPLACE FUNCTION cara.schedule_lock()
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$ BEGIN PERFORM pg_advisory_xact_lock(hashtextextended('cara.schedule', 0)); END $$;
COMMENT ON FUNCTION cara.schedule_lock IS 'Waits until no other transaction is deciding; released when this one ends.';

-- ---------------------------------------------------------------------------------------------
-- Placing

-- The best place for one, and the second best. What cara.slots() would give it, without laying out turns.
CREATE OR REPLACE FUNCTION cara.slot(p_demand cara.demand, p_labels jsonb, p_home text, OUT nodes text[], OUT scores double precision[], OUT excluded jsonb)
LANGUAGE plpgsql STABLE SET search_path = cara, pg_temp SET plan_cache_mode = force_generic_plan SET enable_nestloop = off SET enable_seqscan = on SET enable_hashjoin = on SET enable_mergejoin = off
AS $$
#variable_conflict use_column
DECLARE
    v_packs boolean := coalesce(p_demand.placement->>'strategy' = 'BinPack', false);
    v_zoned boolean := NOT v_packs AND p_demand.placement ? 'spreadBy';
BEGIN
    WITH verdict AS MATERIALIZED (
        SELECT v.liking, CASE WHEN v_packs THEN -v.used ELSE v.load END AS rank, CASE WHEN v_packs THEN -v.load ELSE 0 END AS rank2,
               v.node COLLATE "C" AS node, v.reason, v.reason IS NULL AS fits, v.load, CASE WHEN v_zoned THEN v.domain END COLLATE "C" AS domain
          FROM judge(p_demand, p_labels, p_home, NULL, false) v
    ), domain AS MATERIALIZED (
        SELECT v.domain, sum(v.load) AS load FROM verdict v WHERE v_zoned GROUP BY v.domain
    ), best AS MATERIALIZED (
        SELECT v.node, v.rank, v.load FROM verdict v LEFT JOIN domain d ON d.domain = v.domain WHERE v.fits
         ORDER BY v.liking DESC, d.load, v.domain, v.rank, v.rank2, v.node LIMIT 2
    )
    SELECT array_agg(b.node), array_agg(CASE WHEN v_packs THEN round(-b.rank::numeric * 100, 1) ELSE -1 - b.load END::float8),
           (SELECT coalesce(jsonb_object_agg(x.reason, x.count), '{}')
              FROM (SELECT v.reason, count(*) FROM verdict v WHERE v.reason IS NOT NULL GROUP BY v.reason) x)
      INTO nodes, scores, excluded FROM best b;
END
$$;
COMMENT ON FUNCTION cara.slot IS 'The best two nodes for a project with their scores, and how many nodes each rule excludes.';

-- How a strategy turns verdicts into turns: the first p_count places, best first. One round; it stops short
-- where what is placed first changes the verdict on the rest: its own kind in a domain, a node that is full.
DROP FUNCTION IF EXISTS cara.slots(cara.demand, jsonb, text, bigint);
CREATE OR REPLACE FUNCTION cara.slots(p_demand cara.demand, p_labels jsonb, p_home text, p_count bigint,
    OUT nodes text[], OUT scores double precision[], OUT runner_ups text[], OUT runner_up_scores double precision[], OUT excluded jsonb)
LANGUAGE plpgsql STABLE SET search_path = cara, pg_temp SET plan_cache_mode = force_generic_plan SET enable_nestloop = off SET enable_seqscan = on SET enable_hashjoin = on SET enable_mergejoin = on
AS $$
#variable_conflict use_column
DECLARE
    v_packs  boolean := coalesce(p_demand.placement->>'strategy' = 'BinPack', false);
    v_zoned  boolean := NOT v_packs AND p_demand.placement ? 'spreadBy'; -- otherwise all nodes are one domain
    v_level  boolean := NOT v_packs AND NOT v_zoned;
    v_social boolean := p_demand.placement ?| '{affinity,antiAffinity}';
    v_best   boolean := NOT v_zoned AND NOT (v_social AND EXISTS (SELECT FROM terms(p_demand.placement, p_labels) t WHERE t.repels AND t.own)); -- the best are enough to know
    v_count  bigint;
    v_next   text;
    v_score  double precision;
    v_apart  boolean; -- no node has two turns in a row
BEGIN
    IF p_count = 1 THEN
        SELECT s.nodes, s.scores, s.excluded INTO nodes, scores, excluded FROM slot(p_demand, p_labels, p_home) s;
        runner_ups := nodes[2:];
        runner_up_scores := scores[2:];
        nodes := coalesce(nodes[:1], '{}');
        RETURN;
    END IF;
    WITH verdict AS MATERIALIZED (
        SELECT v.node COLLATE "C" AS node, v.reason, v.room, v.load, v.used, v.liking, v.domain COLLATE "C" AS domain,
               CASE WHEN v_packs THEN -v.used ELSE v.load END AS rank, CASE WHEN v_packs THEN -v.load ELSE 0 END AS rank2
          FROM judge(p_demand, p_labels, p_home, NULL, false) v
    ), best AS MATERIALIZED ( -- nobody needs more nodes than places, the next in turn and who came second
        SELECT v.liking, v.rank, v.rank2, v.node, v.load, v.room, v.used, v.domain FROM verdict v WHERE v.reason IS NULL -- what is sorted by comes first: found faster
         ORDER BY v.liking DESC, v.rank, v.rank2, v.node LIMIT p_count + 2
    ), liked AS (
        SELECT b.* FROM best b WHERE v_best AND b.liking = (SELECT max(m.liking) FROM best m)
        UNION ALL
        SELECT v.liking, v.rank, v.rank2, v.node, v.load, v.room, v.used, v.domain FROM verdict v
         WHERE NOT v_best AND v.reason IS NULL AND v.liking = (SELECT max(m.liking) FROM best m)
    ), own AS MATERIALIZED ( -- what it says of its own kind
        SELECT t.* FROM terms(p_demand.placement, p_labels) t WHERE v_social AND t.own
    ), occupied AS MATERIALIZED (
        SELECT o.id, d.domain FROM own o CROSS JOIN LATERAL term_domains(o.term, NULL) d
    ), wanted AS MATERIALIZED (
        SELECT CASE WHEN count(*) FILTER (WHERE o.repels) > 1 -- several at once: one after the other
                      OR bool_or(NOT o.repels AND NOT EXISTS (SELECT FROM occupied c WHERE c.id = o.id)) -- the first one decides the domain
                    THEN least(p_count, 1) ELSE p_count END AS count
          FROM own o
    ), first_there AS MATERIALIZED ( -- domains it keeps its own kind away from, none of which is there yet: room for one on one node
        SELECT l.node, row_number() OVER (PARTITION BY domain_of(n.name, n.labels, o.key) ORDER BY l.rank, l.rank2, l.node) AS place
          FROM (SELECT o.id, o.key FROM own o WHERE o.repels LIMIT 1) o
         CROSS JOIN liked l JOIN node n ON n.name = l.node
          LEFT JOIN occupied c ON c.id = o.id AND c.domain = domain_of(n.name, n.labels, o.key)
         WHERE v_social AND c.domain IS NULL AND domain_of(n.name, n.labels, o.key) IS NOT NULL
    ), place AS MATERIALIZED (
        SELECT l.rank, l.rank2, l.node, l.load, CASE WHEN f.node IS NULL THEN l.room ELSE 1 END AS room, l.used, l.domain
          FROM liked l LEFT JOIN first_there f ON f.node = l.node WHERE f.node IS NULL OR f.place = 1
    ), domain AS MATERIALIZED ( -- those to spread over, as many as could have their turn
        SELECT p.domain, d.load, p.room
          FROM (SELECT p.domain, sum(p.room) AS room FROM place p WHERE v_zoned GROUP BY p.domain) p
          JOIN (SELECT v.domain, sum(v.load)::int AS load FROM verdict v WHERE v_zoned GROUP BY v.domain) d ON d.domain = p.domain
         ORDER BY d.load, p.domain LIMIT (SELECT w.count + 1 FROM wanted w)
    ), fit AS MATERIALIZED ( -- best first; within one domain nobody needs more nodes than places
        SELECT p.* FROM place p WHERE NOT v_zoned OR p.domain IN (SELECT d.domain FROM domain d)
         ORDER BY p.rank, p.rank2, p.node LIMIT CASE WHEN NOT v_zoned THEN (SELECT w.count + 1 FROM wanted w) END
    ),
    -- BinPack: the fullest first, each to the brim
    packed AS (
        SELECT f.node, f.used, f.room, sum(f.room) OVER (ORDER BY f.rank, f.rank2, f.node ROWS UNBOUNDED PRECEDING) AS upto FROM fit f WHERE v_packs
    ),
    -- Spread: filling up evenly to a level is laying out the slots (level, name) in order; the level needed for a count
    -- follows from the sums of the lowest.
    level AS MATERIALIZED (
        SELECT min((w.count + 1 + s.total + s.n - 1) / s.n) AS level
          FROM (SELECT sum(f.load) OVER w AS total, row_number() OVER w AS n FROM fit f WHERE v_level WINDOW w AS (ORDER BY f.load ROWS UNBOUNDED PRECEDING)) s, wanted w
    ), filled AS (
        SELECT f.node, generate_series(f.load + 1, least(l.level, f.load + f.room)) AS level FROM fit f, level l WHERE v_level
    ),
    -- Spread by domains: these are made level first, then the nodes within each.
    domain_level AS MATERIALIZED (
        SELECT min((w.count + 1 + d.total + d.n - 1) / d.n) AS level
          FROM (SELECT sum(d.load) OVER w AS total, row_number() OVER w AS n FROM domain d WINDOW w AS (ORDER BY d.load ROWS UNBOUNDED PRECEDING)) d, wanted w
    ), quota AS MATERIALIZED (
        SELECT d.domain, d.load, least(l.level - d.load, d.room) AS quota FROM domain d, domain_level l WHERE l.level > d.load
    ), node_level AS MATERIALIZED (
        SELECT s.domain, min((s.quota + s.total + s.n - 1) / s.n) AS level
          FROM (SELECT f.domain, q.quota, sum(f.load) OVER w AS total, row_number() OVER w AS n
                  FROM fit f JOIN quota q ON q.domain = f.domain WINDOW w AS (PARTITION BY f.domain ORDER BY f.load ROWS UNBOUNDED PRECEDING)) s
         GROUP BY s.domain
    ), spread AS (
        SELECT s.node, s.level, s.domain, s.domain_load, s.quota, row_number() OVER (PARTITION BY s.domain ORDER BY s.level, s.node) AS domain_turn
          FROM (SELECT f.node, f.domain, q.load AS domain_load, q.quota, generate_series(f.load + 1, least(l.level, f.load + f.room)) AS level
                  FROM fit f JOIN quota q ON q.domain = f.domain JOIN node_level l ON l.domain = f.domain) s
    ), turn AS MATERIALIZED (
        SELECT x.a, x.b, x.node, x.score FROM (
            SELECT f.level::float8 AS a, ''::text AS b, f.node, -f.level::float8 AS score FROM filled f
            UNION ALL
            SELECT p.domain_load + p.domain_turn, p.domain, p.node, -p.level::float8 FROM spread p WHERE p.domain_turn <= p.quota
            UNION ALL
            SELECT p.upto - p.room + g, '', p.node, round(p.used::numeric * 100, 1)::float8 FROM packed p, wanted w
              CROSS JOIN LATERAL generate_series(1, least(p.room, greatest(w.count + 1 - (p.upto - p.room), 0)::bigint)) AS g) x
         ORDER BY x.a, x.b COLLATE "C", x.node LIMIT (SELECT w.count + 1 FROM wanted w)
    ), turns AS MATERIALIZED (
        SELECT array_agg(t.node) AS nodes, array_agg(t.score) AS scores, coalesce(bool_and(t.node <> t.before), true) AS apart
          FROM (SELECT t.*, lag(t.node) OVER () AS before FROM turn t) t
    ), rest AS ( -- after the last of them
        SELECT b.node, CASE WHEN v_packs THEN round(b.used::numeric * 100, 1) ELSE -1 - b.load END::float8 AS score FROM best b
         WHERE b.node <> (SELECT t.nodes[cardinality(t.nodes)] FROM turns t)
         ORDER BY b.liking DESC, b.rank, b.rank2, b.node LIMIT 1
    )
    SELECT w.count, t.nodes, t.scores, t.apart, e.node, e.score,
           (SELECT coalesce(jsonb_object_agg(x.reason, x.count), '{}')
              FROM (SELECT v.reason, count(*) FROM verdict v WHERE v.reason IS NOT NULL GROUP BY v.reason) x)
      INTO v_count, nodes, scores, v_apart, v_next, v_score, excluded
      FROM wanted w, turns t LEFT JOIN rest e ON true;
    -- the runner-up is who comes next, other than the winner; the last ones have the best of the rest
    v_count := least(v_count, coalesce(cardinality(nodes), 0));
    IF v_apart THEN
        runner_ups := nodes[2:v_count + 1] || CASE WHEN cardinality(nodes) <= v_count THEN ARRAY[v_next] END;
        runner_up_scores := scores[2:v_count + 1] || CASE WHEN cardinality(nodes) <= v_count THEN ARRAY[v_score] END;
    ELSE
        runner_ups := array_fill(NULL::text, ARRAY[v_count::int]);
        runner_up_scores := array_fill(NULL::float8, ARRAY[v_count::int]);
        FOR i IN REVERSE v_count .. 1 LOOP
            IF nodes[i + 1] <> nodes[i] THEN
                v_next := nodes[i + 1];
                v_score := scores[i + 1];
            END IF;
            runner_ups[i] := v_next;
            runner_up_scores[i] := v_score;
        END LOOP;
    END IF;
    nodes := coalesce(nodes[:v_count], '{}');
END
$$;
COMMENT ON FUNCTION cara.slots IS 'The best places for up to p_count projects of a class, in turn, each with who came second; fewer where a place changes the verdict on the next.';

-- Places a round of one class; returns how many of p_waiting, from the first on, have a node now. The caller has their statuses
-- locked.
CREATE OR REPLACE FUNCTION cara.place_round(p_demand cara.demand, p_labels jsonb, p_home text, p_waiting text[], p_now timestamptz)
RETURNS int LANGUAGE plpgsql SET search_path = cara, pg_temp SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
DECLARE
    v_slots record;
BEGIN
    SELECT * INTO v_slots FROM slots(p_demand, p_labels, p_home, cardinality(p_waiting));
    IF v_slots.nodes = '{}' THEN
        RETURN 0;
    END IF;
    PERFORM set_config('cara.locked', 'on', true); -- for keep_room()
    WITH placed AS (
        INSERT INTO assignment (project, node, decided_at, why, cpu, memory, score, runner_up, runner_up_score, excluded)
        SELECT d.project, d.node, p_now, coalesce(p_demand.placement->>'strategy', 'Spread'), p_demand.cpu, p_demand.memory,
               d.score, d.runner_up, d.runner_up_score, v_slots.excluded
          FROM unnest(p_waiting, v_slots.nodes, v_slots.scores, v_slots.runner_ups, v_slots.runner_up_scores)
               AS d(project, node, score, runner_up, runner_up_score) WHERE d.node IS NOT NULL
        RETURNING project, node
    ), moved AS (
        UPDATE project_status s
           SET phase = 'Scheduled', phase_since = p_now, updated_at = p_now, reason = '', message = '',
               resource_version = nextval('change_id'), was_phase = s.phase -- what its trigger would do, called for each
          FROM placed p WHERE s.project = p.project
    ), told AS (
        INSERT INTO event (kind, name, type, reason, message, actor, first_at, last_at)
        SELECT 'Project', p.project, 'Normal', 'Scheduled', 'Assigned to node ' || p.node, 'system:scheduler', p_now, p_now FROM placed p
    )
    INSERT INTO data_home (project, node, since) SELECT p.project, p.node, p_now FROM placed p WHERE p_demand.keeps_data
    ON CONFLICT (project) DO NOTHING;
    PERFORM set_config('cara.locked', '', true);
    RETURN cardinality(v_slots.nodes);
END
$$;
COMMENT ON FUNCTION cara.place_round IS 'Decides for as many of p_waiting (all of one class) as one look at the nodes allows; returns how many.';

-- Takes a project off its node; it waits for another one. What it leaves there is the node's to clear away.
CREATE OR REPLACE FUNCTION cara.release(p_projects text[], p_because text, p_reason text, p_message text, p_actor text, p_now timestamptz)
RETURNS bigint LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_count bigint;
BEGIN
    PERFORM FROM project_status s WHERE s.project = ANY (p_projects) ORDER BY s.project FOR NO KEY UPDATE; -- in the order of all who lock many
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

-- Makes room for the first of p_waiting (all of one class) by taking lower priorities off nodes: where the highest of
-- those taken off is lowest, then where the fewest are, then by name. Room is made of cpu, memory and host ports;
-- nothing goes that is in nobody's way. Returns whether somebody fits now.
CREATE OR REPLACE FUNCTION cara.preempt(p_demand cara.demand, p_labels jsonb, p_home text, p_waiting text[], p_now timestamptz)
RETURNS boolean LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_bare    demand := p_demand;
    v_social  boolean := p_demand.placement ?| '{affinity,antiAffinity}'; -- one decides about the next: one at a time
    v_choice  record;
    v_victims text[];
    v_room    bigint := 0;
BEGIN
    v_bare.cpu := 0;
    v_bare.memory := 0;
    v_bare.host_ports := '{}';
    FOR v_choice IN
        WITH candidate AS MATERIALIZED ( -- where nothing else stands in the way
            SELECT v.node, CASE WHEN p_demand.cpu > 0 THEN p_demand.cpu - (r.cpu - r.cpu_taken) END AS cpu_lacks,
                   CASE WHEN p_demand.memory > 0 THEN p_demand.memory - (r.memory - r.memory_taken) END AS memory_lacks
              FROM verdicts(v_bare, p_labels, p_home) v JOIN node_room r ON r.node = v.node WHERE v.reason IS NULL
        ), there AS MATERIALIZED (
            SELECT c.node, c.cpu_lacks, c.memory_lacks, a.project, a.epoch, a.cpu, a.memory, d.priority, d.host_ports && p_demand.host_ports AS blocks,
                   d.priority < p_demand.priority AND s.phase IN ('Scheduled', 'Running', 'Failed') AS lower,
                   coalesce(least(a.cpu::float8 / nullif(greatest(c.cpu_lacks, 0), 0), 1), 0) + coalesce(least(a.memory::float8 / nullif(greatest(c.memory_lacks, 0), 0), 1), 0) AS gives
              FROM candidate c JOIN assignment a ON a.node = c.node AND a.released_at IS NULL
              JOIN demand d ON d.project = a.project JOIN project_status s ON s.project = a.project
        ), victim AS MATERIALIZED (
            SELECT t.*, row_number() OVER w AS k, max(t.priority) OVER w AS highest, sum(t.cpu) OVER w - t.cpu_lacks AS cpu_spare,
                   sum(t.memory) OVER w - t.memory_lacks AS memory_spare, count(*) FILTER (WHERE t.blocks) OVER w AS blocks_gone
              FROM there t
             WHERE t.lower AND (t.blocks OR (t.cpu_lacks > 0 AND t.cpu > 0) OR (t.memory_lacks > 0 AND t.memory > 0))
            WINDOW w AS (PARTITION BY t.node ORDER BY NOT t.blocks, t.priority, t.gives DESC, t.epoch DESC ROWS UNBOUNDED PRECEDING)
        ), enough AS (
            SELECT DISTINCT ON (v.node) v.node, v.k, v.highest, v.cpu_spare, v.memory_spare
              FROM victim v JOIN (SELECT t.node, count(*) FILTER (WHERE t.blocks) AS blocks FROM there t GROUP BY t.node) b ON b.node = v.node AND b.blocks = v.blocks_gone
             WHERE coalesce(v.cpu_spare >= 0, true) AND coalesce(v.memory_spare >= 0, true)
             ORDER BY v.node, v.k
        ), best AS (
            SELECT e.* FROM enough e ORDER BY e.highest, e.k, e.node LIMIT CASE WHEN v_social THEN 20 ELSE cardinality(p_waiting) + 10 END -- each is tried
        )
        SELECT b.node, b.cpu_spare, b.memory_spare, -- from here on those that are not needed after all are spared, the highest first
               array_agg(v.project ORDER BY v.priority DESC, v.epoch) AS projects, array_agg(v.cpu ORDER BY v.priority DESC, v.epoch) AS cpu,
               array_agg(v.memory ORDER BY v.priority DESC, v.epoch) AS memory, array_agg(v.blocks ORDER BY v.priority DESC, v.epoch) AS blocks
          FROM best b JOIN victim v ON v.node = b.node AND v.k <= b.k
         GROUP BY b.node, b.cpu_spare, b.memory_spare, b.highest, b.k ORDER BY b.highest, b.k, b.node
    LOOP
        v_victims := '{}';
        FOR i IN 1 .. cardinality(v_choice.projects) LOOP
            IF v_choice.blocks[i] OR v_choice.cpu[i] > v_choice.cpu_spare OR v_choice.memory[i] > v_choice.memory_spare THEN
                v_victims := v_victims || v_choice.projects[i];
            ELSE
                v_choice.cpu_spare := v_choice.cpu_spare - v_choice.cpu[i];
                v_choice.memory_spare := v_choice.memory_spare - v_choice.memory[i];
            END IF;
        END LOOP;
        CONTINUE WHEN -- somebody is at work on one of them
            (SELECT count(*) FROM (SELECT FROM project_status s WHERE s.project = ANY (v_victims) FOR UPDATE SKIP LOCKED) l) < cardinality(v_victims);
        BEGIN
            PERFORM release(v_victims, 'Preempted', 'Preempted',
                format('made room for %s of priority %s', p_waiting[v_room + 1], p_demand.priority), 'system:scheduler', p_now);
            IF v_social AND NOT EXISTS (SELECT FROM verdicts(p_demand, p_labels, p_home) v WHERE v.node = v_choice.node AND v.reason IS NULL) THEN
                RAISE EXCEPTION USING ERRCODE = 'SRUND'; -- who was taken off is who it wanted to be near: they stay
            END IF;
            v_room := v_room + CASE WHEN v_social OR p_demand.host_ports <> '{}' THEN 1
                                    ELSE 1 + least(v_choice.cpu_spare / nullif(p_demand.cpu, 0), v_choice.memory_spare / nullif(p_demand.memory, 0), 1000000) END;
        EXCEPTION WHEN SQLSTATE 'SRUND' THEN
            NULL;
        END;
        EXIT WHEN v_room >= CASE WHEN v_social THEN 1 ELSE cardinality(p_waiting) END;
    END LOOP;
    RETURN v_room > 0;
END
$$;
COMMENT ON FUNCTION cara.preempt IS 'Takes the least that is of lower priority off nodes so that those who wait fit there; false when that helps nowhere.';

-- ---------------------------------------------------------------------------------------------
-- Everybody who waits

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

-- Pending projects that may be placed now, locked: those that can be told apart by nothing that a decision looks at together,
-- the oldest first; who is to be placed first comes first. Where nobody keeps away from anybody, labels do not matter but for an
-- affinity of one's own, and do not tell classes apart. One that was taken off its node waits until that node has cleared away
-- what it had, so that two of it never run; no longer than a deletion would, for a node that is NotReady no longer than it would
-- have stayed there, and not at all when an operator insists. A project that is locked is being deleted or reported on: whoever
-- has it wakes us when done. Who has its status has it all, as nobody deletes a project without that. What it asks for can still
-- change meanwhile: that is looked at afterwards, by settle_changed(). They are read in their order and hashed, which keeps it
-- (enable_sort = off).
DROP FUNCTION IF EXISTS cara.placeable(boolean, timestamptz);
DROP FUNCTION IF EXISTS cara.placeable(timestamptz);
CREATE FUNCTION cara.placeable(p_now timestamptz)
RETURNS TABLE (projects text[], class uuid, labels jsonb, home text, priority int, since timestamptz)
LANGUAGE plpgsql VOLATILE ROWS 10 SET search_path = cara, pg_temp SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_sort = off
AS $$
#variable_conflict use_column
DECLARE
    v_since timestamptz := CASE WHEN current_setting('cara.planning', true) = 'on' THEN 'infinity' ELSE p_now - setting_interval('terminating_timeout') END;
    v_lost  timestamptz := p_now - setting_interval('running_grace');
BEGIN
    RETURN QUERY
    SELECT array_agg(w.project), w.class, w.labels, w.home, min(w.priority), min(w.phase_since)
      FROM (SELECT s.project, s.phase_since, d.class, d.priority,
                   CASE WHEN d.keeps_data THEN (SELECT h.node FROM data_home h WHERE h.project = s.project) END AS home,
                   CASE WHEN (SELECT EXISTS (SELECT FROM demand r WHERE r.placement ? 'antiAffinity')) OR d.placement ? 'affinity'
                        THEN (SELECT p.labels FROM project p WHERE p.name = s.project) ELSE '{}' END AS labels
              FROM project_status s JOIN demand d ON d.project = s.project
             WHERE s.phase = 'Pending'
               AND CASE WHEN s.project IN ( -- CASE: hashed, never a loop
                   SELECT a.project FROM assignment a JOIN node_status n ON n.node = a.node AND (n.state <> 'NotReady' OR n.not_ready_since > v_lost)
                    WHERE a.gone_at IS NULL AND a.released_at > v_since AND a.released_because NOT IN ('NodeLost', 'Forced')) THEN false ELSE true END
             ORDER BY s.phase_since, s.project FOR UPDATE OF s SKIP LOCKED) w
     GROUP BY w.class, w.labels, w.home ORDER BY min(w.priority) DESC, min(w.phase_since), (array_agg(w.project))[1];
END
$$;
COMMENT ON FUNCTION cara.placeable IS 'Pending projects that nothing of is left on a live node, locked; those that ask for the same together, the oldest first.';

-- Projects that ask for something else since their node was chosen stay where that suits them, and else wait for another node:
-- one after the other, the lowest priority and the newest first, as one that goes may be enough. What a project takes of its node
-- changes here, where nobody else decides, not when it asks for it; data that it keeps from now on has its home where it runs.
CREATE OR REPLACE FUNCTION cara.settle_changed(p_now timestamptz)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_changed text[] := ARRAY(SELECT d.project FROM demand d JOIN project_status s ON s.project = d.project WHERE d.changed FOR NO KEY UPDATE OF d, s SKIP LOCKED);
    v_ask     record;
    v_reason  text;
BEGIN
    IF v_changed = '{}' THEN
        RETURN;
    END IF;
    UPDATE assignment a SET cpu = d.cpu, memory = d.memory FROM demand d
     WHERE d.project = ANY (v_changed) AND a.project = d.project AND a.released_at IS NULL AND (a.cpu, a.memory) IS DISTINCT FROM (d.cpu, d.memory);
    INSERT INTO data_home (project, node, since)
    SELECT a.project, a.node, p_now FROM demand d JOIN assignment a ON a.project = d.project AND a.released_at IS NULL WHERE d.project = ANY (v_changed) AND d.keeps_data
    ON CONFLICT (project) DO NOTHING;
    FOR v_ask IN
        SELECT d AS demand, d.project, p.labels, CASE WHEN d.keeps_data THEN h.node END AS home, a.node
          FROM demand d JOIN project p ON p.name = d.project
          LEFT JOIN data_home h ON h.project = d.project
          LEFT JOIN assignment a ON a.project = d.project AND a.released_at IS NULL
         WHERE d.project = ANY (v_changed) ORDER BY d.priority, a.epoch DESC
    LOOP
        v_reason := CASE WHEN v_ask.node IS NOT NULL THEN (SELECT v.reason FROM verdicts(v_ask.demand, v_ask.labels, v_ask.home, v_ask.project, true) v) END;
        CONTINUE WHEN v_reason = 'NotReady'; -- that hides the rest: looked at again
        UPDATE demand SET changed = false WHERE project = v_ask.project;
        IF v_reason IS NOT NULL THEN
            PERFORM release(ARRAY[v_ask.project], 'Changed', 'Changed', format('its node does not suit what it asks for now (%s)', v_reason), 'system:scheduler', p_now);
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION cara.settle_changed IS 'Takes projects off nodes that no longer suit what they ask for; counts anew what the others take.';

-- Places every pending project it can: higher priority first, then older. Deterministic: the same tables give
-- the same decisions. Returns how many were placed. Where there is so much to decide that it takes longer than the setting
-- decision_budget it stops, and the next call goes on with those whose turn it was (clock.undecided) and ends with the last.
CREATE OR REPLACE FUNCTION api.schedule(p_now timestamptz DEFAULT clock_timestamp())
RETURNS int LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp SET jit = off SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
DECLARE
    v_budget  interval;
    v_until   timestamptz;
    v_first   jsonb; -- whose turn it is: priority, since, project
    v_next    jsonb;
    v_tried   int := 0;
    v_group   record;
    v_demand  demand;
    v_left    text[];
    v_round   int;
    v_placed  int := 0;
    v_before  int := -1;
    v_made    boolean;
    v_again   boolean := true;
    v_waiting jsonb; -- what is left: projects of one kin, class, labels, home
    v_lowest  int;
BEGIN
    IF NOT EXISTS (SELECT FROM project_status WHERE phase = 'Pending') AND NOT EXISTS (SELECT FROM demand WHERE changed) THEN
        RETURN 0;
    END IF;
    PERFORM schedule_lock();
    v_budget := least(setting_interval('decision_budget'), outage() / 3); -- or it would count as an outage itself
    v_until := CASE WHEN current_setting('cara.planning', true) = 'on' THEN 'infinity' ELSE clock_timestamp() + v_budget END;
    PERFORM settle_changed(p_now);
    v_first := (SELECT undecided FROM clock);
    v_lowest := (SELECT min(d.priority) FROM demand d);
    WHILE v_again AND v_placed > v_before AND v_next IS NULL LOOP
        v_before := v_placed;
        v_again := false;
        v_waiting := '[]';
        FOR v_group IN
            SELECT w.* FROM placeable(p_now) w
             WHERE v_first IS NULL OR (-w.priority, w.since, w.projects[1]) >= (-(v_first->>0)::int, (v_first->>1)::timestamptz, v_first->>2)
        LOOP
            IF v_tried > 0 AND clock_timestamp() >= v_until THEN
                v_next := jsonb_build_array(v_group.priority, v_group.since, v_group.projects[1]);
                EXIT;
            END IF;
            SELECT * INTO v_demand FROM demand d WHERE d.project = ANY (v_group.projects) AND d.class = v_group.class LIMIT 1;
            CONTINUE WHEN NOT FOUND; -- all of them ask for something else by now
            v_tried := v_tried + 1;
            v_left := v_group.projects;
            v_made := false;
            LOOP
                v_round := place_round(v_demand, v_group.labels, v_group.home, v_left, p_now);
                v_placed := v_placed + v_round;
                v_left := v_left[v_round + 1:];
                EXIT WHEN v_left = '{}';
                IF v_round = 0 THEN
                    EXIT WHEN v_made OR NOT v_demand.preempts OR v_demand.priority <= v_lowest;
                    v_made := preempt(v_demand, v_group.labels, v_group.home, v_left, p_now);
                    EXIT WHEN NOT v_made;
                    v_again := true; -- those taken off may fit elsewhere
                ELSIF clock_timestamp() < v_until THEN
                    v_made := false;
                ELSE
                    v_next := jsonb_build_array(v_group.priority, v_group.since, v_left[1]);
                    EXIT;
                END IF;
            END LOOP;
            EXIT WHEN v_next IS NOT NULL;
            IF v_left <> '{}' THEN
                v_waiting := v_waiting || jsonb_build_object('projects', v_left, 'class', v_group.class, 'labels', v_group.labels, 'home', v_group.home);
                v_again := v_again OR v_demand.placement ? 'affinity'; -- what it wants to be near may have come since
            END IF;
        END LOOP;
    END LOOP;
    IF v_next IS DISTINCT FROM v_first THEN
        UPDATE clock SET undecided = v_next;
    END IF;
    -- who waits is told once nobody is placed any more
    PERFORM tell_waiting(w.projects, (SELECT verdict_text(d, w.labels, w.home) FROM demand d WHERE d.project = ANY (w.projects) AND d.class = w.class LIMIT 1), p_now)
       FROM jsonb_to_recordset(v_waiting) AS w(projects text[], class uuid, labels jsonb, home text)
      WHERE clock_timestamp() < v_until + v_budget + interval '1 second'; -- the others in their next turn
    IF v_placed > 0 AND EXISTS (SELECT FROM assignment a WHERE a.released_at IS NOT NULL AND a.gone_at IS NULL) THEN
        UPDATE assignment a SET gone_at = p_now FROM assignment c -- the same node again: what is left there of an older epoch is taken over, not cleared away
         WHERE a.released_at IS NOT NULL AND a.gone_at IS NULL AND c.project = a.project AND c.released_at IS NULL AND c.node = a.node;
    END IF;
    RETURN v_placed;
END
$$;
COMMENT ON FUNCTION api.schedule IS 'Places every pending project it can and returns how many; the rest is told why it waits.';
