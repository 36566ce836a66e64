-- no-transaction
-- Attempts that ended while their job went on. The last one is told by the row of the job itself.
CREATE TABLE IF NOT EXISTS job_attempts (
    started_at  TIMESTAMPTZ NULL,
    finished_at TIMESTAMPTZ NULL,
    epoch       INT4 NOT NULL,
    number      INT4 NOT NULL,
    shard       INT2 NOT NULL,
    outcome     INT2 NOT NULL,
    id          UUID NOT NULL,
    worker      TEXT NULL,
    error       TEXT NULL,
    PRIMARY KEY (shard, id, epoch)
);
