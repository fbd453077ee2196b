INSERT INTO cara.migration (version, name) VALUES (3, 'speed');

-- Foreign keys are checked row by row, with a query each. Where a trigger that runs anyway knows the answer, that is
-- half the price of a decision for nothing.
ALTER TABLE cara.project_status DROP CONSTRAINT project_status_phase_fkey;
COMMENT ON COLUMN cara.project_status.phase IS 'One of cara.phase: the trigger that refuses illegal moves sees to it.';
ALTER TABLE cara.node_room DROP CONSTRAINT node_room_node_fkey;
COMMENT ON COLUMN cara.node_room.node IS 'Comes and goes with its node, by the triggers that keep this table.';

-- A batch of decisions changes a row once a class: room for those versions on the same page.
ALTER TABLE cara.node_room SET (fillfactor = 20);

-- What is only ever trimmed by age needs no tree: rows come in the order of their time.
DROP INDEX cara.event_last_at;
CREATE INDEX event_last_at ON cara.event USING brin (last_at) WITH (autosummarize = on, pages_per_range = 32);

-- The same names as before, told without a regular expression: that alone was a third of what inserting a row cost.
ALTER TABLE cara.project DROP CONSTRAINT project_name_is_valid;
ALTER TABLE cara.project ADD CONSTRAINT project_name_is_valid CHECK (
    name <> '' AND octet_length(name) <= 253 AND translate(name, 'abcdefghijklmnopqrstuvwxyz0123456789.-', '') = '' AND btrim(name, '.-') = name);

CREATE TABLE cara.leftover (
    node       text COLLATE "C" NOT NULL REFERENCES cara.node ON DELETE CASCADE ON UPDATE CASCADE,
    project    text COLLATE "C" NOT NULL,
    uid        uuid NOT NULL,
    epoch      bigint NOT NULL,
    generation bigint NOT NULL,
    labels     jsonb NOT NULL,
    spec_wire  text NOT NULL,
    since      timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (node, project)
);
COMMENT ON TABLE cara.leftover IS 'What nodes still have of projects whose row is gone, data included: each is told to clear it away, and says when it has.';
