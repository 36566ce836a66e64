-- no-transaction
-- One row per job, inserted once and updated once per attempt that ends.
-- Columns are ordered by alignment, the widest first: that saves PostgreSQL its padding.
CREATE TABLE IF NOT EXISTS jobs (
    created_at   TIMESTAMPTZ NOT NULL,
    updated_at   TIMESTAMPTZ NOT NULL,
    run_at       TIMESTAMPTZ NOT NULL,
    sequence     INT8 NOT NULL,
    started_at   TIMESTAMPTZ NULL,
    finished_at  TIMESTAMPTZ NULL,
    epoch        INT4 NOT NULL,
    attempts     INT4 NOT NULL,
    crashes      INT4 NOT NULL,
    max_attempts INT4 NOT NULL,
    shard        INT2 NOT NULL,
    priority     INT2 NOT NULL,
    state        INT2 NOT NULL,
    id           UUID NOT NULL,
    type         TEXT NOT NULL,
    queue        TEXT NOT NULL,
    payload      BYTEA NOT NULL,
    key          UUID NULL,
    options      TEXT NULL,
    trace        TEXT NULL,
    worker       TEXT NULL,
    result       BYTEA NULL,
    error        TEXT NULL,
    PRIMARY KEY (shard, id)
);
