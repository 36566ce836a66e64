//! Statements that insert jobs.

use scheduler_domain::{Job, JobId, KeyHash, Timestamp};
use sqlx::postgres::{PgArguments, Postgres};
use sqlx::query::Query;
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::fault::{self, Fault};
use super::row::{self, int2, int4};
use super::tx::{Earlier, Scope, Work};
use crate::Error;

macro_rules! insert {
    ($name:literal, $end:literal) => {
        concat!(
            "-- store.",
            $name,
            "\nINSERT INTO jobs (shard, id, type, queue, priority, state, max_attempts, run_at, payload, options, trace, key,
                created_at, updated_at, epoch, attempts, crashes, sequence)
             SELECT d.shard, d.id, d.type, d.queue, d.priority, d.state, d.max_attempts, d.run_at, d.payload, d.options,
                d.trace, d.key, $13, $13, 1, 0, 0, 1
             FROM unnest($1::INT2[], $2::UUID[], $3::TEXT[], $4::TEXT[], $5::INT2[], $6::INT2[], $7::INT4[],
                $8::TIMESTAMPTZ[], $9::BYTEA[], $10::TEXT[], $11::TEXT[], $12::UUID[])
                AS d(shard, id, type, queue, priority, state, max_attempts, run_at, payload, options, trace, key)",
            $end
        )
    };
}

/// For ids that we made. Cheaper than the other: CockroachDB need not read first, and nothing is returned.
pub(super) const INSERT: &str = insert!("submit", "");

/// For ids that may be taken; returns those that were not.
pub(super) const INSERT_NEW: &str = insert!(
    "submit_keyed",
    " ON CONFLICT (shard, id) DO NOTHING RETURNING jobs.id"
);

/// A row of `jobs` to be.
#[derive(Debug)]
pub(super) struct NewRow {
    pub(super) job: Job,
    pub(super) key: Option<KeyHash>,
}

/// Inserts rows whose ids may be taken; says which were not.
pub(super) async fn insert_new(
    connection: &mut PgConnection,
    now: Timestamp,
    rows: &[&NewRow],
) -> Result<Vec<JobId>, Fault> {
    let inserted = statement(INSERT_NEW, now, rows)?.fetch_all(connection).await?;
    inserted
        .iter()
        .map(|row| Ok(JobId(row.try_get::<Uuid, _>(0)?)))
        .collect()
}

/// Inserts rows whose ids we made: one statement.
pub(super) struct InsertFresh<'a> {
    pub(super) now: Timestamp,
    /// In the order of their keys.
    pub(super) rows: &'a [NewRow],
}

/// What a plain insert knows at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fresh {
    /// All are in.
    Inserted,
    /// The answer was lost: some or all may be in.
    Unknown,
    /// At least one id is taken, so none was inserted. It can happen when a caller submits again after an outage.
    Taken,
}

impl Work for InsertFresh<'_> {
    const NAME: &'static str = "submit";
    type Answer = Fresh;

    fn scope(&self) -> Scope {
        Scope::Statement
    }

    async fn run(&self, connection: &mut PgConnection, earlier: Earlier) -> Result<Fresh, Fault> {
        if earlier == Earlier::Unknown {
            return Ok(Fresh::Unknown);
        }
        let rows: Vec<&NewRow> = self.rows.iter().collect();
        match statement(INSERT, self.now, &rows)?.execute(connection).await {
            Ok(_) => Ok(Fresh::Inserted),
            Err(error) if fault::is_taken(&error) => Ok(Fresh::Taken),
            Err(error) => Err(error.into()),
        }
    }
}

type Statement = Query<'static, Postgres, PgArguments>;

fn statement(sql: &'static str, now: Timestamp, rows: &[&NewRow]) -> Result<Statement, Error> {
    let (shards, ids) = row::keys(rows.iter().map(|row| row.job.id));
    let specs = || rows.iter().map(|row| &row.job.spec);
    let options = specs()
        .map(|spec| row::options_column(&spec.options))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(sqlx::query(sql)
        .bind(shards)
        .bind(ids)
        .bind(specs().map(|spec| spec.job_type.as_str()).collect::<Vec<_>>())
        .bind(specs().map(|spec| spec.queue.as_str()).collect::<Vec<_>>())
        .bind(
            specs()
                .map(|spec| int2(spec.priority.number()))
                .collect::<Vec<_>>(),
        )
        .bind(
            rows.iter()
                .map(|row| int2(row.job.state.number()))
                .collect::<Vec<_>>(),
        )
        .bind(specs().map(|spec| int4(spec.max_attempts)).collect::<Vec<_>>())
        .bind(rows.iter().map(|row| row.job.run_at).collect::<Vec<_>>())
        .bind(specs().map(|spec| spec.payload.as_bytes()).collect::<Vec<_>>())
        .bind(options)
        .bind(
            rows.iter()
                .map(|row| row.job.trace.as_deref())
                .collect::<Vec<_>>(),
        )
        .bind(
            rows.iter()
                .map(|row| row.key.map(|key| key.0))
                .collect::<Vec<_>>(),
        )
        .bind(now))
}
