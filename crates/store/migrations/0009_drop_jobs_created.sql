-- no-transaction
-- Replaced by jobs_listed.
DROP INDEX IF EXISTS jobs_created;
