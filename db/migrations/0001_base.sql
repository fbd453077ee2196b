INSERT INTO cara.migration (version, name) VALUES (1, 'base');

CREATE EXTENSION IF NOT EXISTS fuzzystrmatch SCHEMA cara;

-- ---------------------------------------------------------------------------------------------
-- Words: which phases and states there are and how they may follow one another.

CREATE TABLE cara.phase (
    name     text PRIMARY KEY,
    position int  NOT NULL UNIQUE,
    comment  text NOT NULL
);
COMMENT ON TABLE cara.phase IS 'The phases of a project.';
INSERT INTO cara.phase VALUES
    ('Pending',     1, 'waits for a node'),
    ('Scheduled',   2, 'has a node; its agent is at work'),
    ('Running',     3, 'all its services run'),
    ('Failed',      4, 'something is wrong; the agent keeps trying'),
    ('Terminating', 5, 'asked to go; its node is clearing up'),
    ('Terminated',  6, 'nothing is left of it; the row goes next');

CREATE TABLE cara.phase_transition (
    from_phase text NOT NULL REFERENCES cara.phase,
    to_phase   text NOT NULL REFERENCES cara.phase,
    comment    text NOT NULL,
    PRIMARY KEY (from_phase, to_phase)
);
COMMENT ON TABLE cara.phase_transition IS
    'The legal moves of project_status.phase; a trigger refuses all others. An operator''s forced report is the one exception.';
INSERT INTO cara.phase_transition VALUES
    ('Pending',     'Scheduled',   'the scheduler found a node'),
    ('Scheduled',   'Running',     'the agent has all services up'),
    ('Scheduled',   'Failed',      'the agent could not bring it up'),
    ('Scheduled',   'Pending',     'the node went before it ran'),
    ('Running',     'Failed',      'a container died'),
    ('Running',     'Pending',     'the node was lost for longer than the grace'),
    ('Failed',      'Running',     'the agent brought it back'),
    ('Failed',      'Scheduled',   'its manifest changed: a new start on the same node'),
    ('Failed',      'Pending',     'the node was lost, or it never had one'),
    ('Pending',     'Terminating', 'deleted'),
    ('Scheduled',   'Terminating', 'deleted'),
    ('Running',     'Terminating', 'deleted'),
    ('Failed',      'Terminating', 'deleted'),
    ('Terminating', 'Terminated',  'nothing is left on any node');

CREATE TABLE cara.report_reason (
    name    text PRIMARY KEY,
    phase   text NOT NULL REFERENCES cara.phase,
    comment text NOT NULL
);
COMMENT ON TABLE cara.report_reason IS 'The reasons agents give, with the phase they come with.';
INSERT INTO cara.report_reason VALUES
    ('ContainersRunning', 'Running',     'every service runs, and is healthy where it has a health check'),
    ('UpdateFailed',      'Running',     'the new version did not start; the one before still serves'),
    ('ContainerCrashed',  'Failed',      'a container ended with a non-zero exit code'),
    ('ContainerExited',   'Failed',      'a container ended by itself'),
    ('ContainerMissing',  'Failed',      'a container was removed by someone else'),
    ('InspectError',      'Failed',      'the engine could not say what runs'),
    ('ReconcileError',    'Failed',      'the engine refused a step'),
    ('ImagePullError',    'Failed',      'the image could not be pulled'),
    ('Unhealthy',         'Failed',      'a health check fails'),
    ('ResourcesRemoved',  'Terminated',  'containers, network and volumes are gone'),
    ('RemoveError',       'Terminating', 'the engine refused to remove something');

CREATE TABLE cara.node_state (
    name     text PRIMARY KEY,
    position int  NOT NULL UNIQUE,
    comment  text NOT NULL
);
COMMENT ON TABLE cara.node_state IS 'The states of a node.';
INSERT INTO cara.node_state VALUES
    ('Ready',    1, 'its agent renews the lease and can work'),
    ('NotReady', 2, 'the lease ran out, or the agent says it cannot work'),
    ('Draining', 3, 'alive, takes nothing new');

CREATE TABLE cara.node_state_transition (
    from_state text NOT NULL REFERENCES cara.node_state,
    to_state   text NOT NULL REFERENCES cara.node_state,
    comment    text NOT NULL,
    PRIMARY KEY (from_state, to_state)
);
COMMENT ON TABLE cara.node_state_transition IS 'The legal moves of node_status.state; a trigger refuses all others.';
INSERT INTO cara.node_state_transition VALUES
    ('NotReady', 'Ready',    'a heartbeat'),
    ('NotReady', 'Draining', 'a heartbeat that says so'),
    ('Ready',    'NotReady', 'the lease ran out, or the agent says it cannot work'),
    ('Ready',    'Draining', 'a heartbeat that says so'),
    ('Draining', 'Ready',    'a heartbeat that says so'),
    ('Draining', 'NotReady', 'the lease ran out, or the agent says it cannot work');

-- ---------------------------------------------------------------------------------------------
-- Settings: every time limit and size limit is a row.

CREATE TABLE cara.setting (
    name    text PRIMARY KEY,
    kind    text NOT NULL CHECK (kind IN ('interval', 'integer', 'number')),
    value   text NOT NULL,
    comment text NOT NULL,
    CONSTRAINT setting_value_is_of_its_kind CHECK (
        CASE kind
            WHEN 'interval' THEN value::interval >= interval '0'
            WHEN 'integer'  THEN value::bigint >= 0
            ELSE value::numeric >= 0
        END)
);
COMMENT ON TABLE cara.setting IS 'What operators may tune: UPDATE cara.setting SET value = ''30s'' WHERE name = ''heartbeat_timeout''.';
INSERT INTO cara.setting (name, kind, value, comment) VALUES
    ('heartbeat_interval',   'interval', '30s', 'how often agents are told to renew their lease'),
    ('heartbeat_timeout',    'interval', '90s', 'a lease not renewed for longer makes its node NotReady'),
    ('poll_interval',        'interval', '30s', 'the slow poll that stands behind lost wake-ups'),
    ('running_grace',        'interval', '3min', 'how long projects stay with a node that is NotReady'),
    ('terminating_timeout',  'interval', '10min', 'how long a deletion waits for a node that does not answer'),
    ('terminated_retention', 'interval', '1s', 'how long a project that is gone can still be seen as Terminated'),
    ('control_plane_gap',    'interval', '60s', 'no tick for longer gives every node a fresh lease before anyone is judged'),
    ('eviction_brake',       'number',   '0.5', 'no evictions while a larger share of three or more nodes is NotReady'),
    ('event_retention',      'interval', '7d', 'how long events are kept'),
    ('change_retention',     'interval', '1h', 'how long the change log reaches back'),
    ('channel_pg_max',       'integer',  '64', 'how many nodes may LISTEN on Postgres themselves'),
    ('max_services',         'integer',  '100', 'services of one project'),
    ('max_manifest_bytes',   'integer',  '1048576', 'size of one stored manifest');

-- ---------------------------------------------------------------------------------------------
-- The shape of manifests: which members there are, of what kind, in which order they are written.

CREATE TABLE cara.field (
    type     text NOT NULL,
    name     text NOT NULL,
    position int  NOT NULL,
    kind     text NOT NULL CHECK (kind IN ('string', 'integer', 'boolean', 'time', 'duration', 'map', 'object', 'list')),
    item     text,
    keep     boolean NOT NULL DEFAULT false,
    PRIMARY KEY (type, name),
    CONSTRAINT field_item_is_given CHECK ((kind IN ('object', 'list')) = (item IS NOT NULL))
);
COMMENT ON TABLE cara.field IS 'The members of every object of a manifest; filled by functions/05_fields.sql.';
COMMENT ON COLUMN cara.field.item IS 'The type of an object, or of the members of a list; ''string'' for a list of strings.';
COMMENT ON COLUMN cara.field.keep IS 'Written even when it has no value.';

-- ---------------------------------------------------------------------------------------------
-- The change log. Its sequence is every object's resource version.

CREATE SEQUENCE cara.change_id AS bigint;
CREATE TABLE cara.change (
    id   bigint PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('Node', 'Project', 'Assignment')),
    name text NOT NULL,
    op   text NOT NULL CHECK (op IN ('INSERT', 'UPDATE', 'DELETE')),
    node text,
    at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX change_at ON cara.change (at);
COMMENT ON TABLE cara.change IS
    'One row a changed object, written by statement triggers. Ids are drawn while holding a lock on this table, so a reader that meets a gap waits just for those who hold it.';
COMMENT ON COLUMN cara.change.node IS 'The node whose agent has to look again, where there is one.';

-- ---------------------------------------------------------------------------------------------
-- What the user asked for.

CREATE TABLE cara.node (
    name             text COLLATE "C" PRIMARY KEY,
    uid              uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    labels           jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(labels) = 'object'),
    annotations      jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(annotations) = 'object'),
    spec             jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(spec) = 'object'),
    spec_wire        text NOT NULL DEFAULT '{}',
    unschedulable    boolean NOT NULL GENERATED ALWAYS AS (coalesce((spec->>'unschedulable')::boolean, false)) STORED,
    generation       bigint NOT NULL DEFAULT 1 CHECK (generation > 0),
    resource_version bigint NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT node_name_is_valid CHECK (octet_length(name) <= 253 AND name ~ '\A[a-z0-9]([a-z0-9.-]*[a-z0-9])?\Z')
);
COMMENT ON TABLE cara.node IS 'Machines as their owners described them. Written by api.node_* and api.apply.';
COMMENT ON COLUMN cara.node.spec_wire IS 'spec in the wire''s member order, kept by a trigger so that reading costs nothing.';

CREATE TABLE cara.project (
    name             text COLLATE "C" PRIMARY KEY,
    uid              uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    labels           jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(labels) = 'object'),
    annotations      jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(annotations) = 'object'),
    spec             jsonb NOT NULL CHECK (jsonb_typeof(spec) = 'object'),
    spec_wire        text NOT NULL DEFAULT '{}',
    expire_at        timestamptz,
    generation       bigint NOT NULL DEFAULT 1 CHECK (generation > 0),
    resource_version bigint NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    deleted_at       timestamptz,
    CONSTRAINT project_name_is_valid CHECK (octet_length(name) <= 253 AND name ~ '\A[a-z0-9]([a-z0-9.-]*[a-z0-9])?\Z')
);
CREATE INDEX project_expire_at ON cara.project (expire_at) WHERE expire_at IS NOT NULL AND deleted_at IS NULL;
COMMENT ON TABLE cara.project IS 'Projects as their owners described them. Written by api.project_* and api.apply.';
COMMENT ON COLUMN cara.project.spec_wire IS 'spec in the wire''s member order, kept by a trigger so that reading costs nothing.';
COMMENT ON COLUMN cara.project.deleted_at IS 'When its deletion was asked for; the row goes once nothing is left on a node.';

CREATE TABLE cara.claim (
    kind    text NOT NULL CHECK (kind IN ('container', 'volume', 'host')),
    name    text COLLATE "C" NOT NULL,
    project text COLLATE "C" NOT NULL REFERENCES cara.project ON DELETE CASCADE ON UPDATE CASCADE,
    PRIMARY KEY (kind, name)
);
CREATE INDEX claim_project ON cara.claim (project);
COMMENT ON TABLE cara.claim IS 'Names that only one project of the cluster may use: containers, volumes, ingress hosts.';

-- ---------------------------------------------------------------------------------------------
-- What is observed.

CREATE TABLE cara.node_status (
    node             text COLLATE "C" PRIMARY KEY REFERENCES cara.node ON DELETE CASCADE ON UPDATE CASCADE,
    state            text NOT NULL DEFAULT 'NotReady' REFERENCES cara.node_state,
    reported_state   text REFERENCES cara.node_state,
    ready            boolean,
    ready_since      timestamptz,
    reason           text NOT NULL DEFAULT '',
    message          text NOT NULL DEFAULT '',
    not_ready_since  timestamptz,
    network          jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(network) = 'object'),
    capacity         jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(capacity) = 'object'),
    allocatable      jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(allocatable) = 'object'),
    info             jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(info) = 'object'),
    said_wire        text NOT NULL DEFAULT '',
    resource_version bigint NOT NULL DEFAULT 0,
    updated_at       timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX node_status_not_ready ON cara.node_status (not_ready_since) WHERE state = 'NotReady';
COMMENT ON TABLE cara.node_status IS 'What agents say of their machine and what follows from their lease. Written by api.node_heartbeat and api.tick.';
COMMENT ON COLUMN cara.node_status.reported_state IS 'What the agent last said; state is this while the lease holds, NotReady otherwise.';
COMMENT ON COLUMN cara.node_status.said_wire IS 'network, capacity, allocatable and info as members on the wire, kept by a trigger.';
COMMENT ON COLUMN cara.node_status.ready IS 'The Ready condition; NULL until the first heartbeat.';

CREATE TABLE cara.lease (
    node       text COLLATE "C" PRIMARY KEY REFERENCES cara.node ON DELETE CASCADE ON UPDATE CASCADE,
    renewed_at timestamptz
) WITH (fillfactor = 50);
COMMENT ON TABLE cara.lease IS 'One narrow row a node, changed in place by each heartbeat; never logged, never notified.';

CREATE TABLE cara.project_status (
    project             text COLLATE "C" PRIMARY KEY REFERENCES cara.project ON DELETE CASCADE ON UPDATE CASCADE,
    phase               text NOT NULL DEFAULT 'Pending' REFERENCES cara.phase,
    reason              text NOT NULL DEFAULT '',
    message             text NOT NULL DEFAULT '',
    phase_since         timestamptz NOT NULL DEFAULT clock_timestamp(),
    observed_generation bigint NOT NULL DEFAULT 0,
    resource_version    bigint NOT NULL DEFAULT 0,
    updated_at          timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX project_status_pending ON cara.project_status (phase_since, project) WHERE phase = 'Pending';
CREATE INDEX project_status_going ON cara.project_status (phase) WHERE phase IN ('Terminating', 'Terminated');
COMMENT ON TABLE cara.project_status IS 'Where each project stands. Written by api.project_report, api.node_report, api.schedule and api.tick.';

CREATE TABLE cara.project_service (
    project      text COLLATE "C" NOT NULL REFERENCES cara.project ON DELETE CASCADE ON UPDATE CASCADE,
    name         text COLLATE "C" NOT NULL,
    epoch        bigint NOT NULL,
    state        text NOT NULL CHECK (state IN ('missing', 'pulling', 'created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead')),
    container_id text NOT NULL DEFAULT '',
    image        text NOT NULL DEFAULT '',
    image_digest text NOT NULL DEFAULT '',
    ip           text NOT NULL DEFAULT '',
    exit_code    int,
    oom_killed   boolean NOT NULL DEFAULT false,
    restarts     int NOT NULL DEFAULT 0 CHECK (restarts >= 0),
    health       text NOT NULL DEFAULT '',
    started_at   timestamptz,
    finished_at  timestamptz,
    message      text NOT NULL DEFAULT '',
    PRIMARY KEY (project, name)
);
COMMENT ON TABLE cara.project_service IS 'The container behind each service, as its agent last saw it. Written by reports.';

-- ---------------------------------------------------------------------------------------------
-- What was decided.

CREATE SEQUENCE cara.epoch AS bigint;
CREATE TABLE cara.assignment (
    project          text COLLATE "C" NOT NULL REFERENCES cara.project ON DELETE CASCADE ON UPDATE CASCADE,
    epoch            bigint NOT NULL DEFAULT nextval('cara.epoch'),
    node             text COLLATE "C" NOT NULL,
    decided_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    why              text NOT NULL,
    runner_up        text COLLATE "C",
    excluded         jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(excluded) = 'object'),
    released_at      timestamptz,
    released_because text,
    gone_at          timestamptz,
    PRIMARY KEY (project, epoch),
    CONSTRAINT assignment_release_is_whole CHECK ((released_at IS NULL) = (released_because IS NULL)),
    CONSTRAINT assignment_gone_after_release CHECK (gone_at IS NULL OR released_at IS NOT NULL)
);
CREATE UNIQUE INDEX assignment_current ON cara.assignment (project) WHERE released_at IS NULL;
CREATE INDEX assignment_on_node ON cara.assignment (node, project) WHERE gone_at IS NULL;
COMMENT ON TABLE cara.assignment IS
    'Every decision about where a project runs: who won, who came second, how many nodes each rule excluded. At most one a project is current.';
COMMENT ON COLUMN cara.assignment.epoch IS 'Higher than any before it: a report with another epoch than the current one is refused.';
COMMENT ON COLUMN cara.assignment.gone_at IS 'When the node said that nothing of this epoch is left on it.';

-- ---------------------------------------------------------------------------------------------
-- Channels, events, revisions, the clock.

CREATE TABLE cara.channel (
    node      text COLLATE "C" PRIMARY KEY REFERENCES cara.node ON DELETE CASCADE ON UPDATE CASCADE,
    kind      text NOT NULL CHECK (kind IN ('postgres', 'stream', 'poll')),
    role_name text,
    channel   text,
    issued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT channel_postgres_is_whole CHECK (kind <> 'postgres' OR (role_name IS NOT NULL AND channel IS NOT NULL))
);
CREATE UNIQUE INDEX channel_role ON cara.channel (role_name);
COMMENT ON TABLE cara.channel IS 'How each node is woken. Written by api.channel_issue; the password of a role is nowhere but in the role.';

CREATE TABLE cara.event (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind     text NOT NULL CHECK (kind IN ('Node', 'Project', 'Cluster')),
    name     text COLLATE "C" NOT NULL,
    type     text NOT NULL CHECK (type IN ('Normal', 'Warning')),
    reason   text NOT NULL,
    message  text NOT NULL,
    actor    text NOT NULL,
    count    int NOT NULL DEFAULT 1 CHECK (count > 0),
    first_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX event_object ON cara.event (kind, name, id);
CREATE INDEX event_last_at ON cara.event (last_at);
COMMENT ON TABLE cara.event IS 'What happened and who did it. The same thing again raises the count of its row.';

CREATE TABLE cara.revision (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text NOT NULL CHECK (kind IN ('Node', 'Project')),
    name        text COLLATE "C" NOT NULL,
    uid         uuid NOT NULL,
    generation  bigint NOT NULL,
    verb        text NOT NULL CHECK (verb IN ('create', 'update', 'delete')),
    actor       text NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    labels      jsonb NOT NULL,
    annotations jsonb NOT NULL,
    spec        jsonb NOT NULL
);
CREATE INDEX revision_object ON cara.revision (kind, name, id);
COMMENT ON TABLE cara.revision IS 'Every version of every manifest, with who and when.';

CREATE TABLE cara.clock (
    only_row      boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    last_tick_at  timestamptz NOT NULL DEFAULT '-infinity',
    judge_after   timestamptz NOT NULL DEFAULT '-infinity',
    leases_due_at timestamptz NOT NULL DEFAULT '-infinity',
    trim_due_at   timestamptz NOT NULL DEFAULT '-infinity'
);
COMMENT ON TABLE cara.clock IS 'What api.tick() remembers between calls.';
COMMENT ON COLUMN cara.clock.judge_after IS 'No lease is judged before this: a gap in the control plane is not the nodes'' fault.';
INSERT INTO cara.clock DEFAULT VALUES;
