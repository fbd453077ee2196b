INSERT INTO cara.migration (version, name) VALUES (11, 'history');

-- Who was taken off when: each tick counts those of the last minute while a node is being emptied or is lost.
CREATE INDEX assignment_released ON cara.assignment (released_at) WHERE released_at IS NOT NULL;

ALTER TABLE cara.clock ADD COLUMN decisions_trimmed_to timestamptz NOT NULL DEFAULT '-infinity';
COMMENT ON COLUMN cara.clock.decisions_trimmed_to IS 'Projects that lost a node up to then have no more earlier decisions than are kept.';

INSERT INTO cara.setting (name, kind, value, comment) VALUES
    ('decisions_kept', 'integer', '100', 'how many earlier decisions of each project are kept in mind');

-- What is larger would overflow times and counters in every tick.
UPDATE cara.setting SET value = '100 years' WHERE kind = 'interval' AND value::interval > interval '100 years';
UPDATE cara.setting SET value = '999999999999999' WHERE kind = 'integer' AND value::bigint > 999999999999999;
UPDATE cara.setting SET value = '1000000000' WHERE kind = 'number' AND value::numeric > 1000000000;
ALTER TABLE cara.setting DROP CONSTRAINT setting_value_is_of_its_kind;
ALTER TABLE cara.setting ADD CONSTRAINT setting_value_is_of_its_kind CHECK (
    CASE kind
        WHEN 'interval' THEN value::interval BETWEEN interval '0' AND interval '100 years'
        WHEN 'integer'  THEN value::bigint BETWEEN 0 AND 999999999999999
        ELSE value::numeric BETWEEN 0 AND 1000000000
    END);

UPDATE cara.setting SET comment = 'no evictions while a larger share of three or more nodes is NotReady, or all of fewer' WHERE name = 'eviction_brake';
UPDATE cara.setting SET comment = 'no tick for longer, or for two thirds of a lease, gives every node a fresh lease before anyone is judged' WHERE name = 'control_plane_gap';
