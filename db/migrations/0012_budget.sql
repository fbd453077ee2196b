INSERT INTO cara.migration (version, name) VALUES (12, 'budget');

ALTER TABLE cara.clock ADD COLUMN undecided jsonb;
COMMENT ON COLUMN cara.clock.undecided IS 'Where the last decision stopped when its time was up: priority, since and name of the projects that come next. NULL: it got to all.';

INSERT INTO cara.setting (name, kind, value, comment) VALUES
    ('decision_budget',       'interval', '10s', 'time after which a decision stops and goes on in the next tick where it was'),
    ('max_placement_terms',   'integer',  '10', 'affinity terms, and as many antiAffinity terms, of one project'),
    ('max_placement_entries', 'integer',  '50', 'entries of any other list in a placement, and taints of a node');
