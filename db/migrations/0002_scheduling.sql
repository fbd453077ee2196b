INSERT INTO cara.migration (version, name) VALUES (2, 'scheduling');

ALTER TABLE cara.field DROP CONSTRAINT field_kind_check;
ALTER TABLE cara.field ADD CONSTRAINT field_kind_check
    CHECK (kind IN ('string', 'integer', 'boolean', 'time', 'duration', 'quantity', 'map', 'object', 'list'));

-- ---------------------------------------------------------------------------------------------
-- What a node offers, and how much of it is taken.

CREATE TABLE cara.node_room (
    node         text COLLATE "C" PRIMARY KEY REFERENCES cara.node ON DELETE CASCADE ON UPDATE CASCADE,
    cpu          bigint,
    memory       bigint,
    cpu_taken    bigint NOT NULL DEFAULT 0,
    memory_taken bigint NOT NULL DEFAULT 0,
    projects     int NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
COMMENT ON TABLE cara.node_room IS 'What each node has to give (allocatable less reservations) and what its projects take of it. Kept by triggers.';
COMMENT ON COLUMN cara.node_room.cpu IS 'Millicores; NULL when the node never said, and then there is no limit.';
COMMENT ON COLUMN cara.node_room.memory IS 'Bytes; NULL when the node never said, and then there is no limit.';

-- ---------------------------------------------------------------------------------------------
-- What a project asks for, in the scheduler's terms.

CREATE TABLE cara.demand (
    project      text COLLATE "C" PRIMARY KEY REFERENCES cara.project ON DELETE CASCADE ON UPDATE CASCADE,
    cpu          bigint NOT NULL DEFAULT 0 CHECK (cpu >= 0),
    memory       bigint NOT NULL DEFAULT 0 CHECK (memory >= 0),
    host_ports   text[] NOT NULL DEFAULT '{}',
    priority     int NOT NULL DEFAULT 0,
    preempts     boolean NOT NULL DEFAULT true,
    on_node_lost text NOT NULL DEFAULT 'Reschedule' CHECK (on_node_lost IN ('Reschedule', 'Wait')),
    keeps_data   boolean NOT NULL DEFAULT false,
    placement    jsonb NOT NULL DEFAULT '{}',
    class        uuid NOT NULL,
    changed      boolean NOT NULL DEFAULT false
);
CREATE INDEX demand_host_ports ON cara.demand (project) WHERE host_ports <> '{}';
CREATE INDEX demand_repels ON cara.demand (class, project) WHERE placement ? 'antiAffinity';
CREATE INDEX demand_changed ON cara.demand (project) WHERE changed;
CREATE INDEX demand_priority ON cara.demand (priority);
COMMENT ON TABLE cara.demand IS 'What each project asks of a node, worked out from its spec by a trigger.';
COMMENT ON COLUMN cara.demand.changed IS 'Asks for something else than when its node was chosen: the scheduler has to see whether it may stay there.';
COMMENT ON COLUMN cara.demand.class IS 'Projects of one class ask for the same: the scheduler looks at the nodes once for all of them.';

CREATE TABLE cara.data_home (
    project text COLLATE "C" PRIMARY KEY REFERENCES cara.project ON DELETE CASCADE ON UPDATE CASCADE,
    node    text COLLATE "C" NOT NULL,
    since   timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE cara.data_home IS 'Where the data of projects with lasting volumes is: they run there and nowhere else until someone says otherwise.';

ALTER TABLE cara.node_status ADD COLUMN pressure text NOT NULL DEFAULT '';
COMMENT ON COLUMN cara.node_status.pressure IS 'What its agent runs short of, such as DiskPressure; nothing new is placed there meanwhile.';

ALTER TABLE cara.assignment ADD COLUMN cpu bigint NOT NULL DEFAULT 0;
ALTER TABLE cara.assignment ADD COLUMN memory bigint NOT NULL DEFAULT 0;
ALTER TABLE cara.assignment ADD COLUMN score double precision;
ALTER TABLE cara.assignment ADD COLUMN runner_up_score double precision;
COMMENT ON COLUMN cara.assignment.score IS 'Spread: minus the projects on the node with this one; BinPack: percent of the node in use before it. Higher is better.';

CREATE INDEX assignment_left ON cara.assignment (project) WHERE released_at IS NOT NULL AND gone_at IS NULL;

CREATE INDEX project_labels ON cara.project USING gin (labels jsonb_path_ops);

INSERT INTO cara.setting (name, kind, value, comment) VALUES
    ('evictions_per_minute', 'integer', '6000', 'how many projects are taken off lost or draining nodes in a minute');

ALTER TABLE cara.node ADD COLUMN draining_since timestamptz;
COMMENT ON COLUMN cara.node.draining_since IS 'Since when its owner wants it empty; uncordon takes that back.';
CREATE INDEX node_draining ON cara.node (name) WHERE draining_since IS NOT NULL;
