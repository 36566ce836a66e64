-- no-transaction
-- Lists read it backwards, retention forwards.
CREATE INDEX IF NOT EXISTS jobs_created ON jobs (shard, created_at, id);
