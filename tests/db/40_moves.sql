-- Phases and states move only along their tables: every pair there is, legal or not.
BEGIN;
\ir given.psql
SELECT plan(70);

SELECT given.node('n1'), given.project('web');

-- Puts an object somewhere without asking, then tries the move that is asked about.
CREATE FUNCTION given.moved(p_table text, p_column text, p_from text, p_to text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE cara.%I DISABLE TRIGGER check_move', p_table);
    EXECUTE format('UPDATE cara.%I SET %I = %L', p_table, p_column, p_from);
    EXECUTE format('ALTER TABLE cara.%I ENABLE TRIGGER check_move', p_table);
    RETURN given.error_of(format('UPDATE cara.%I SET %I = %L', p_table, p_column, p_to));
END
$$;

SELECT is(given.moved('project_status', 'phase', f.name, t.name),
          CASE WHEN f.name = t.name OR l.from_phase IS NOT NULL THEN 'none'
               ELSE format('SR409 phase: project "web" cannot go from phase %s to %s', f.name, t.name) END,
          format('%s to %s %s', f.name, t.name, CASE WHEN f.name = t.name THEN 'is no move' WHEN l.from_phase IS NOT NULL THEN 'is legal' ELSE 'is refused' END))
  FROM cara.phase f CROSS JOIN cara.phase t LEFT JOIN cara.phase_transition l ON (l.from_phase, l.to_phase) = (f.name, t.name)
 ORDER BY f.position, t.position;
SELECT is(given.moved('node_status', 'state', f.name, t.name),
          CASE WHEN f.name = t.name OR l.from_state IS NOT NULL THEN 'none'
               ELSE format('SR409 state: node "n1" cannot go from state %s to %s', f.name, t.name) END,
          format('%s to %s %s', f.name, t.name, CASE WHEN f.name = t.name THEN 'is no move' WHEN l.from_state IS NOT NULL THEN 'is legal' ELSE 'is refused' END))
  FROM cara.node_state f CROSS JOIN cara.node_state t LEFT JOIN cara.node_state_transition l ON (l.from_state, l.to_state) = (f.name, t.name)
 ORDER BY f.position, t.position;

-- The tables themselves are what contract 4.4 has, with section 0 where we do better.
SELECT set_eq('SELECT from_phase, to_phase FROM cara.phase_transition', $$ VALUES
    ('Pending', 'Scheduled'), ('Scheduled', 'Running'), ('Scheduled', 'Failed'), ('Scheduled', 'Pending'), ('Running', 'Failed'), ('Running', 'Pending'),
    ('Failed', 'Running'), ('Failed', 'Scheduled'), ('Failed', 'Pending'), ('Pending', 'Terminating'), ('Scheduled', 'Terminating'), ('Running', 'Terminating'),
    ('Failed', 'Terminating'), ('Terminating', 'Terminated') $$, 'the moves there are');
SELECT is_empty($$ SELECT to_phase FROM cara.phase_transition WHERE from_phase = 'Terminated' $$, 'nothing comes back from Terminated');
SELECT is_empty($$ SELECT to_phase FROM cara.phase_transition WHERE from_phase = 'Terminating' AND to_phase <> 'Terminated' $$, 'a deletion is not called off');
SELECT is_empty($$ SELECT name FROM cara.phase WHERE name <> 'Terminated' AND name NOT IN (SELECT from_phase FROM cara.phase_transition) $$, 'no other phase is a dead end');
SELECT results_eq('SELECT name FROM cara.phase ORDER BY position', ARRAY['Pending', 'Scheduled', 'Running', 'Failed', 'Terminating', 'Terminated'], 'phases in the order errors list them');
SELECT results_eq('SELECT name FROM cara.node_state ORDER BY position', ARRAY['Ready', 'NotReady', 'Draining'], 'states too');

-- A word that no table has: no move leads there, and neither force nor a trigger out of the way makes it one.
SELECT is(left(given.moved('project_status', 'phase', 'Pending', w), 5), 'SR409', format('no move leads to phase %L', w)) FROM unnest('{pending,"",Unknown}'::text[]) w;
SELECT is(left(given.moved('node_status', 'state', 'Ready', w), 5), 'SR409', format('no move leads to state %L', w)) FROM unnest('{ready,"",Unknown}'::text[]) w;
SET cara.forced_by = 'me';
SELECT is(given.moved('project_status', 'phase', 'Pending', 'Unknown'), 'SR400 phase: "Unknown" is no phase', 'nor does insisting make it a phase');
SELECT is(given.moved('project_status', 'phase', 'Terminated', 'Running'), 'none', 'though it makes any move legal');
RESET cara.forced_by;
SELECT given.moved('project_status', 'phase', 'Pending', 'Pending');
DELETE FROM cara.project_status;
SELECT is(given.error_of($$ INSERT INTO cara.project_status (project, phase) VALUES ('web', 'Unknown') $$), 'SR400 phase: "Unknown" is no phase', 'nor does anything begin there');
INSERT INTO cara.project_status (project, phase) VALUES ('web', 'Running');
ALTER TABLE cara.node_status DISABLE TRIGGER check_move;
SELECT throws_ok($$ UPDATE cara.node_status SET state = 'Unknown' $$, '23503', NULL, 'or a state');
ALTER TABLE cara.node_status ENABLE TRIGGER check_move;

-- Many rows in one statement: one bad move refuses them all and says which.
SELECT given.project('b');
UPDATE cara.project_status SET phase = 'Pending' WHERE project = 'b';
SELECT given.moved('project_status', 'phase', 'Running', 'Running');
SELECT is(given.error_of($$ UPDATE cara.project_status SET phase = CASE project WHEN 'b' THEN 'Scheduled' ELSE 'Failed' END $$),
    'SR409 phase: project "b" cannot go from phase Running to Scheduled', 'a statement moves all or none');
SELECT is(given.phase_of('web'), 'Running', 'also those that could have moved');

-- The table is what holds, from the next statement on, in sessions that have moved things already too.
SELECT given.moved('project_status', 'phase', 'Running', 'Running');
SELECT is(left(given.error_of($$ UPDATE cara.project_status SET phase = 'Scheduled' $$), 5), 'SR409', 'a move that the table does not have');
INSERT INTO cara.phase_transition VALUES ('Running', 'Scheduled', 'as a test has it');
SELECT is(given.error_of($$ UPDATE cara.project_status SET phase = 'Scheduled' $$), 'none', 'is legal once it has it');
DELETE FROM cara.phase_transition WHERE (from_phase, to_phase) = ('Scheduled', 'Running');
SELECT is(left(given.error_of($$ UPDATE cara.project_status SET phase = 'Running' $$), 5), 'SR409', 'and one that is taken out is not');

-- Whoever writes a status may bring its version and where it moves from, which spares a batch the trigger; only what is so is kept.
SELECT given.moved('project_status', 'phase', 'Running', 'Running');
UPDATE cara.project_status SET resource_version = 7 WHERE project = 'web';
SELECT is(resource_version, currval('cara.change_id'), 'a version is drawn, whatever is written') FROM cara.project_status WHERE project = 'web';
UPDATE cara.project_status SET resource_version = nextval('cara.change_id'), was_phase = 'Failed' WHERE project = 'web';
SELECT is(was_phase, NULL, 'what did not move came from nowhere') FROM cara.project_status WHERE project = 'web';
CREATE TEMP TABLE before AS SELECT currval('cara.change_id') AS id;
UPDATE cara.project_status SET phase = 'Failed', resource_version = nextval('cara.change_id'), was_phase = phase WHERE project = 'web';
SELECT is(resource_version, (SELECT id + 1 FROM before), 'one that was drawn for it is kept') FROM cara.project_status WHERE project = 'web';
SELECT results_eq($$ SELECT id, phase, was_phase FROM cara.change WHERE name = 'web' ORDER BY id DESC LIMIT 1 $$,
    $$ SELECT id + 1, 'Failed', 'Running' FROM before $$, 'and logged');

SELECT * FROM finish();
ROLLBACK;
