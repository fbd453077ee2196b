INSERT INTO cara.migration (version, name) VALUES (5, 'reach');

-- ---------------------------------------------------------------------------------------------
-- Why did it die?

CREATE TABLE cara.death (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    project      text COLLATE "C" NOT NULL REFERENCES cara.project ON DELETE CASCADE ON UPDATE CASCADE,
    service      text COLLATE "C" NOT NULL,
    node         text COLLATE "C" NOT NULL,
    epoch        bigint NOT NULL,
    container_id text NOT NULL,
    image        text NOT NULL DEFAULT '',
    exit_code    int NOT NULL,
    signal       int GENERATED ALWAYS AS (CASE WHEN exit_code BETWEEN 129 AND 192 THEN exit_code - 128 END) STORED,
    oom_killed   boolean NOT NULL DEFAULT false,
    stopped      boolean NOT NULL DEFAULT false,
    started_at   timestamptz,
    finished_at  timestamptz NOT NULL,
    log          text NOT NULL DEFAULT '',
    log_cut      boolean NOT NULL DEFAULT false,
    CONSTRAINT death_once UNIQUE (project, service, container_id, finished_at)
);
CREATE INDEX death_newest ON cara.death (project, service, finished_at DESC, id DESC);
COMMENT ON TABLE cara.death IS 'Each end of a container with the last lines it wrote: they outlive the container and its node. Written by api.node_report.';
COMMENT ON COLUMN cara.death.node IS 'Where it ran; the node itself may be gone.';
COMMENT ON COLUMN cara.death.signal IS 'What ended it, told from the exit code as shells do.';
COMMENT ON COLUMN cara.death.stopped IS 'Its agent stopped it: an update, a move, a deletion.';
COMMENT ON COLUMN cara.death.log IS 'One line each: time, stdout or stderr, F (whole) or P (continues in the next of its stream), text. What is not UTF-8 is U+FFFD.';
COMMENT ON COLUMN cara.death.log_cut IS 'There was more before the first line.';

INSERT INTO cara.setting (name, kind, value, comment) VALUES
    ('death_log_bytes',  'integer', '65536', 'how much of a dead container''s log is kept, 1048576 at most'),
    ('deaths_kept',      'integer', '5', 'how many dead containers of each service are kept in mind'),
    ('death_retention',  'interval', '30d', 'how long they are kept in mind');
