-- The bodies of the triggers: resource versions, the change log, the bus, legal moves.

-- BEFORE STATEMENT, once a transaction: ids of the change log are drawn only while holding a lock that tells above which
-- id they will be, so that a reader who meets a gap knows whether someone may still fill it: cara.log_horizon().
-- What a watcher has seen must not be lost in a crash, or its ids would be drawn again for something else.
CREATE OR REPLACE FUNCTION cara.log_open()
RETURNS trigger LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    IF coalesce(current_setting('cara.log_open', true), '') = '' THEN
        PERFORM pg_advisory_xact_lock_shared(log_lock_key(coalesce(pg_sequence_last_value('cara.change_id'), 0)));
        PERFORM set_config('cara.log_open', 'yes', true);
    END IF;
    IF current_setting('synchronous_commit') = 'off' THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION cara.log_open IS 'Trigger: announces, to the end of the transaction, above which id it will write to the change log.';

-- Ids take the lower 48 bits; what is above them tells these locks from others.
CREATE OR REPLACE FUNCTION cara.log_lock_key(p_floor bigint)
RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (17217::bigint << 48) | p_floor;
COMMENT ON FUNCTION cara.log_lock_key IS 'The advisory lock of whoever writes to the change log above an id.';

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

-- BEFORE ROW on project_status and node_status: the same, and what phase or state this write moves it from. A status that
-- comes with the id drawn for it and the right phase needs no call, says the trigger's WHEN: a batch does without 10,000 of them.
CREATE OR REPLACE FUNCTION cara.stamp_phase()
RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    NEW.resource_version := nextval('cara.change_id');
    NEW.was_phase := nullif(OLD.phase, NEW.phase);
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION cara.stamp_phase IS 'Trigger: gives a project''s status its resource version and the phase it moves from.';

CREATE OR REPLACE FUNCTION cara.stamp_state()
RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    NEW.resource_version := nextval('cara.change_id');
    NEW.was_state := nullif(OLD.state, NEW.state);
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION cara.stamp_state IS 'Trigger: gives a node''s status its resource version and the state it moves from.';

-- BEFORE ROW UPDATE on node and project: the spec as the wire has it, worked out once, when it is written. TG_ARGV[0] is its type.
CREATE OR REPLACE FUNCTION cara.stamp_spec()
RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    NEW.spec_wire := cara.render(NEW.spec, TG_ARGV[0]);
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION cara.stamp_spec IS 'Trigger: keeps spec_wire in step with spec.';

-- BEFORE ROW INSERT on node and project: both at once.
CREATE OR REPLACE FUNCTION cara.stamp_new()
RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    NEW.resource_version := nextval('cara.change_id');
    NEW.spec_wire := cara.render(NEW.spec, TG_ARGV[0]);
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION cara.stamp_new IS 'Trigger: gives a new row its resource version and its spec_wire.';

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

-- Wakes everyone who waits for changes: the server by the bus, nodes by their own channels. Postgres sends the same
-- notification once a transaction however often it is asked to. A session that says cara.notify = 'server' does
-- without, as commits that notify queue up for one lock: it gets a notice (SQLSTATE SR001), acts on it once its commit
-- is through, and calls api.bus_notify() for everyone else soon after, once for many commits.
CREATE OR REPLACE FUNCTION cara.wake(p_nodes text[])
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    IF current_setting('cara.notify', true) = 'server' THEN
        IF coalesce(current_setting('cara.woken', true), '') = '' AND coalesce(current_setting('cara.planning', true), '') <> 'on' THEN
            PERFORM set_config('cara.woken', 'yes', true);
            RAISE NOTICE 'wake' USING ERRCODE = 'SR001';
        END IF;
        RETURN;
    END IF;
    PERFORM pg_notify('cara_bus', '');
    IF p_nodes IS NOT NULL THEN
        PERFORM pg_notify(c.channel, '') FROM channel c WHERE c.node = ANY (p_nodes) AND c.kind = 'postgres';
    END IF;
END
$$;
COMMENT ON FUNCTION cara.wake IS 'Notifies cara_bus and the channels of the given nodes, once a transaction; in a server''s session only by a notice to it.';

-- AFTER STATEMENT on node and node_status; deletions are in the log already. Who creates what is being deleted just then waits
-- for that with an id that may have been drawn before the deletion's, and takes another: the log must not end with what is older.
CREATE OR REPLACE FUNCTION cara.log_node()
RETURNS trigger LANGUAGE plpgsql SET search_path = cara, pg_temp SET enable_seqscan = off
AS $$
DECLARE
    v_logged bigint;
BEGIN
    IF TG_OP = 'DELETE' THEN
        SELECT count(*) INTO v_logged FROM old_rows;
    ELSIF TG_TABLE_NAME = 'node' THEN
        IF TG_OP = 'INSERT' THEN
            UPDATE node o SET resource_version = 0 FROM change c
             WHERE c.id > (SELECT min(n.resource_version) FROM new_rows n) AND c.kind = 'Node' AND c.op = 'DELETE' AND o.name = c.name AND o.resource_version < c.id;
        END IF;
        INSERT INTO change (id, kind, name, op) SELECT n.resource_version, 'Node', n.name, TG_OP FROM new_rows n;
        GET DIAGNOSTICS v_logged = ROW_COUNT;
    ELSE
        INSERT INTO change (id, kind, name, op, phase, was_phase)
        SELECT n.resource_version, 'Node', n.node, 'UPDATE', CASE WHEN n.was_state IS NOT NULL THEN n.state END, n.was_state FROM new_rows n;
        GET DIAGNOSTICS v_logged = ROW_COUNT;
        IF EXISTS (SELECT FROM new_rows n WHERE n.was_state IS NOT NULL AND 'NotReady' IN (n.state, n.was_state)) THEN
            -- that its node is lost is a condition of a project. One that somebody is at work on is left out: that must not keep the
            -- clock from judging nodes
            UPDATE project_status s SET updated_at = c.updated_at
              FROM (SELECT s.project, n.updated_at FROM new_rows n JOIN assignment a ON a.node = n.node AND a.released_at IS NULL AND a.gone_at IS NULL
                      JOIN project_status s ON s.project = a.project
                     WHERE n.was_state IS NOT NULL AND 'NotReady' IN (n.state, n.was_state) ORDER BY s.project FOR NO KEY UPDATE OF s SKIP LOCKED) c
             WHERE s.project = c.project;
        END IF;
    END IF;
    IF v_logged > 0 THEN
        PERFORM wake(NULL);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION cara.log_node IS 'Trigger: logs changed nodes, and the projects there when one is lost or back, and wakes the bus.';

-- AFTER STATEMENT on project and project_status. A change of what is asked for wakes the node that runs it;
-- a change of status does not, as that node is who said so. Who is Pending again has no node any more. Deletions are in the log already, and what is created takes another
-- id as in log_node().
CREATE OR REPLACE FUNCTION cara.log_project()
RETURNS trigger LANGUAGE plpgsql SET search_path = cara, pg_temp SET enable_seqscan = off
AS $$
DECLARE
    v_logged bigint;
BEGIN
    IF TG_OP = 'DELETE' THEN
        SELECT count(*) INTO v_logged FROM old_rows;
    ELSIF TG_TABLE_NAME = 'project_status' THEN
        INSERT INTO change (id, kind, name, op, phase, was_phase)
        SELECT n.resource_version, 'Project', n.project, 'UPDATE', CASE WHEN n.was_phase IS NOT NULL THEN n.phase END, n.was_phase FROM new_rows n;
        GET DIAGNOSTICS v_logged = ROW_COUNT;
        IF EXISTS (SELECT FROM new_rows n WHERE n.phase = 'Pending' AND n.was_phase IS NOT NULL) THEN -- who wrote nothing but the phase
            UPDATE assignment a SET released_at = n.phase_since, released_because = 'Requeued'
              FROM new_rows n WHERE n.phase = 'Pending' AND n.was_phase IS NOT NULL AND a.project = n.project AND a.released_at IS NULL;
        END IF;
    ELSIF TG_OP = 'INSERT' THEN
        IF EXISTS (SELECT FROM change c WHERE c.id > (SELECT min(n.resource_version) FROM new_rows n) AND c.kind = 'Project' AND c.op = 'DELETE') THEN
            UPDATE project o SET resource_version = 0 FROM change c
             WHERE c.id > (SELECT min(n.resource_version) FROM new_rows n) AND c.kind = 'Project' AND c.op = 'DELETE' AND o.name = c.name AND o.resource_version < c.id;
        END IF;
        INSERT INTO change (id, kind, name, op) SELECT n.resource_version, 'Project', n.name, 'INSERT' FROM new_rows n;
        GET DIAGNOSTICS v_logged = ROW_COUNT;
    ELSE
        INSERT INTO change (id, kind, name, op, node)
        SELECT n.resource_version, 'Project', n.name, 'UPDATE', a.node
          FROM new_rows n LEFT JOIN assignment a ON a.project = n.name AND a.released_at IS NULL;
        GET DIAGNOSTICS v_logged = ROW_COUNT;
    END IF;
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

-- BEFORE ROW on project and node, where labels change and before an id is drawn for that: who watches by labels and phase
-- has to know of either change what the other was, so the two follow one another.
CREATE OR REPLACE FUNCTION cara.lock_status()
RETURNS trigger LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    IF TG_TABLE_NAME = 'node' THEN
        PERFORM FROM node_status s WHERE s.node = OLD.name FOR NO KEY UPDATE;
    ELSE
        PERFORM FROM project_status s WHERE s.project = OLD.name FOR NO KEY UPDATE;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION cara.lock_status IS 'Trigger: keeps phases and states from moving while labels change.';

-- AFTER ROW on project and node, where labels change.
CREATE OR REPLACE FUNCTION cara.log_labels()
RETURNS trigger LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    IF TG_TABLE_NAME = 'node' THEN
        INSERT INTO change_was (id, kind, name, uid, labels, now_labels, phase)
        SELECT NEW.resource_version, 'Node', NEW.name, NEW.uid, OLD.labels, NEW.labels, s.state FROM node_status s WHERE s.node = NEW.name;
    ELSE
        INSERT INTO change_was (id, kind, name, uid, labels, now_labels, phase, node)
        SELECT NEW.resource_version, 'Project', NEW.name, NEW.uid, OLD.labels, NEW.labels, s.phase, a.node
          FROM project_status s LEFT JOIN assignment a ON a.project = s.project AND a.released_at IS NULL WHERE s.project = NEW.name;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION cara.log_labels IS 'Trigger: keeps what the labels were before a change of them.';

-- BEFORE ROW DELETE on project and node: while its status and assignment can still be read, the last words about it.
CREATE OR REPLACE FUNCTION cara.log_deleted()
RETURNS trigger LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_phase text;
    v_node  text;
    v_id    bigint;
BEGIN
    IF TG_TABLE_NAME = 'node' THEN
        SELECT s.state, OLD.name INTO v_phase, v_node FROM node_status s WHERE s.node = OLD.name FOR UPDATE;
        INSERT INTO change (id, kind, name, op, node) VALUES (nextval('change_id'), 'Node', OLD.name, 'DELETE', OLD.name) RETURNING id INTO v_id;
    ELSE
        SELECT s.phase INTO v_phase FROM project_status s WHERE s.project = OLD.name FOR UPDATE;
        SELECT a.node INTO v_node FROM assignment a WHERE a.project = OLD.name AND a.released_at IS NULL;
        INSERT INTO change (id, kind, name, op) VALUES (nextval('change_id'), 'Project', OLD.name, 'DELETE') RETURNING id INTO v_id;
    END IF;
    INSERT INTO change_was (id, kind, name, uid, labels, phase, node)
    VALUES (v_id, CASE TG_TABLE_NAME WHEN 'node' THEN 'Node' ELSE 'Project' END, OLD.name, OLD.uid, OLD.labels, v_phase, v_node);
    RETURN OLD;
END
$$;
COMMENT ON FUNCTION cara.log_deleted IS 'Trigger: logs a deletion with what was deleted.';

-- AFTER STATEMENT on channel: a stream that was revoked has to be ended by whichever server has it.
CREATE OR REPLACE FUNCTION cara.log_channel()
RETURNS trigger LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    INSERT INTO change (id, kind, name, op, node) SELECT nextval('change_id'), 'Channel', o.node, TG_OP, o.node FROM old_rows o WHERE o.kind = 'stream';
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION cara.log_channel IS 'Trigger: logs streams that were revoked; servers, which look each second, need not be woken for that.';

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
        INSERT INTO change (id, kind, name, op, node, phase)
        SELECT nextval('change_id'), 'Assignment', n.project, TG_OP, n.node, CASE WHEN n.gone_at IS NOT NULL THEN 'gone' END
          FROM new_rows n WHERE n.gone_at IS NULL OR n.gone_at = n.released_at; -- the latter for who watches a node; it has nothing to do itself
        PERFORM wake(array_agg(n.node)) FROM (SELECT DISTINCT n.node FROM new_rows n WHERE n.gone_at IS NULL) n HAVING count(*) > 0;
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

-- BEFORE ROW on project_status, where the first phase is not the first one, or the phase changes otherwise than along
-- cara.legal_moves(); the triggers' WHEN sees to that, as calling this for every row of a batch would cost more than it does.
CREATE OR REPLACE FUNCTION cara.check_phase_move()
RETURNS trigger LANGUAGE plpgsql
AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND coalesce(current_setting('cara.forced_by', true), '') = '' THEN
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
DECLARE
    v_now timestamptz := clock_timestamp();
BEGIN
    WITH moved AS (
        UPDATE project_status s SET phase = 'Pending', phase_since = v_now, updated_at = v_now,
               reason = 'NodeDeleted', message = 'Its node was deleted'
          FROM assignment a JOIN old_rows o ON o.name = a.node
         WHERE s.project = a.project AND a.released_at IS NULL AND s.phase IN ('Scheduled', 'Running', 'Failed')
    )
    UPDATE assignment a SET released_at = coalesce(a.released_at, v_now),
           released_because = coalesce(a.released_because, 'NodeDeleted'), gone_at = v_now
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
    PERFORM set_pace();
    UPDATE clock SET leases_due_at = '-infinity', trim_due_at = '-infinity', judge_after = least(judge_after, clock_timestamp() + lease_timeout());
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
    PERFORM FROM project_status s WHERE s.project = OLD.name FOR UPDATE; -- it is not being placed meanwhile
    INSERT INTO leftover (node, project, uid, epoch, generation, labels, spec_wire)
    SELECT a.node, OLD.name, OLD.uid, max(a.epoch), OLD.generation, OLD.labels, OLD.spec_wire
      FROM assignment a JOIN node n ON n.name = a.node WHERE a.project = OLD.name AND a.gone_at IS NULL GROUP BY a.node
    ON CONFLICT (node, project) DO UPDATE SET uid = excluded.uid, epoch = excluded.epoch, generation = excluded.generation,
        labels = excluded.labels, spec_wire = excluded.spec_wire, since = excluded.since;
    RETURN OLD;
END
$$;
COMMENT ON FUNCTION cara.keep_leftover IS 'Trigger: remembers where something of a deleted project is left.';
