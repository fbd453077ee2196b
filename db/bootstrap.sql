-- What must exist before anything else: where it is recorded what has been applied.
-- Runs first, every time, in the transaction of the whole installation.
SET LOCAL check_function_bodies = off;
SET LOCAL client_min_messages = warning;

CREATE SCHEMA IF NOT EXISTS cara;
CREATE SCHEMA IF NOT EXISTS api;

CREATE TABLE IF NOT EXISTS cara.migration (
    version    int PRIMARY KEY,
    name       text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE cara.migration IS 'Which migrations this database has; each file inserts its own row first.';

CREATE TABLE IF NOT EXISTS cara.installed (
    only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE cara.installed IS 'Checksum of the functions, views, triggers and roles last applied; empty after psql applied them.';
