INSERT INTO cara.migration (version, name) VALUES (8, 'decisions');

-- Checked row by row, with a query each, and locking the project: a fifth of what a batch of decisions costs.
ALTER TABLE cara.assignment DROP CONSTRAINT assignment_project_fkey;
COMMENT ON COLUMN cara.assignment.project IS 'Of a project that there is; goes with it, by the triggers of functions/16_room.sql.';

CREATE INDEX node_tainted ON cara.node (name) WHERE spec ? 'taints';

-- Who is where, without looking at the row: affinity asks that of many projects at once.
DROP INDEX cara.assignment_current;
CREATE UNIQUE INDEX assignment_current ON cara.assignment (project) INCLUDE (node) WHERE released_at IS NULL;
