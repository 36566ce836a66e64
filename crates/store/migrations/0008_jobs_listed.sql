-- no-transaction
-- Lists read it backwards, retention forwards. Every job has a priority above 0, which only these statements say: so that no planner
-- takes this index where it is asked for a job by key. On a table of ten rows both cost the same, and the plan stays when it grows.
CREATE INDEX IF NOT EXISTS jobs_listed ON jobs (shard, created_at, id) WHERE priority > 0;
