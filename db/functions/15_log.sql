-- The bodies of the triggers: resource versions, the change log, the bus, legal moves.

-- BEFORE STATEMENT: ids of the change log are drawn only while holding this lock, so that a reader who meets
-- a gap knows whom to wait for.
CREATE OR REPLACE FUNCTION cara.log_open()
RETURNS trigger LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    LOCK TABLE change IN ROW EXCLUSIVE MODE;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION cara.log_open IS 'Trigger: holds the change log while ids are drawn.';

-- BEFORE ROW: the next id of the change log is the row's resource version. Called for every row of a batch, it names
-- what it uses in full and goes without SET, which would cost more than the rest.
CREATE OR REPLACE FUNCTION cara.stamp()
RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    NEW.resource_version := nextval('cara.change_id');
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION cara.stamp IS 'Trigger: gives the row its resource version.';

-- BEFORE ROW on node and project: the spec as the wire has it, worked out once, when it is written. TG_ARGV[0] is its type.
CREATE OR REPLACE FUNCTION cara.stamp_spec()
RETURNS trigger LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    NEW.spec_wire := render(NEW.spec, TG_ARGV[0]);
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION cara.stamp_spec IS 'Trigger: keeps spec_wire in step with spec.';

-- BEFORE ROW on node_status: what the agent said, the same way.
CREATE OR REPLACE FUNCTION cara.stamp_said()
RETURNS trigger LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    NEW.said_wire := ',"network":' || render(NEW.network, 'Network')
        || CASE WHEN NEW.capacity = '{}' THEN '' ELSE ',"capacity":' || wire_map(NEW.capacity) END
        || CASE WHEN NEW.allocatable = '{}' THEN '' ELSE ',"allocatable":' || wire_map(NEW.allocatable) END
        || ',"info":' || render(NEW.info, 'Info');
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION cara.stamp_said IS 'Trigger: keeps said_wire in step with what the agent said.';

-- Wakes everyone who waits for changes: the server by the bus, nodes by their own channels. Postgres sends
-- the same notification once a transaction however often it is asked to.
CREATE OR REPLACE FUNCTION cara.wake(p_nodes text[])
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    PERFORM pg_notify('cara_bus', '');
    IF p_nodes IS NOT NULL THEN
        PERFORM pg_notify(c.channel, '') FROM channel c WHERE c.node = ANY (p_nodes) AND c.kind = 'postgres';
    END IF;
END
$$;
COMMENT ON FUNCTION cara.wake IS 'Notifies cara_bus and the channels of the given nodes, once a transaction.';

-- AFTER STATEMENT on node and node_status. TG_ARGV[0] is the column that holds the node's name.
CREATE OR REPLACE FUNCTION cara.log_node()
RETURNS trigger LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_logged bigint;
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO change (id, kind, name, op) SELECT nextval('change_id'), 'Node', o.name, 'DELETE' FROM old_rows o;
    ELSIF TG_TABLE_NAME = 'node' THEN
        INSERT INTO change (id, kind, name, op) SELECT n.resource_version, 'Node', n.name, TG_OP FROM new_rows n;
    ELSE
        INSERT INTO change (id, kind, name, op) SELECT n.resource_version, 'Node', n.node, 'UPDATE' FROM new_rows n;
    END IF;
    GET DIAGNOSTICS v_logged = ROW_COUNT;
    IF v_logged > 0 THEN
        PERFORM wake(NULL);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION cara.log_node IS 'Trigger: logs changed nodes and wakes the bus.';

-- AFTER STATEMENT on project and project_status. A change of what is asked for wakes the node that runs it;
-- a change of status does not, as that node is who said so.
CREATE OR REPLACE FUNCTION cara.log_project()
RETURNS trigger LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_logged bigint;
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO change (id, kind, name, op) SELECT nextval('change_id'), 'Project', o.name, 'DELETE' FROM old_rows o;
    ELSIF TG_TABLE_NAME = 'project_status' THEN
        INSERT INTO change (id, kind, name, op) SELECT n.resource_version, 'Project', n.project, 'UPDATE' FROM new_rows n;
    ELSE
        INSERT INTO change (id, kind, name, op, node)
        SELECT n.resource_version, 'Project', n.name, TG_OP, a.node
          FROM new_rows n LEFT JOIN assignment a ON a.project = n.name AND a.released_at IS NULL;
    END IF;
    GET DIAGNOSTICS v_logged = ROW_COUNT;
    IF v_logged = 0 THEN
        RETURN NULL;
    ELSIF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'project' THEN
        PERFORM wake(array_agg(DISTINCT a.node)) FROM new_rows n JOIN assignment a ON a.project = n.name AND a.gone_at IS NULL;
    ELSE
        PERFORM wake(NULL);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION cara.log_project IS 'Trigger: logs changed projects, wakes the bus and the nodes that run them.';

-- AFTER STATEMENT on project_service: what is observed of a project is part of it.
CREATE OR REPLACE FUNCTION cara.touch_project()
RETURNS trigger LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        UPDATE project_status SET updated_at = clock_timestamp() WHERE project IN (SELECT o.project FROM old_rows o);
    ELSE
        UPDATE project_status SET updated_at = clock_timestamp() WHERE project IN (SELECT n.project FROM new_rows n);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION cara.touch_project IS 'Trigger: a changed service gives its project a new resource version.';

-- AFTER STATEMENT on assignment: both ends of a move have something to do.
CREATE OR REPLACE FUNCTION cara.log_assignment()
RETURNS trigger LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO change (id, kind, name, op, node) SELECT nextval('change_id'), 'Assignment', o.project, 'DELETE', o.node
          FROM old_rows o WHERE o.gone_at IS NULL;
        PERFORM wake(array_agg(DISTINCT o.node)) FROM old_rows o WHERE o.gone_at IS NULL HAVING count(*) > 0;
    ELSE
        INSERT INTO change (id, kind, name, op, node) SELECT nextval('change_id'), 'Assignment', n.project, TG_OP, n.node
          FROM new_rows n WHERE n.gone_at IS NULL;
        PERFORM wake(array_agg(DISTINCT n.node)) FROM new_rows n WHERE n.gone_at IS NULL HAVING count(*) > 0;
        -- a project that waited for its old node to be clear of it can be placed now
        PERFORM wake(NULL) FROM new_rows n JOIN project_status s ON s.project = n.project AND s.phase = 'Pending'
          WHERE n.gone_at IS NOT NULL HAVING count(*) > 0;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION cara.log_assignment IS 'Trigger: logs decisions and wakes the nodes they concern, and the scheduler when a node is clear of one that waits.';

-- The legal moves as one constant, so that checking one of thousands costs no query. cara.phase_transition is what
-- holds: a trigger on it writes this function anew, and a plan that has the constant in it goes when the function does.
CREATE OR REPLACE FUNCTION cara.write_legal_moves()
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    EXECUTE format('CREATE OR REPLACE FUNCTION cara.legal_moves() RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE RETURN %L::text[]',
        (SELECT coalesce(array_agg(from_phase || ' ' || to_phase ORDER BY from_phase, to_phase), '{}') FROM phase_transition));
    COMMENT ON FUNCTION legal_moves IS 'The rows of cara.phase_transition as "From To"; a trigger there keeps it.';
END
$$;
COMMENT ON FUNCTION cara.write_legal_moves IS 'Makes cara.legal_moves() say what cara.phase_transition holds.';
DO $$ BEGIN PERFORM cara.write_legal_moves(); END $$;

-- AFTER STATEMENT on phase_transition.
CREATE OR REPLACE FUNCTION cara.keep_legal_moves()
RETURNS trigger LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    PERFORM write_legal_moves();
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION cara.keep_legal_moves IS 'Trigger: keeps cara.legal_moves() in step with cara.phase_transition.';

-- BEFORE ROW on project_status, where the phase changes or is not the first one: it is one there is, and moves only along
-- cara.phase_transition. By row, as comparing old and new rows of a whole statement would join two sets the planner knows
-- nothing of; without SET as stamp().
CREATE OR REPLACE FUNCTION cara.check_phase_move()
RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.phase || ' ' || NEW.phase = ANY (cara.legal_moves()) THEN
        RETURN NEW;
    ELSIF TG_OP = 'UPDATE' AND coalesce(current_setting('cara.forced_by', true), '') = '' THEN
        PERFORM cara.fail(409, format('project %s cannot go from phase %s to %s', cara.quote(OLD.project), OLD.phase, NEW.phase), 'phase',
            'SELECT * FROM cara.phase_transition shows the legal moves');
    ELSIF NOT EXISTS (SELECT FROM cara.phase f WHERE f.name = NEW.phase) THEN
        PERFORM cara.fail(400, format('%s is no phase', cara.quote(NEW.phase, 40)), 'phase', 'SELECT * FROM cara.phase shows them');
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION cara.check_phase_move IS 'Trigger: refuses a phase that there is not (SR400), and a move that cara.phase_transition does not have (SR409).';

-- BEFORE ROW on node_status, where the state changes: it moves only along cara.node_state_transition.
CREATE OR REPLACE FUNCTION cara.check_state_move()
RETURNS trigger LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM node_state_transition t WHERE (t.from_state, t.to_state) = (OLD.state, NEW.state)) THEN
        PERFORM fail(409, format('node %s cannot go from state %s to %s', quote(OLD.node), OLD.state, NEW.state), 'state');
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION cara.check_state_move IS 'Trigger: refuses (SR409) a move of a state that cara.node_state_transition does not have.';

-- AFTER DELETE on node: nothing can be assigned to a node that is not there.
CREATE OR REPLACE FUNCTION cara.release_deleted_node()
RETURNS trigger LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    UPDATE project_status s SET phase = 'Pending', phase_since = clock_timestamp(), updated_at = clock_timestamp(),
           reason = 'NodeDeleted', message = 'Its node was deleted'
      FROM assignment a JOIN old_rows o ON o.name = a.node
     WHERE s.project = a.project AND a.released_at IS NULL AND s.phase IN ('Scheduled', 'Running', 'Failed');
    UPDATE assignment a SET released_at = coalesce(a.released_at, clock_timestamp()),
           released_because = coalesce(a.released_because, 'NodeDeleted'), gone_at = clock_timestamp()
      FROM old_rows o WHERE o.name = a.node AND a.gone_at IS NULL;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION cara.release_deleted_node IS 'Trigger: projects of a node that was deleted go back to the scheduler.';

-- AFTER ROW DELETE on channel: the role goes with its channel.
CREATE OR REPLACE FUNCTION cara.drop_channel_role()
RETURNS trigger LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    IF OLD.role_name IS NOT NULL AND EXISTS (SELECT FROM pg_roles WHERE rolname = OLD.role_name) THEN
        PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = OLD.role_name;
        EXECUTE format('DROP ROLE %I', OLD.role_name);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION cara.drop_channel_role IS 'Trigger: ends the sessions of a channel''s role and drops it.';

-- AFTER STATEMENT on setting: the clock's plans were made with the old values.
CREATE OR REPLACE FUNCTION cara.setting_changed()
RETURNS trigger LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    UPDATE clock SET leases_due_at = '-infinity', judge_after = least(judge_after, clock_timestamp() + setting_interval('heartbeat_timeout'));
    PERFORM wake(NULL);
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION cara.setting_changed IS 'Trigger: has the next tick look at everything again, now.';

-- BEFORE ROW DELETE on project: a node that has not cleared away yet (it was away, or nobody waited for it) hears of it
-- for as long as it takes.
CREATE OR REPLACE FUNCTION cara.keep_leftover()
RETURNS trigger LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    INSERT INTO leftover (node, project, uid, epoch, generation, labels, spec_wire)
    SELECT a.node, OLD.name, OLD.uid, max(a.epoch), OLD.generation, OLD.labels, OLD.spec_wire
      FROM assignment a JOIN node n ON n.name = a.node WHERE a.project = OLD.name AND a.gone_at IS NULL GROUP BY a.node
    ON CONFLICT (node, project) DO UPDATE SET uid = excluded.uid, epoch = excluded.epoch, generation = excluded.generation,
        labels = excluded.labels, spec_wire = excluded.spec_wire, since = excluded.since;
    RETURN OLD;
END
$$;
COMMENT ON FUNCTION cara.keep_leftover IS 'Trigger: remembers where something of a deleted project is left.';
