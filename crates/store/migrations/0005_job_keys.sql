-- no-transaction
-- Which job an idempotency key made. The shard is the key's, not the job's.
CREATE TABLE IF NOT EXISTS job_keys (
    shard  INT2 NOT NULL,
    key    UUID NOT NULL,
    job_id UUID NOT NULL,
    PRIMARY KEY (shard, key)
);
