//! Reopens a job that failed.

use scheduler_domain::{JobId, State, Timestamp};
use sqlx::PgConnection;

use super::call::Db;
use super::fault::Fault;
use super::row::{self, job_columns};
use super::tx::{self, Earlier, Scope, Work};
use super::{attempts, get};
use crate::transition::current_attempt;
use crate::{Error, Redriven};

/// The error stays: until the next attempt ends it is the latest that is known.
///
/// FAILED and DEADLETTER are said by what they are not: `state IN (4, 5)` would send planners to the index on failed jobs.
pub(super) const REDRIVE: &str = concat!(
    "-- store.redrive
    UPDATE jobs SET state = 1, epoch = jobs.epoch + 1, attempts = 0, crashes = 0, sequence = jobs.sequence + 1,
        run_at = $4, updated_at = $4, started_at = NULL, finished_at = NULL, worker = NULL, result = NULL
    WHERE shard = $1 AND id = $2 AND epoch = $3 AND state NOT IN (1, 2, 3, 6, 7, 8)
    RETURNING ",
    job_columns!()
);

pub(super) async fn redrive(db: Db, now: Timestamp, id: JobId) -> Result<Redriven, Error> {
    tx::run(&db, &Redrive { now, id }).await
}

struct Redrive {
    now: Timestamp,
    id: JobId,
}

impl Work for Redrive {
    const NAME: &'static str = "redrive";
    type Answer = Redriven;

    fn scope(&self) -> Scope {
        Scope::Transaction
    }

    async fn run(&self, connection: &mut PgConnection, earlier: Earlier) -> Result<Redriven, Fault> {
        let id = self.id;
        let Some(job) = get::by_id(connection, &[id]).await?.remove(&id) else {
            return Ok(Redriven::NotFound);
        };
        if !matches!(job.state, State::Failed | State::DeadLetter) {
            let ours = earlier == Earlier::Unknown
                && job.state == State::Queued
                && job.run_at == row::stored(self.now)
                && job.updated_at == row::stored(self.now);
            return Ok(if ours {
                Redriven::Done(job)
            } else {
                Redriven::Refused(job)
            });
        }
        if let Some(last) = current_attempt(&job) {
            attempts::record(connection, &[(id, last)]).await?;
        }
        let reopened = sqlx::query(REDRIVE)
            .bind(id.shard().column())
            .bind(id.0)
            .bind(job.epoch.0)
            .bind(self.now)
            .fetch_optional(connection)
            .await?
            .ok_or(Fault::Raced)?;
        Ok(Redriven::Done(row::job(&reopened)?))
    }
}
