-- no-transaction
-- Finds the few FAILED and DEADLETTER jobs among millions that succeeded.
CREATE INDEX IF NOT EXISTS jobs_failed ON jobs (shard, created_at, id) WHERE state IN (4, 5);
