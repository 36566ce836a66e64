//! The history of a job's attempts.

use scheduler_domain::{Attempt, Epoch, JobId, Outcome, Timestamp, WorkerId};
use sqlx::{FromRow as _, PgConnection};
use uuid::Uuid;

use super::call::Db;
use super::fault::Fault;
use super::get;
use super::row::{self, int2, int4};
use super::tx::{self, Earlier, Scope, Work};
use crate::Error;
use crate::transition::current_attempt;

pub(super) const ATTEMPTS: &str = "-- store.attempts
    SELECT epoch, number, worker, started_at, finished_at, outcome, error FROM job_attempts
    WHERE shard = $1 AND id = $2 ORDER BY epoch";

/// An attempt that is there already was recorded when it ended.
pub(super) const RECORD: &str = "-- store.record_attempts
    INSERT INTO job_attempts (shard, id, epoch, number, worker, started_at, finished_at, outcome, error)
    SELECT d.shard, d.id, d.epoch, d.number, d.worker, d.started_at, d.finished_at, d.outcome, d.error
    FROM unnest($1::INT2[], $2::UUID[], $3::INT4[], $4::INT4[], $5::TEXT[], $6::TIMESTAMPTZ[], $7::TIMESTAMPTZ[],
        $8::INT2[], $9::TEXT[]) AS d(shard, id, epoch, number, worker, started_at, finished_at, outcome, error)
    ON CONFLICT (shard, id, epoch) DO NOTHING";

pub(super) async fn attempts(db: Db, id: JobId) -> Result<Vec<Attempt>, Error> {
    tx::run(&db, &Attempts(id)).await
}

struct Attempts(JobId);

impl Work for Attempts {
    const NAME: &'static str = "attempts";
    type Answer = Vec<Attempt>;

    fn scope(&self) -> Scope {
        Scope::Read
    }

    /// The row first: an attempt that ends between the two statements is then told by the history.
    async fn run(&self, connection: &mut PgConnection, _: Earlier) -> Result<Vec<Attempt>, Fault> {
        let id = self.0;
        let Some(job) = get::by_id(connection, &[id]).await?.remove(&id) else {
            return Ok(Vec::new());
        };
        let rows = sqlx::query(ATTEMPTS)
            .bind(id.shard().column())
            .bind(id.0)
            .fetch_all(connection)
            .await?;
        let mut attempts = rows
            .iter()
            .map(|row| Ok(AttemptRow::from_row(row)?.read(id)?))
            .collect::<Result<Vec<Attempt>, Fault>>()?;
        if let Some(last) = current_attempt(&job)
            && attempts.last().is_none_or(|recorded| recorded.epoch < last.epoch)
        {
            attempts.push(last);
        }
        Ok(attempts)
    }
}

/// Adds attempts to the history.
pub(super) async fn record(
    connection: &mut PgConnection,
    attempts: &[(JobId, Attempt)],
) -> Result<(), Fault> {
    if attempts.is_empty() {
        return Ok(());
    }
    let (shards, ids) = row::keys(attempts.iter().map(|(id, _)| *id));
    let each = || attempts.iter().map(|(_, attempt)| attempt);
    let errors = each()
        .map(|attempt| attempt.error.as_ref().map(row::error_column).transpose())
        .collect::<Result<Vec<_>, _>>()?;
    sqlx::query(RECORD)
        .bind(shards)
        .bind(ids)
        .bind(each().map(|attempt| attempt.epoch.0).collect::<Vec<_>>())
        .bind(each().map(|attempt| int4(attempt.number)).collect::<Vec<_>>())
        .bind(
            each()
                .map(|attempt| attempt.worker.as_ref().map(WorkerId::as_str))
                .collect::<Vec<_>>(),
        )
        .bind(each().map(|attempt| attempt.started_at).collect::<Vec<_>>())
        .bind(each().map(|attempt| attempt.finished_at).collect::<Vec<_>>())
        .bind(
            each()
                .map(|attempt| int2(attempt.outcome.number()))
                .collect::<Vec<_>>(),
        )
        .bind(errors)
        .execute(connection)
        .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
pub(super) struct AttemptRow {
    pub(super) epoch: i32,
    pub(super) number: i32,
    pub(super) worker: Option<String>,
    pub(super) started_at: Option<Timestamp>,
    pub(super) finished_at: Option<Timestamp>,
    pub(super) outcome: i16,
    pub(super) error: Option<String>,
}

impl AttemptRow {
    pub(super) fn read(self, id: JobId) -> Result<Attempt, Error> {
        let corrupt = |column| Error::Corrupt {
            table: "job_attempts",
            column,
            id: format!("{id}, epoch {}", self.epoch),
        };
        Ok(Attempt {
            epoch: Epoch(self.epoch),
            number: u32::try_from(self.number).map_err(|_| corrupt("number"))?,
            outcome: Outcome::from_number(self.outcome.into()).ok_or_else(|| corrupt("outcome"))?,
            error: match &self.error {
                Some(json) => Some(serde_json::from_str(json).map_err(|_| corrupt("error"))?),
                None => None,
            },
            worker: self.worker.map(WorkerId::from_stored),
            started_at: self.started_at,
            finished_at: self.finished_at,
        })
    }
}

/// Deletes the history of jobs of one shard.
pub(super) const FORGET: &str = "-- store.forget_attempts
    DELETE FROM job_attempts WHERE shard = $1 AND id = ANY($2::UUID[])";

/// Deletes the history of `ids`, which are of one shard.
pub(super) async fn forget(connection: &mut PgConnection, shard: i16, ids: &[Uuid]) -> Result<(), Fault> {
    sqlx::query(FORGET)
        .bind(shard)
        .bind(ids)
        .execute(connection)
        .await?;
    Ok(())
}
