INSERT INTO cara.migration (version, name) VALUES (13, 'positions');

-- No list has the position 0: a watch from there begins with what there is, as in Kubernetes.
UPDATE cara.clock SET log_trimmed_to = 1 WHERE log_trimmed_to = 0 AND NOT EXISTS (SELECT FROM cara.change WHERE id = 1);
SELECT setval('cara.change_id', 1) WHERE pg_sequence_last_value('cara.change_id') IS NULL;
