INSERT INTO cara.migration (version, name) VALUES (4, 'bus');

-- ---------------------------------------------------------------------------------------------
-- The change log, complete: what an object was before a change, for those who watch only some objects.

ALTER TABLE cara.change ADD COLUMN phase text;
ALTER TABLE cara.change ADD COLUMN was_phase text;
ALTER TABLE cara.change DROP CONSTRAINT change_kind_check;
ALTER TABLE cara.change ADD CONSTRAINT change_kind_check CHECK (kind IN ('Node', 'Project', 'Assignment', 'Channel'));
DROP INDEX cara.change_at; -- ids rise with time closely enough to trim by
COMMENT ON TABLE cara.change IS
    'One row a changed object, written by triggers. Whoever draws ids has told before, by an advisory lock, above which id they will be; so a reader that meets a gap knows whether to wait for it.';
COMMENT ON COLUMN cara.change.phase IS 'The phase of a project or the state of a node, where this change moved it; ''gone'' of an assignment whose node has nothing left to do.';
COMMENT ON COLUMN cara.change.was_phase IS 'The phase or state before, where this change moved it.';

CREATE TABLE cara.change_was (
    id         bigint PRIMARY KEY,
    kind       text NOT NULL CHECK (kind IN ('Node', 'Project')),
    name       text COLLATE "C" NOT NULL,
    uid        uuid NOT NULL,
    labels     jsonb NOT NULL,
    now_labels jsonb,
    phase      text,
    node       text COLLATE "C"
);
CREATE INDEX change_was_object ON cara.change_was (kind, name, id);
COMMENT ON TABLE cara.change_was IS 'What an object was before a change of its labels, or before it was deleted; id is that of the change. Trimmed with the log.';
COMMENT ON COLUMN cara.change_was.now_labels IS 'Its labels since this change; NULL when it was deleted.';
COMMENT ON COLUMN cara.change_was.phase IS 'The phase of the project or the state of the node at this change.';
COMMENT ON COLUMN cara.change_was.node IS 'The node of the project at this change.';

ALTER TABLE cara.project_status ADD COLUMN was_phase text;
ALTER TABLE cara.node_status ADD COLUMN was_state text;
COMMENT ON COLUMN cara.project_status.was_phase IS 'The phase before the last write of this row, where that moved it; for the change log.';
COMMENT ON COLUMN cara.node_status.was_state IS 'The state before the last write of this row, where that moved it; for the change log.';

ALTER TABLE cara.clock ADD COLUMN log_trimmed_to bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN cara.clock.log_trimmed_to IS 'The highest id that was removed from the change log: a watch cannot start below it.';

-- ---------------------------------------------------------------------------------------------
-- The pace of heartbeats: stretched as the cluster grows.

ALTER TABLE cara.clock ADD COLUMN heartbeat_ms bigint;
ALTER TABLE cara.clock ADD COLUMN lease_ms bigint;
COMMENT ON COLUMN cara.clock.heartbeat_ms IS 'How often agents are told to renew their leases; NULL until the first tick.';
COMMENT ON COLUMN cara.clock.lease_ms IS 'How long a lease holds; NULL until the first tick.';

ALTER TABLE cara.lease ADD COLUMN told_ms bigint;
COMMENT ON COLUMN cara.lease.told_ms IS 'The heartbeat interval its agent was last told; NULL when it never asked for a channel.';

-- ---------------------------------------------------------------------------------------------
-- Channels of kind stream.

CREATE SEQUENCE cara.channel_serial AS bigint;
ALTER TABLE cara.channel ADD COLUMN serial bigint NOT NULL DEFAULT nextval('cara.channel_serial');
ALTER TABLE cara.channel ADD COLUMN token_hash bytea;
ALTER TABLE cara.channel ADD CONSTRAINT channel_stream_is_whole CHECK (kind <> 'stream' OR token_hash IS NOT NULL);
CREATE INDEX channel_postgres ON cara.channel (node) WHERE kind = 'postgres';
COMMENT ON COLUMN cara.channel.serial IS 'Another one with each issue: what was issued before is revoked.';
COMMENT ON COLUMN cara.channel.token_hash IS 'SHA-256 of the token that opens a stream; the token itself is nowhere.';

-- ---------------------------------------------------------------------------------------------

INSERT INTO cara.setting (name, kind, value, comment) VALUES
    ('change_max_rows',       'integer',  '1000000', 'how many changes the change log reaches back at most'),
    ('heartbeats_per_second', 'integer',  '1000', 'heartbeat_interval and heartbeat_timeout are stretched so that no more than these arrive'),
    ('bus_queue_limit',       'number',   '0.1', 'share of the notification queue in use above which sessions that hold it back are ended'),
    ('bus_session_patience',  'interval', '10s', 'how long a session may keep a transaction open while the notification queue is above its limit');

-- These take another argument now, or give something else.
DROP FUNCTION IF EXISTS api.node_update(text, jsonb, text);
DROP FUNCTION IF EXISTS api.node_delete(text, text);
DROP FUNCTION IF EXISTS api.node_assignments(text);
DROP FUNCTION IF EXISTS api.project_update(text, jsonb, text);
DROP FUNCTION IF EXISTS api.project_delete(text, jsonb, text);
DROP FUNCTION IF EXISTS cara.trim_history(timestamptz);
