INSERT INTO cara.migration (version, name) VALUES (16, 'completed');

INSERT INTO cara.report_reason VALUES
    ('Completed', 'Running', 'every service ended with exit code 0 and is not to run again');
