-- Moving on request: cordon, drain, NoExecute taints, rebalance, unpin.

CREATE OR REPLACE FUNCTION cara.node_mark(p_name text, p_unschedulable boolean, p_draining boolean, p_event text, p_message text, p_actor text)
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_node node;
    v_now  timestamptz := clock_timestamp();
BEGIN
    SELECT * INTO v_node FROM node WHERE name = p_name FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        PERFORM fail_no_node(p_name);
    ELSIF v_node.unschedulable = p_unschedulable AND (v_node.draining_since IS NOT NULL) = p_draining THEN
        RETURN;
    END IF;
    UPDATE node SET spec = CASE WHEN p_unschedulable THEN spec || '{"unschedulable": true}' ELSE spec - 'unschedulable' END,
           generation = generation + (unschedulable <> p_unschedulable)::int,
           draining_since = CASE WHEN p_draining THEN coalesce(draining_since, v_now) END, updated_at = v_now
     WHERE name = p_name RETURNING * INTO v_node;
    PERFORM node_set_state(s.node, node_state_for(s.reported_state, p_draining), s.reason, s.message, p_actor, v_now)
       FROM node_status s WHERE s.node = p_name AND s.state <> 'NotReady';
    PERFORM revision_record('Node', p_name, v_node.uid, v_node.generation, 'update', p_actor, to_jsonb(v_node));
    PERFORM event_record('Node', p_name, 'Normal', p_event, p_message, p_actor, v_now);
END
$$;
COMMENT ON FUNCTION cara.node_mark IS 'Sets whether a node takes new projects and whether it is to be emptied. SR404.';

-- A node that is to be emptied is Draining while its agent is well.
CREATE OR REPLACE FUNCTION cara.node_state_for(p_reported text, p_draining boolean)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN p_draining AND coalesce(p_reported, 'Ready') = 'Ready' THEN 'Draining' ELSE coalesce(p_reported, 'Ready') END;
COMMENT ON FUNCTION cara.node_state_for IS 'The state of a node whose lease holds.';

CREATE OR REPLACE FUNCTION api.node_cordon(p_name text, p_actor text DEFAULT session_user)
RETURNS json LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
BEGIN
    PERFORM node_mark(p_name, true, (SELECT draining_since IS NOT NULL FROM node WHERE name = p_name), 'Cordoned', 'Takes no new projects', p_actor);
    RETURN api.node_get(p_name);
END
$$;
COMMENT ON FUNCTION api.node_cordon IS 'A node takes no new projects; those it has stay. SR404.';

CREATE OR REPLACE FUNCTION api.node_uncordon(p_name text, p_actor text DEFAULT session_user)
RETURNS json LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
BEGIN
    PERFORM node_mark(p_name, false, false, 'Uncordoned', 'Takes projects again', p_actor);
    RETURN api.node_get(p_name);
END
$$;
COMMENT ON FUNCTION api.node_uncordon IS 'A node takes projects again; a drain under way ends where it is. SR404.';

-- ---------------------------------------------------------------------------------------------
-- Who can go: found out by trying

-- Takes p_going off their nodes, places them and those that wait and had a node or may follow them, as the scheduler would, and undoes it.
-- going: those of p_going that would be on another node, in the order given, and nodes: on which; waiting: those of the others that
-- would have none. reasons: why each of p_staying could not go even then. Nobody has to make room. The caller has schedule_lock().
CREATE OR REPLACE FUNCTION cara.try_moves(p_going text[], p_now timestamptz, p_staying text[] DEFAULT '{}',
    OUT going text[], OUT nodes text[], OUT waiting text[], OUT reasons text[])
LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_before text[] := ARRAY(SELECT a.node FROM unnest(p_going) WITH ORDINALITY g(project, n)
                               LEFT JOIN assignment a ON a.project = g.project AND a.released_at IS NULL ORDER BY g.n);
    v_others text[] := ARRAY(SELECT s.project FROM project_status s JOIN demand d ON d.project = s.project
                              WHERE s.phase = 'Pending' AND (d.placement ? 'affinity' OR EXISTS (SELECT FROM assignment a WHERE a.project = s.project)));
    v_group  record;
    v_demand demand;
    v_left   text[];
    v_round  int;
    v_placed boolean;
    v_again  boolean := true;
BEGIN
    BEGIN
        PERFORM set_config('cara.woken', 'yes', true); -- nobody is told
        PERFORM release(p_going, 'Tried', '', '', 'system:scheduler', p_now);
        IF EXISTS (SELECT FROM demand d WHERE d.placement ? 'antiAffinity') THEN
            PERFORM set_config('cara.planning', 'off', true);
            PERFORM api.schedule(p_now); -- who waited for them to go is there before they arrive
        END IF;
        PERFORM set_config('cara.planning', 'on', true);
        WHILE v_again LOOP
            v_again := false;
            v_placed := false;
            FOR v_group IN
                SELECT array_agg(u.project ORDER BY u.n) AS projects, w.class, w.labels, w.home
                  FROM placeable(p_now) WITH ORDINALITY w(projects, class, labels, home, priority, since, turn)
                 CROSS JOIN LATERAL unnest(w.projects) WITH ORDINALITY u(project, n)
                 WHERE u.project IN (SELECT unnest(p_going || v_others)) GROUP BY w.turn, w.class, w.labels, w.home ORDER BY w.turn
            LOOP
                SELECT * INTO v_demand FROM demand d WHERE d.project = ANY (v_group.projects) AND d.class = v_group.class LIMIT 1;
                CONTINUE WHEN NOT FOUND; -- all of them ask for something else by now
                v_left := v_group.projects;
                LOOP
                    v_round := place_round(v_demand, v_group.labels, v_group.home, v_left, p_now);
                    v_left := v_left[v_round + 1:];
                    v_placed := v_placed OR v_round > 0;
                    EXIT WHEN v_round = 0 OR v_left = '{}';
                END LOOP;
                v_again := v_again OR (v_left <> '{}' AND v_demand.placement ? 'affinity'); -- what it wants to be near may come yet
            END LOOP;
            v_again := v_again AND v_placed;
        END LOOP;
        SELECT coalesce(array_agg(g.project ORDER BY g.n), '{}'), coalesce(array_agg(a.node ORDER BY g.n), '{}') INTO going, nodes
          FROM unnest(p_going, v_before) WITH ORDINALITY g(project, node, n)
          JOIN assignment a ON a.project = g.project AND a.released_at IS NULL AND a.node <> g.node;
        waiting := ARRAY(SELECT o FROM unnest(v_others) o WHERE NOT EXISTS (SELECT FROM assignment a WHERE a.project = o AND a.released_at IS NULL));
        reasons := ARRAY(SELECT verdict_text(q.demand, q.labels, q.home, k.project, a.node)
                           FROM unnest(p_staying) WITH ORDINALITY k(project, n) CROSS JOIN LATERAL project_demand(k.project) q
                           LEFT JOIN assignment a ON a.project = k.project AND a.released_at IS NULL ORDER BY k.n);
        RAISE EXCEPTION USING ERRCODE = 'SRUND';
    EXCEPTION WHEN SQLSTATE 'SRUND' THEN
        NULL;
    END;
END
$$;
COMMENT ON FUNCTION cara.try_moves IS 'Where projects would go if they had to, by the functions that decide; nothing of it is done.';

-- Of p_projects those that find another node when they go together, at most p_limit (NULL: any number), the first ones first; none
-- whose going would cost one that waits for its next node that node.
CREATE OR REPLACE FUNCTION cara.movable(p_projects text[], p_limit bigint, p_now timestamptz, OUT going text[], OUT nodes text[])
LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_limit  int := least(p_limit, 1000000000);
    v_try    record;
    v_alone  text[]; -- who waits in vain anyhow
    v_lowest int;
    v_fewer  text[];
BEGIN
    going := p_projects;
    nodes := '{}';
    WHILE going <> '{}' LOOP
        v_try := try_moves(going, p_now);
        v_fewer := v_try.going;
        IF v_try.waiting <> '{}' THEN
            v_alone := coalesce(v_alone, (SELECT t.waiting FROM try_moves('{}', p_now) t));
            v_lowest := (SELECT min(d.priority) FROM demand d WHERE d.project = ANY (v_try.waiting) AND d.project <> ALL (v_alone));
            IF v_lowest IS NOT NULL THEN -- who is before them in the queue goes once they have their place
                v_fewer := ARRAY(SELECT g.project FROM unnest(going) WITH ORDINALITY g(project, n) JOIN demand d ON d.project = g.project
                                  WHERE d.priority < v_lowest ORDER BY g.n);
                v_fewer := CASE WHEN cardinality(v_fewer) < cardinality(going) THEN v_fewer ELSE '{}' END;
            END IF;
        END IF;
        v_fewer := v_fewer[:v_limit];
        nodes := v_try.nodes;
        EXIT WHEN v_fewer = going;
        going := v_fewer; -- without the others it may look different: tried again
    END LOOP;
    IF going = '{}' THEN
        nodes := '{}';
    END IF;
END
$$;
COMMENT ON FUNCTION cara.movable IS 'Who of some projects can go to other nodes together, and where to; the caller has schedule_lock().';

-- ---------------------------------------------------------------------------------------------
-- Drain

-- What runs on nodes that are being emptied, alike ones together. hopeful: some node could take it, or could if others were elsewhere.
CREATE OR REPLACE FUNCTION cara.drain_groups()
RETURNS TABLE (projects text[], hopeful boolean) LANGUAGE plpgsql STABLE ROWS 10 SET search_path = cara, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT g.projects, EXISTS (
               SELECT FROM (SELECT d FROM demand d WHERE d.project = g.projects[1]) x, verdicts(x.d, g.labels, g.home, g.projects[1]) v
                WHERE coalesce(v.reason, '') IN ('', 'AntiAffinity', 'Affinity'))
      FROM (SELECT array_agg(a.project ORDER BY a.project) AS projects, k.labels, h.node AS home
              FROM node n JOIN assignment a ON a.node = n.name AND a.released_at IS NULL
              JOIN project_status s ON s.project = a.project AND s.phase IN ('Scheduled', 'Running', 'Failed')
              JOIN demand d ON d.project = a.project
              LEFT JOIN data_home h ON h.project = a.project AND d.keeps_data
             CROSS JOIN LATERAL (SELECT CASE WHEN (SELECT EXISTS (SELECT FROM demand r WHERE r.placement ? 'antiAffinity')) OR d.placement ? 'affinity'
                                             THEN (SELECT p.labels FROM project p WHERE p.name = a.project) ELSE '{}' END AS labels) k
             WHERE n.draining_since IS NOT NULL GROUP BY d.class, k.labels, h.node OFFSET 0) g;
END
$$;
COMMENT ON FUNCTION cara.drain_groups IS 'The projects on nodes that are being emptied, those that ask for the same together, and whether there is any use in trying.';

-- In the order in which they go: the lowest priority first.
CREATE OR REPLACE FUNCTION cara.in_turn(p_projects text[])
RETURNS text[] LANGUAGE sql STABLE SET search_path = cara, pg_temp
AS $$ SELECT coalesce(array_agg(d.project ORDER BY d.priority, d.project), '{}') FROM demand d WHERE d.project = ANY (p_projects) $$;
COMMENT ON FUNCTION cara.in_turn IS 'Projects in the order in which they are taken off their nodes.';

-- Takes off draining nodes what has a place elsewhere, and off nodes with a NoExecute taint what does not tolerate it. Who is locked
-- is left for the next time. Returns how many. p_limit: at most so many.
CREATE OR REPLACE FUNCTION cara.evict_unwanted(p_now timestamptz, p_limit bigint)
RETURNS bigint LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_tainted boolean := EXISTS (SELECT FROM node n WHERE n.spec @> '{"taints": [{"effect": "NoExecute"}]}');
    v_going   text[];
    v_moved   bigint := 0;
BEGIN
    IF NOT v_tainted AND NOT EXISTS (SELECT FROM node n WHERE n.draining_since IS NOT NULL) THEN
        RETURN 0; -- and nothing is worked out: each tick comes here
    END IF;
    p_limit := coalesce(p_limit, evictions_left(p_now));
    IF v_tainted THEN
        v_moved := release(array(
            SELECT a.project FROM node n JOIN assignment a ON a.node = n.name AND a.released_at IS NULL JOIN demand d ON d.project = a.project
              JOIN project_status s ON s.project = a.project AND s.phase IN ('Scheduled', 'Running', 'Failed')
             WHERE n.spec @> '{"taints": [{"effect": "NoExecute"}]}'
               AND untolerated(n.spec->'taints', d.placement->'tolerations', '{NoExecute}') IS NOT NULL
             ORDER BY a.project LIMIT p_limit FOR NO KEY UPDATE OF s SKIP LOCKED), 'Tainted', 'Evicted', 'its node has a NoExecute taint that it does not tolerate', 'system:tick', p_now);
    END IF;
    IF v_moved >= p_limit THEN
        RETURN v_moved;
    END IF;
    v_going := ARRAY(SELECT unnest(g.projects) FROM drain_groups() g WHERE g.hopeful);
    IF v_going <> '{}' THEN
        PERFORM api.schedule(p_now); -- who waits comes before who runs
        IF NOT EXISTS (SELECT FROM clock WHERE undecided IS NOT NULL) THEN
            v_going := ARRAY(SELECT s.project FROM project_status s WHERE s.project = ANY (v_going) AND s.phase IN ('Scheduled', 'Running', 'Failed')
                                FOR NO KEY UPDATE SKIP LOCKED);
            v_moved := v_moved + release((SELECT m.going FROM movable(in_turn(v_going), p_limit - v_moved, p_now) m), 'Drained', 'Drained',
                'its node is being drained', 'system:tick', p_now);
        END IF;
    END IF;
    RETURN v_moved;
END
$$;
COMMENT ON FUNCTION cara.evict_unwanted IS 'Empties draining nodes of what has a place elsewhere and tainted ones of what must go, at most p_limit (NULL: what the rate allows); returns how many left.';

-- What becomes of what is on a node when it is drained, or goes on being drained; staying is JSON text. Tried out in a
-- subtransaction, so that nobody waits for what it locks until the caller's transaction ends.
CREATE OR REPLACE FUNCTION cara.drain_outlook(p_name text, OUT leaving text[], OUT staying text)
LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_now     timestamptz := clock_timestamp();
    v_group   record;
    v_here    text[];
    v_hopeful text[] := '{}'; -- each with the number of its group
    v_kin     int[] := '{}';
    v_going   text[];
    v_asked   text[];
    v_asked_of int[];
    v_names   text[] := '{}';
    v_reasons text[] := '{}';
BEGIN
    BEGIN
        PERFORM set_config('cara.woken', 'yes', true); -- nobody is told
        IF NOT EXISTS (SELECT FROM node WHERE name = p_name AND draining_since IS NOT NULL) THEN
            PERFORM schedule_lock();
            PERFORM node_mark(p_name, true, true, 'Draining', '', 'system:scheduler');
        END IF;
        FOR v_group IN SELECT g.projects, g.hopeful, row_number() OVER ()::int AS n FROM drain_groups() g LOOP
            v_here := ARRAY(SELECT a.project FROM assignment a WHERE a.project = ANY (v_group.projects) AND a.node = p_name AND a.released_at IS NULL);
            IF v_group.hopeful THEN
                v_hopeful := v_hopeful || v_group.projects;
                v_kin := v_kin || array_fill(v_group.n, ARRAY[cardinality(v_group.projects)]);
            ELSIF v_here <> '{}' THEN
                v_names := v_names || v_here;
                v_reasons := v_reasons || array_fill((SELECT verdict_text(q.demand, q.labels, q.home, v_here[1], p_name) FROM project_demand(v_here[1]) q), ARRAY[cardinality(v_here)]);
            END IF;
        END LOOP;
        IF v_hopeful <> '{}' THEN
            PERFORM schedule_lock();
            v_going := (SELECT m.going FROM movable(in_turn(v_hopeful), NULL, v_now) m);
            SELECT array_agg(r.project ORDER BY r.kin), array_agg(r.kin ORDER BY r.kin) INTO v_asked, v_asked_of
              FROM (SELECT min(h.project) AS project, h.kin FROM unnest(v_hopeful, v_kin) h(project, kin)
                      JOIN assignment a ON a.project = h.project AND a.node = p_name AND a.released_at IS NULL
                     WHERE h.project <> ALL (v_going) GROUP BY h.kin) r;
            IF v_asked IS NOT NULL THEN -- what is left for them when the others have gone
                SELECT v_names || array_agg(h.project), v_reasons || array_agg(r.reason) INTO v_names, v_reasons
                  FROM unnest(v_hopeful, v_kin) h(project, kin)
                  JOIN assignment a ON a.project = h.project AND a.node = p_name AND a.released_at IS NULL
                  JOIN unnest(v_asked_of, (SELECT t.reasons FROM try_moves(v_going, v_now, v_asked) t)) r(kin, reason) ON r.kin = h.kin
                 WHERE h.project <> ALL (v_going);
            END IF;
        END IF;
        RAISE EXCEPTION USING ERRCODE = 'SRUND';
    EXCEPTION WHEN SQLSTATE 'SRUND' THEN
        NULL;
    END;
    leaving := ARRAY(SELECT DISTINCT a.project FROM assignment a WHERE a.node = p_name AND a.gone_at IS NULL AND a.project <> ALL (v_names) ORDER BY a.project);
    staying := (SELECT string_agg('{"project":' || wire_text(s.project) || ',"reason":' || wire_text(s.reason) || '}', ',' ORDER BY s.project)
                  FROM unnest(v_names, v_reasons) s(project, reason));
END
$$;
COMMENT ON FUNCTION cara.drain_outlook IS 'Of what is on a node, what leaves when it is drained and what cannot, with why. SR404.';

CREATE OR REPLACE FUNCTION cara.drain_wire(p_name text, p_leaving text[], p_staying text)
RETURNS json LANGUAGE plpgsql STABLE SET search_path = cara, pg_temp
AS $$
BEGIN
    RETURN (SELECT wire('{"apiVersion":"caravanserai/v1","kind":"DrainStatus","node":' || wire_text(p_name) || ',"state":' || wire_text(s.state)
                || ',"draining":' || (n.draining_since IS NOT NULL)::text
                || ',"done":' || (p_leaving = '{}' AND p_staying IS NULL)::text
                || ',"moved":' || (SELECT count(*) FROM assignment a WHERE a.node = p_name AND a.released_because = 'Drained' AND a.gone_at IS NOT NULL
                                      AND a.released_at >= n.draining_since)
                || ',"leaving":' || to_json(p_leaving)::text || ',"staying":[' || coalesce(p_staying, '') || ']}')
              FROM node n JOIN node_status s ON s.node = n.name WHERE n.name = p_name);
END
$$;
COMMENT ON FUNCTION cara.drain_wire IS 'How far a drain has come, as it is sent.';

-- GET /api/v1/nodes/NAME/drain
CREATE OR REPLACE FUNCTION api.node_drain_status(p_name text)
RETURNS json LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
BEGIN
    RETURN (SELECT drain_wire(p_name, o.leaving, o.staying) FROM drain_outlook(p_name) o);
END
$$;
COMMENT ON FUNCTION api.node_drain_status IS 'How far a drain has come, or would go: what is leaving, what cannot and why. SR404.';

-- POST /api/v1/nodes/NAME/drain?dryRun=true
CREATE OR REPLACE FUNCTION api.node_drain(p_name text, p_query jsonb DEFAULT '{}', p_actor text DEFAULT session_user)
RETURNS json LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_dry     boolean := p_query#>>'{dryRun,0}' IS NOT DISTINCT FROM 'true';
    v_leaving text[];
    v_staying text;
BEGIN
    BEGIN -- first: it waits for decisions, and those may want the node
        SELECT o.leaving, o.staying INTO v_leaving, v_staying FROM drain_outlook(p_name) o;
    EXCEPTION WHEN lock_not_available THEN -- a long one: who stays is told later
        IF v_dry THEN
            RAISE;
        END IF;
        v_leaving := ARRAY(SELECT DISTINCT a.project FROM assignment a WHERE a.node = p_name AND a.gone_at IS NULL ORDER BY a.project);
    END;
    IF NOT v_dry THEN
        PERFORM node_mark(p_name, true, true, 'Draining', 'Is being emptied', p_actor);
    END IF;
    RETURN drain_wire(p_name, v_leaving, v_staying);
END
$$;
COMMENT ON FUNCTION api.node_drain IS 'Cordons a node and has what can move taken off it; api.node_uncordon cancels. p_query dryRun=true only tells. SR404.';

CREATE OR REPLACE FUNCTION api.project_unpin(p_name text, p_actor text DEFAULT session_user)
RETURNS json LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_node text;
BEGIN
    PERFORM FROM project_status WHERE project = p_name FOR NO KEY UPDATE; -- nobody decides about it meanwhile
    IF NOT FOUND THEN
        PERFORM fail_no_project(p_name);
    END IF;
    DELETE FROM data_home WHERE project = p_name RETURNING node INTO v_node;
    IF FOUND THEN
        PERFORM event_record('Project', p_name, 'Warning', 'Unpinned', format('May run elsewhere than on %s, without the data that is there', v_node), p_actor);
        PERFORM wake(NULL);
    END IF;
    RETURN api.project_get(p_name);
END
$$;
COMMENT ON FUNCTION api.project_unpin IS 'Forgets where a project''s data is, so that it may run elsewhere without it. SR404.';

-- Evens out what has become uneven: what is too much on the fullest nodes, newest first. Who of them has a better place is
-- for cara.movable() to say; alike ones that no emptier node could take are not picked.
CREATE OR REPLACE FUNCTION cara.rebalance_pick(p_max int)
RETURNS text[] LANGUAGE plpgsql STABLE SET search_path = cara, pg_temp
AS $$
DECLARE
    v_picked text[];
BEGIN
    -- even is floor or ceiling of the mean on every node: as many move as lie above it, or are missing below it
    WITH open AS (
        SELECT r.node, r.projects FROM node_room r JOIN node n ON n.name = r.node JOIN node_status s ON s.node = r.node
         WHERE s.state = 'Ready' AND NOT n.unschedulable AND s.pressure = ''
    ), mean AS (
        SELECT floor(avg(o.projects)) AS low, ceil(avg(o.projects)) AS high FROM open o
    ), due AS (
        SELECT greatest(sum(greatest(o.projects - m.high, 0)), sum(greatest(m.low - o.projects, 0))) AS count FROM open o, mean m
    ), extra AS MATERIALIZED (
        SELECT e.project, e.node, e.height, d.class, CASE WHEN d.placement ?| '{affinity,antiAffinity}' OR r.repels THEN p.labels ELSE '{}' END AS labels
          FROM (SELECT a.project, a.node, o.projects - row_number() OVER (PARTITION BY a.node ORDER BY a.epoch DESC) + 1 AS height
                  FROM open o CROSS JOIN mean m JOIN assignment a ON a.node = o.node AND a.released_at IS NULL
                  JOIN project_status s ON s.project = a.project AND s.phase IN ('Scheduled', 'Running')
                  JOIN demand d ON d.project = a.project AND NOT d.keeps_data AND d.placement->>'strategy' IS DISTINCT FROM 'BinPack'
                 WHERE o.projects > m.low) e
          JOIN mean m ON e.height > m.low JOIN demand d ON d.project = e.project JOIN project p ON p.name = e.project
         CROSS JOIN (SELECT EXISTS (SELECT FROM demand WHERE placement ? 'antiAffinity') AS repels) r
    ), able AS MATERIALIZED (
        SELECT k.class, k.labels
          FROM (SELECT (array_agg(e.project ORDER BY e.project))[1] AS project, (array_agg(e.node ORDER BY e.project))[1] AS node, e.class, e.labels
                  FROM extra e GROUP BY e.class, e.labels OFFSET 0) k
         CROSS JOIN LATERAL project_demand(k.project) q
         WHERE EXISTS (SELECT FROM verdicts(q.demand, q.labels, q.home, k.project) v, mean m
                        WHERE coalesce(v.reason, '') IN ('', 'AntiAffinity', 'Affinity') AND v.node <> k.node AND v.load < m.high)
    )
    SELECT array_agg(p.project ORDER BY p.height DESC, p.project) INTO v_picked
      FROM (SELECT e.project, e.height FROM extra e JOIN able b ON b.class = e.class AND b.labels = e.labels
             ORDER BY e.height DESC, e.project LIMIT (SELECT least(d.count, p_max) FROM due d)) p;
    RETURN coalesce(v_picked, '{}');
END
$$;
COMMENT ON FUNCTION cara.rebalance_pick IS 'The projects whose move might even out the nodes, at most p_max.';
