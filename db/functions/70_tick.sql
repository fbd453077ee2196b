-- The clock: whatever is due. One server at a time ticks; anyone may call it, the steps are idempotent.

CREATE OR REPLACE FUNCTION api.tick_lock_key()
RETURNS bigint LANGUAGE sql STABLE SECURITY DEFINER SET search_path = cara, pg_temp
AS $$ SELECT hashtextextended('cara.tick', 0) $$;
COMMENT ON FUNCTION api.tick_lock_key IS 'The session-level advisory lock that the ticking server holds.';

-- The pace of heartbeats for a number of nodes: both settings as they are, or stretched alike so that no more heartbeats
-- arrive in a second than heartbeats_per_second (0: any number).
CREATE OR REPLACE FUNCTION cara.pace(p_nodes bigint, OUT heartbeat_ms bigint, OUT lease_ms bigint)
LANGUAGE plpgsql STABLE SET search_path = cara, pg_temp
AS $$
DECLARE
    c_longest   CONSTANT numeric := 3155760000000; -- 100 years, as for settings
    v_heartbeat numeric := extract(epoch FROM setting_interval('heartbeat_interval')) * 1000;
    v_stretch   numeric := greatest(1, p_nodes * 1000 / nullif(setting_number('heartbeats_per_second'), 0) / nullif(v_heartbeat, 0));
BEGIN
    heartbeat_ms := least(ceil(v_heartbeat * v_stretch), c_longest);
    lease_ms := least(ceil(extract(epoch FROM setting_interval('heartbeat_timeout')) * 1000 * v_stretch), c_longest);
END
$$;
COMMENT ON FUNCTION cara.pace IS 'How often so many nodes renew their leases and how long those hold, in milliseconds.';

-- Works the pace out anew and keeps it where heartbeats find it.
CREATE OR REPLACE FUNCTION cara.set_pace()
RETURNS void LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    UPDATE clock c SET heartbeat_ms = n.heartbeat_ms, lease_ms = n.lease_ms
      FROM (SELECT p.heartbeat_ms, p.lease_ms FROM pace((SELECT count(*) FROM lease)) p) n
     WHERE (c.heartbeat_ms, c.lease_ms) IS DISTINCT FROM (n.heartbeat_ms, n.lease_ms);
END
$$;
COMMENT ON FUNCTION cara.set_pace IS 'Keeps the pace of heartbeats for the nodes there are in cara.clock.';

CREATE OR REPLACE FUNCTION cara.lease_timeout()
RETURNS interval LANGUAGE plpgsql STABLE SET search_path = cara, pg_temp
AS $$ BEGIN RETURN (SELECT coalesce(c.lease_ms * interval '1 millisecond', setting_interval('heartbeat_timeout')) FROM clock c); END $$;
COMMENT ON FUNCTION cara.lease_timeout IS 'How long a lease holds at the present pace.';

-- Two thirds of a lease at most: after a shorter outage whoever renews three times in one has not run out yet, after a longer one all
-- have, and that is not theirs. Half a second at least, as a busy clock's ticks may be that far apart.
CREATE OR REPLACE FUNCTION cara.outage()
RETURNS interval LANGUAGE plpgsql STABLE SET search_path = cara, pg_temp
AS $$ BEGIN RETURN least(setting_interval('control_plane_gap'), greatest(lease_timeout() * 2 / 3, interval '500 ms')); END $$;
COMMENT ON FUNCTION cara.outage IS 'For how long nobody may tick before that counts as an outage of the control plane.';

-- Marks nodes whose lease ran out. Returns when the next lease runs out, if nobody renews. A lease of an agent that was
-- told a slower pace than the present one holds as much longer, until it has been told.
CREATE OR REPLACE FUNCTION cara.expire_leases(p_now timestamptz)
RETURNS timestamptz LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_timeout interval := lease_timeout();
    v_pace    double precision := (SELECT nullif(heartbeat_ms, 0) FROM clock);
    v_next    timestamptz;
BEGIN
    WITH late AS ( -- a lease that is locked is being renewed right now
        SELECT l.node FROM node_status s JOIN lease l ON l.node = s.node
         WHERE s.state <> 'NotReady' AND l.renewed_at < p_now - v_timeout AND l.renewed_at < p_now - v_timeout * greatest(1, l.told_ms / v_pace)
         ORDER BY l.node FOR UPDATE OF l SKIP LOCKED
    ), moved AS (
        UPDATE node_status s
           SET state = 'NotReady', ready = false, reason = 'HeartbeatTimeout',
               message = 'Agent has not posted a heartbeat within the timeout window',
               ready_since = p_now, not_ready_since = p_now, updated_at = p_now
          FROM late l WHERE s.node = l.node RETURNING s.node, s.message
    )
    INSERT INTO event (kind, name, type, reason, message, actor, first_at, last_at)
    SELECT 'Node', m.node, 'Warning', 'NodeNotReady', m.message, 'system:tick', p_now, p_now FROM moved m;
    SELECT min(l.renewed_at + v_timeout * greatest(1, l.told_ms / v_pace)) + interval '1 millisecond' INTO v_next
      FROM node_status s JOIN lease l ON l.node = s.node WHERE s.state <> 'NotReady';
    RETURN coalesce(v_next, p_now + v_timeout);
END
$$;
COMMENT ON FUNCTION cara.expire_leases IS 'Makes nodes NotReady whose lease ran out; returns when the next one would.';

-- Most nodes gone at once is the control plane's illness, not theirs; so it is when all are, however few. While the first ones
-- come back the others have as long as a lease to do so, too: else whoever is first would get everything.
CREATE OR REPLACE FUNCTION cara.eviction_braked(p_now timestamptz)
RETURNS boolean LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_lease interval := lease_timeout();
    v_all   bigint;
    v_lost  bigint;
    v_well  boolean; -- some node has been, for a whole lease
BEGIN
    SELECT count(*), count(*) FILTER (WHERE state = 'NotReady'), coalesce(bool_or(state <> 'NotReady' AND ready_since <= p_now - v_lease), false)
      INTO v_all, v_lost, v_well FROM node_status WHERE ready IS NOT NULL;
    IF v_well AND (v_all < 3 OR v_lost <= v_all * setting_number('eviction_brake')) THEN
        RETURN false;
    END IF;
    PERFORM event_record('Cluster', 'cluster', 'Warning', 'EvictionStopped', format('%s of %s nodes are NotReady: nothing is moved until ', v_lost, v_all)
        || CASE WHEN v_well THEN 'fewer are' ELSE 'a node has been Ready for a while' END, 'system:tick', p_now);
    RETURN true;
END
$$;
COMMENT ON FUNCTION cara.eviction_braked IS 'Whether so many nodes are lost that nothing should be moved; says so in an event.';

-- How many more projects may be taken off their nodes now, by the rate that operators set.
CREATE OR REPLACE FUNCTION cara.evictions_left(p_now timestamptz)
RETURNS bigint LANGUAGE sql STABLE SET search_path = cara, pg_temp
AS $$
    SELECT greatest(setting_number('evictions_per_minute')::bigint - count(*), 0) FROM assignment a
     WHERE a.released_at > p_now - interval '1 minute' AND a.released_because IN ('NodeLost', 'Drained', 'Tainted')
$$;
COMMENT ON FUNCTION cara.evictions_left IS 'How many evictions the rate still allows in this minute.';

-- Gives the projects of lost nodes back to the scheduler: what had not run yet at once, the rest when its
-- grace has passed, unless it asked to wait. Returns how many.
CREATE OR REPLACE FUNCTION cara.reschedule_lost(p_now timestamptz)
RETURNS bigint LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM node_status n JOIN assignment a ON a.node = n.node AND a.gone_at IS NULL AND a.released_at IS NULL
                    WHERE n.state = 'NotReady')
       OR eviction_braked(p_now) THEN
        RETURN 0;
    END IF;
    RETURN release(array(
        SELECT s.project FROM node_status n
          JOIN assignment a ON a.node = n.node AND a.gone_at IS NULL AND a.released_at IS NULL
          JOIN project_status s ON s.project = a.project
          JOIN demand d ON d.project = a.project
         WHERE n.state = 'NotReady' AND d.on_node_lost = 'Reschedule'
           AND (s.phase = 'Scheduled'
                OR (s.phase IN ('Running', 'Failed') AND n.not_ready_since <= p_now - (SELECT setting_interval('running_grace'))))
         ORDER BY s.project LIMIT evictions_left(p_now) FOR UPDATE OF s),
        'NodeLost', 'NodeNotReady', 'Node went NotReady; project reset to Pending for rescheduling', 'system:tick', p_now);
END
$$;
COMMENT ON FUNCTION cara.reschedule_lost IS 'Releases projects from lost nodes once their grace has passed; returns how many.';

-- When to give up on each deletion that some node still has something of. A node that is alive and has been
-- asked is waited for as long as it takes (infinity); one that is lost, or does not clear away what it was told
-- to give up, until the timeout, and not before it could have answered after a gap in the control plane.
CREATE OR REPLACE FUNCTION cara.deletion_due()
RETURNS TABLE (project text, given_up_at timestamptz) LANGUAGE plpgsql STABLE ROWS 10 SET search_path = cara, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY SELECT s.project, max(CASE WHEN n.node IS NULL THEN p.deleted_at
                               ELSE greatest(greatest(p.deleted_at, coalesce(n.not_ready_since, a.released_at, 'infinity'))
                                             + (SELECT setting_interval('terminating_timeout')), (SELECT judge_after FROM clock)) END)
      FROM project_status s
      JOIN project p ON p.name = s.project
      JOIN assignment a ON a.project = s.project AND a.gone_at IS NULL
      LEFT JOIN node_status n ON n.node = a.node
     WHERE s.phase = 'Terminating'
     GROUP BY s.project;
END
$$;
COMMENT ON FUNCTION cara.deletion_due IS 'For each project being deleted that is still on some node: when to stop waiting for it.';

-- Ends deletions: Terminating becomes Terminated when no node has anything left, or when the node that has
-- did not answer for too long; Terminated rows go after a moment in which they can be seen. What someone else has
-- locked is left for the next time.
CREATE OR REPLACE FUNCTION cara.finish_deletions(p_now timestamptz)
RETURNS bigint LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_gone bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM project_status WHERE phase IN ('Terminating', 'Terminated')) THEN
        RETURN 0;
    END IF;
    WITH over AS (
        SELECT p.name FROM project p JOIN project_status s ON s.project = p.name
         WHERE s.phase = 'Terminated' AND s.phase_since <= p_now - (SELECT setting_interval('terminated_retention'))
           FOR UPDATE OF p SKIP LOCKED
    ), gone AS (
        DELETE FROM project p USING over o WHERE p.name = o.name RETURNING p.name
    ), told AS (
        INSERT INTO event (kind, name, type, reason, message, actor, first_at, last_at)
        SELECT 'Project', g.name, 'Normal', 'Deleted', 'Project deleted', 'system:tick', p_now, p_now FROM gone g
    )
    SELECT count(*) INTO v_gone FROM gone;
    WITH ended AS ( -- with nothing left on any node, or given up
        SELECT s.project, d.project IS NOT NULL AS given_up
          FROM project_status s LEFT JOIN deletion_due() d ON d.project = s.project
         WHERE s.phase = 'Terminating' AND coalesce(d.given_up_at <= p_now, true)
           FOR UPDATE OF s SKIP LOCKED
    ), moved AS (
        UPDATE project_status s
           SET phase = 'Terminated', phase_since = p_now, updated_at = p_now,
               reason = CASE WHEN e.given_up THEN 'TerminationTimeout' ELSE 'ResourcesRemoved' END,
               message = CASE WHEN e.given_up THEN 'Node was NotReady for too long; project force-terminated. Docker resources on the node may need manual cleanup.'
                              ELSE 'All Docker resources have been removed' END
          FROM ended e WHERE s.project = e.project
        RETURNING s.project, s.reason, s.message, e.given_up
    )
    INSERT INTO event (kind, name, type, reason, message, actor, first_at, last_at)
    SELECT 'Project', m.project, CASE WHEN m.given_up THEN 'Warning' ELSE 'Normal' END, m.reason, m.message, 'system:tick', p_now, p_now FROM moved m;
    RETURN v_gone;
END
$$;
COMMENT ON FUNCTION cara.finish_deletions IS 'Ends the deletions that can end; returns how many rows went.';

CREATE OR REPLACE FUNCTION cara.delete_expired(p_now timestamptz)
RETURNS bigint LANGUAGE plpgsql SET search_path = cara, pg_temp SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    RETURN (SELECT count(api.project_delete(e.name, '{}', 'system:expireAt'))
              FROM (SELECT p.name FROM project p WHERE p.expire_at <= p_now AND p.deleted_at IS NULL
                     ORDER BY p.name FOR UPDATE SKIP LOCKED) e);
END
$$;
COMMENT ON FUNCTION cara.delete_expired IS 'Asks for the deletion of projects whose spec.expireAt has passed.';

-- Of each project the newest decisions_kept decisions that are over stay, and whatever some node has yet to clear away. Only projects
-- that lost a node since the last time are looked at, about p_rows at a time; all of them again once a setting has changed. Those of the
-- last minute count for the rate of evictions. Gives whether there are more to look at.
CREATE OR REPLACE FUNCTION cara.trim_decisions(p_now timestamptz, p_rows int DEFAULT 50000)
RETURNS boolean LANGUAGE plpgsql SET search_path = cara, pg_temp SET enable_seqscan = off
AS $$
DECLARE
    v_since    timestamptz := (SELECT CASE WHEN trim_due_at > '-infinity' THEN decisions_trimmed_to ELSE '-infinity' END FROM clock);
    v_last     timestamptz := p_now - interval '1 minute';
    v_to       timestamptz;
    v_projects text[];
    v_epochs   bigint[];
BEGIN
    v_to := coalesce((SELECT a.released_at FROM assignment a WHERE a.released_at > v_since AND a.released_at <= v_last ORDER BY a.released_at OFFSET p_rows LIMIT 1), v_last);
    SELECT array_agg(o.project), array_agg(o.epoch) INTO v_projects, v_epochs
      FROM (SELECT DISTINCT a.project FROM assignment a WHERE a.released_at > v_since AND a.released_at <= v_to) p
     CROSS JOIN LATERAL (SELECT a.project, a.epoch, a.released_at FROM assignment a WHERE a.project = p.project AND a.gone_at IS NOT NULL
                          ORDER BY a.epoch DESC OFFSET (SELECT setting_number('decisions_kept'))::bigint) o
     WHERE o.released_at <= v_to;
    IF v_projects IS NOT NULL THEN -- else the change log would be opened for nothing
        DELETE FROM assignment a USING unnest(v_projects, v_epochs) o(project, epoch) WHERE a.project = o.project AND a.epoch = o.epoch;
    END IF;
    UPDATE clock SET decisions_trimmed_to = v_to WHERE decisions_trimmed_to <> v_to;
    RETURN v_to < v_last;
END
$$;
COMMENT ON FUNCTION cara.trim_decisions IS 'Forgets decisions that are over beyond the newest decisions_kept of each project; gives whether there are more to look at.';

-- Events and deaths go by age, the change log by age and size, and only what every reader can have: the log is decided up to its
-- horizon. At most p_rows changes at a time, as the clock holds locks meanwhile. Gives whether there are more to go.
CREATE OR REPLACE FUNCTION cara.trim_history(p_now timestamptz, p_rows int DEFAULT 50000)
RETURNS boolean LANGUAGE plpgsql SET search_path = cara, pg_temp SET enable_seqscan = off
AS $$
DECLARE
    v_decided bigint := log_horizon();
    v_most    bigint := v_decided - setting_number('change_max_rows')::bigint;
    v_since   timestamptz := p_now - setting_interval('change_retention');
    v_to      bigint;
    v_rows    bigint;
BEGIN
    DELETE FROM event WHERE last_at < p_now - (SELECT setting_interval('event_retention'));
    PERFORM trim_deaths(p_now);
    SELECT max(o.id), count(*) INTO v_to, v_rows
      FROM (SELECT c.id, c.at FROM change c WHERE c.id <= v_decided ORDER BY c.id LIMIT p_rows) o WHERE o.id <= v_most OR o.at < v_since;
    IF v_to IS NULL THEN
        RETURN false;
    END IF;
    UPDATE clock SET log_trimmed_to = v_to;
    DELETE FROM change WHERE id <= v_to;
    DELETE FROM change_was WHERE id <= v_to;
    RETURN v_rows = p_rows;
END
$$;
COMMENT ON FUNCTION cara.trim_history IS 'Drops old events and deaths, and of the change log what is too old or too much; gives whether there is more to drop.';

-- A channel's role may LISTEN, so it could also keep a transaction open or never read what it is sent, and then the
-- queue that all notifications of the instance go through cannot be emptied; once that is full nobody can commit a
-- NOTIFY. Nobody can tell who listens, so others are ended only when it comes to that, and only when they idle. p_all: also while
-- there is room in the queue, sessions of channels that are long in a transaction, which nothing they may do takes, and that logged in
-- while their channel was being revoked.
DROP FUNCTION IF EXISTS cara.guard_bus(timestamptz);
CREATE OR REPLACE FUNCTION cara.guard_bus(p_now timestamptz, p_all boolean DEFAULT false)
RETURNS bigint LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_used  double precision := pg_notification_queue_usage();
    v_limit numeric := setting_number('bus_queue_limit');
    v_ended bigint;
BEGIN
    IF v_used <= v_limit AND NOT p_all THEN
        RETURN 0;
    END IF;
    WITH fault AS MATERIALIZED ( -- first who, then the deed: a function in WHERE might be called for everyone
        SELECT a.pid, a.usename, c.node, c.node IS NULL AND coalesce(a.usename ~ '^cara_node_[0-9a-f]{20}$', true) AS is_revoked -- no name: the role is gone
          FROM pg_stat_activity a LEFT JOIN channel c ON c.role_name = a.usename
         WHERE a.datname = current_database() AND a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()
    ), chosen AS MATERIALIZED (
        SELECT f.* FROM fault f JOIN pg_stat_activity a ON a.pid = f.pid
         WHERE (f.is_revoked
                OR (a.xact_start < clock_timestamp() - setting_interval('bus_session_patience')
                    AND (f.node IS NOT NULL OR (v_used > greatest(v_limit, 0.5) AND a.state LIKE 'idle in transaction%'))))
           AND (pg_has_role(a.usesysid, 'MEMBER') OR (pg_has_role('pg_signal_backend', 'MEMBER') AND NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.oid = a.usesysid)))
    ), ended AS MATERIALIZED (
        SELECT c.*, pg_terminate_backend(c.pid) AS done FROM chosen c
    )
    SELECT count(event_record(CASE WHEN e.node IS NULL THEN 'Cluster' ELSE 'Node' END, coalesce(e.node, 'cluster'), 'Warning', 'ChannelEnded',
               CASE WHEN e.is_revoked THEN 'A session of a channel that was revoked was ended'
                    WHEN e.node IS NULL THEN format('A session of %s held up the notification queue', e.usename)
                    ELSE 'Its channel held up the notification queue' END,
               'system:tick', p_now)) INTO v_ended
      FROM ended e WHERE e.done;
    RETURN v_ended;
END
$$;
COMMENT ON FUNCTION cara.guard_bus IS 'Ends the sessions that keep the notification queue from being emptied, or should not be there, with an event; gives how many.';

-- Whoever changed something and does not commit keeps everybody who watches waiting behind that change.
CREATE OR REPLACE FUNCTION cara.tell_who_holds_log(p_now timestamptz)
RETURNS bigint LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
BEGIN
    RETURN (SELECT count(event_record('Cluster', 'cluster', 'Warning', 'ChangesHeld',
                       format('Process %s of %s has changed something and not committed since %s: nobody hears of what was changed later',
                              h.pid, coalesce(h.usename, 'somebody'), to_char(h.since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')),
                       'system:tick', p_now))
              FROM (SELECT DISTINCT a.pid, a.usename, a.xact_start AS since
                      FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
                     WHERE l.locktype = 'advisory' AND l.objsubid = 1 AND l.classid::bigint >> 16 = log_lock_key(0) >> 48
                       AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()) AND l.pid <> pg_backend_pid()
                       AND a.xact_start < clock_timestamp() - setting_interval('bus_session_patience')) h);
END
$$;
COMMENT ON FUNCTION cara.tell_who_holds_log IS 'Tells in events of sessions that hold back what others hear of changes; gives how many.';

-- When something is next due by the clock alone.
CREATE OR REPLACE FUNCTION cara.next_due(p_now timestamptz)
RETURNS timestamptz LANGUAGE plpgsql STABLE SET search_path = cara, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
BEGIN
    RETURN least(
        p_now + outage() / 3,
        (SELECT greatest(leases_due_at, judge_after) FROM clock),
        (SELECT trim_due_at FROM clock),
        (SELECT channels_due_at FROM clock WHERE channels_due_at > p_now),
        (SELECT min(s.phase_since) + setting_interval('terminated_retention') FROM project_status s
          WHERE s.phase = 'Terminated' AND s.phase_since > p_now - (SELECT setting_interval('terminated_retention'))),
        (SELECT min(d.given_up_at) FROM deletion_due() d WHERE d.given_up_at > p_now),
        (SELECT judge_after FROM clock WHERE judge_after > p_now),
        (SELECT min(n.not_ready_since) + setting_interval('running_grace') FROM node_status n
          WHERE n.state = 'NotReady' AND n.not_ready_since > p_now - (SELECT setting_interval('running_grace'))
            AND EXISTS (SELECT FROM assignment a WHERE a.node = n.node AND a.gone_at IS NULL)), -- also what was taken off it waits for that
        (SELECT min(a.released_at) + setting_interval('terminating_timeout') FROM assignment a -- who waits for its old node has waited long enough
          WHERE a.released_at IS NOT NULL AND a.gone_at IS NULL AND a.released_because NOT IN ('NodeLost', 'Forced')
            AND a.released_at > p_now - (SELECT setting_interval('terminating_timeout'))),
        (SELECT p_now FROM clock WHERE undecided IS NOT NULL AND EXISTS (SELECT FROM project_status WHERE phase = 'Pending')), -- a decision goes on
        (SELECT min(w.ready_since) + lease_timeout() FROM node_status w -- the end of a brake
          WHERE w.state <> 'NotReady' AND w.ready_since > p_now - (SELECT lease_timeout())
            AND EXISTS (SELECT FROM node_status n JOIN assignment a ON a.node = n.node AND a.gone_at IS NULL AND a.released_at IS NULL WHERE n.state = 'NotReady')),
        (SELECT min(expire_at) FROM project WHERE expire_at > p_now AND deleted_at IS NULL));
END
$$;
COMMENT ON FUNCTION cara.next_due IS 'When api.tick() next has something to do if nothing else happens.';

-- What is due by the clock: leases, grace, deletions, retention. p_fresh: the caller has just become the one that ticks; nodes get a
-- full timeout before anyone is judged. Apart from decisions, so that one that fails or takes long holds up none of it.
CREATE OR REPLACE FUNCTION api.tick_due(p_fresh boolean DEFAULT false, p_now timestamptz DEFAULT clock_timestamp())
RETURNS json LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_clock       clock;
    v_outage      interval := outage();
    v_beat        boolean; -- now and then, not on every wake-up
    v_leases_due  timestamptz;
    v_more        boolean;
    v_rescheduled bigint := 0;
    v_removed     bigint;
BEGIN
    PERFORM schedule_lock();
    SELECT * INTO v_clock FROM clock;
    v_beat := v_clock.last_tick_at < p_now - v_outage / 6;
    IF p_fresh OR v_clock.last_tick_at < p_now - v_outage THEN
        PERFORM set_pace();
        UPDATE clock SET judge_after = p_now + lease_timeout() RETURNING * INTO v_clock;
    END IF;
    IF p_now >= v_clock.judge_after THEN
        IF p_now >= v_clock.leases_due_at THEN
            v_leases_due := expire_leases(p_now);
            UPDATE clock SET leases_due_at = v_leases_due;
        END IF;
        v_rescheduled := reschedule_lost(p_now);
    END IF;
    PERFORM delete_expired(p_now);
    v_removed := finish_deletions(p_now);
    PERFORM guard_bus(p_now, v_beat);
    IF p_now >= v_clock.channels_due_at AND move_channels(p_now) > 0 THEN -- and perhaps more
        UPDATE clock SET channels_due_at = p_now + interval '1 second';
    END IF;
    IF p_now >= v_clock.trim_due_at THEN
        PERFORM set_pace();
        PERFORM tell_who_holds_log(p_now);
        v_more := trim_decisions(p_now);
        v_more := trim_history(p_now) OR v_more;
        UPDATE clock SET trim_due_at = p_now + CASE WHEN v_more THEN interval '2 seconds' ELSE interval '1 minute' END;
    END IF;
    IF v_beat THEN -- it costs a commit
        UPDATE clock SET last_tick_at = p_now;
    END IF;
    RETURN json_build_object('rescheduled', v_rescheduled, 'removed', v_removed);
END
$$;
COMMENT ON FUNCTION api.tick_due IS 'Does what is due by the clock (leases, grace, deletions, retention); api.decide() comes next, in a transaction of its own where it can.';

-- A decision that failed, told once an hour for each cause.
CREATE OR REPLACE FUNCTION cara.decision_failed(p_what text, p_error text, p_sqlstate text, p_now timestamptz)
RETURNS text LANGUAGE plpgsql SET search_path = cara, pg_temp
AS $$
DECLARE
    v_message text := left(format('%s failed and is tried again: %s (%s)', p_what, p_error, p_sqlstate), 4096);
BEGIN
    IF NOT EXISTS (SELECT FROM event e WHERE e.kind = 'Cluster' AND e.name = 'cluster' AND e.reason = 'DecisionFailed' AND e.message = v_message
                      AND e.last_at > p_now - interval '1 hour') THEN
        PERFORM event_record('Cluster', 'cluster', 'Warning', 'DecisionFailed', v_message, 'system:scheduler', p_now);
    END IF;
    RETURN v_message;
END
$$;
COMMENT ON FUNCTION cara.decision_failed IS 'Tells in an event that decisions fail, and gives its message.';

-- Decides: who has to leave, then who goes where. What fails is undone and told, and the caller may commit the rest; nor does one wait
-- for a row until that counts as an outage of the clock. Cancelled (as by a statement timeout) is failed, too.
-- Returns {"nextInMs": N, "placed": N, "evicted": N} and "failed" with the reason; N is never so small that a setting, or a row that
-- someone else has locked, could make the caller spin.
CREATE OR REPLACE FUNCTION api.decide(p_now timestamptz DEFAULT clock_timestamp())
RETURNS json LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_evicted bigint := 0;
    v_placed  int := 0;
    v_failed  text;
    v_next    timestamptz;
    v_waits   text := current_setting('lock_timeout');
BEGIN
    PERFORM schedule_lock();
    PERFORM set_config('lock_timeout', least(greatest(ceil(extract(epoch FROM outage()) * 1000 / 3), 100), 20000)::text, true);
    BEGIN
        v_evicted := evict_unwanted(p_now, NULL);
    EXCEPTION WHEN OTHERS OR query_canceled THEN
        v_failed := decision_failed('Taking projects off nodes', SQLERRM, SQLSTATE, p_now);
    END;
    BEGIN
        v_placed := api.schedule(p_now);
    EXCEPTION WHEN OTHERS OR query_canceled THEN
        v_failed := decision_failed('Placing projects', SQLERRM, SQLSTATE, p_now);
    END;
    PERFORM set_config('lock_timeout', v_waits, true);
    v_next := greatest(next_due(p_now), p_now);
    IF v_failed IS NOT NULL THEN
        v_next := least(v_next, p_now + interval '1 second');
    END IF;
    RETURN json_strip_nulls(json_build_object('nextInMs', greatest(50, ceil(extract(epoch FROM v_next - p_now) * 1000))::bigint,
        'placed', v_placed, 'evicted', v_evicted, 'failed', v_failed));
END
$$;
COMMENT ON FUNCTION api.decide IS
    'Takes projects off nodes they have to leave and places those that wait; says in how many milliseconds api.tick_due() wants to be called again, and what failed.';

-- Both at once, for whoever sits at psql.
CREATE OR REPLACE FUNCTION api.tick(p_fresh boolean DEFAULT false, p_now timestamptz DEFAULT clock_timestamp())
RETURNS json LANGUAGE plpgsql SECURITY DEFINER SET search_path = cara, pg_temp
AS $$
DECLARE
    v_due     json := api.tick_due(p_fresh, p_now);
    v_decided json := api.decide(p_now);
BEGIN
    RETURN json_strip_nulls(json_build_object('nextInMs', v_decided->'nextInMs', 'placed', v_decided->'placed',
        'rescheduled', (v_due->>'rescheduled')::bigint + (v_decided->>'evicted')::bigint, 'removed', v_due->'removed', 'failed', v_decided->'failed'));
END
$$;
COMMENT ON FUNCTION api.tick IS 'Does whatever is due (leases, grace, deletions, retention, decisions) and says in how many milliseconds it wants to be called again.';
