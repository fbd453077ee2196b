INSERT INTO cara.migration (version, name) VALUES (7, 'apply');

-- A new project costs less: no index on an id that nobody looks anything up by, and no check by a query of what is only
-- written with it (cara.follow_project() keeps them in step).
ALTER TABLE cara.project DROP CONSTRAINT project_uid_key;
ALTER TABLE cara.demand DROP CONSTRAINT demand_project_fkey;
ALTER TABLE cara.project_status DROP CONSTRAINT project_status_project_fkey;

-- One index finds the versions of an object and keeps them apart.
ALTER TABLE cara.revision DROP CONSTRAINT revision_pkey;
DROP INDEX cara.revision_object;
ALTER TABLE cara.revision ADD PRIMARY KEY (kind, name, id);
