-- no-transaction
-- What the reconciler walks: open jobs in the order in which they become due.
CREATE INDEX IF NOT EXISTS jobs_open ON jobs (shard, run_at, id) WHERE finished_at IS NULL;
