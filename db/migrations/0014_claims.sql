INSERT INTO cara.migration (version, name) VALUES (14, 'claims');

-- Checked row by row, with a query each, and locking the project that was only just written: cara.check_claims() asks once for
-- all that come together, cara.follow_claims() keeps them in step.
ALTER TABLE cara.claim DROP CONSTRAINT claim_project_fkey;
COMMENT ON COLUMN cara.claim.project IS 'Of a project that there is; goes with it, by triggers.';
