//! Reopens a job that failed.

use std::sync::atomic::{AtomicI32, Ordering};

use scheduler_domain::{Entropy as _, Job, JobId, State, SystemEntropy, Timestamp};
use sqlx::PgConnection;
use uuid::Uuid;

use super::call::Db;
use super::fault::Fault;
use super::row::{self, job_columns};
use super::tx::{self, Earlier, Scope, Work};
use super::{attempts, calls, get};
use crate::transition::current_attempt;
use crate::{Error, Redriven};

/// The error stays: until the next attempt ends it is the latest that is known.
///
/// FAILED and DEADLETTER are said by what they are not: `state IN (4, 5)` would send planners to the index on failed jobs.
pub(super) const REDRIVE: &str = concat!(
    "-- store.redrive
    UPDATE jobs SET state = 1, epoch = jobs.epoch + 1, attempts = 0, crashes = 0, sequence = jobs.sequence + 1,
        run_at = $4, updated_at = $4, reopened_by = $5, started_at = NULL, finished_at = NULL, worker = NULL, result = NULL
    WHERE shard = $1 AND id = $2 AND epoch = $3 AND state NOT IN (1, 2, 3, 6, 7, 8)
    RETURNING ",
    job_columns!()
);

pub(super) async fn redrive(db: Db, now: Timestamp, id: JobId) -> Result<Redriven, Error> {
    let work = Redrive {
        now,
        id,
        call: SystemEntropy.uuid(),
        tried: AtomicI32::new(0),
    };
    tx::run(&db, &work).await
}

struct Redrive {
    now: Timestamp,
    id: JobId,
    /// Tells this call from others that reopen the job in the same microsecond.
    call: Uuid,
    /// The epoch under which the last try found the job failed; 0 when none did.
    tried: AtomicI32,
}

impl Redrive {
    /// After an answer that was lost: what is known by now, if the job has left the epoch that was tried. It may be anywhere then:
    /// cancelled by others, run again, failed again.
    async fn settled(&self, connection: &mut PgConnection, job: &Job) -> Result<Option<Redriven>, Fault> {
        if [0, job.epoch.0].contains(&self.tried.load(Ordering::Relaxed)) {
            return Ok(None);
        }
        if calls::of(connection, self.id).await?.reopened_by == Some(self.call) {
            return Ok(Some(Redriven::Done(job.clone())));
        }
        // Reopened by others, perhaps after us, once it had failed again: a refusal would say that it was not carried out.
        Err(Fault::Final(Error::Unavailable {
            context: Self::NAME,
            source: "the answer was lost, and others have reopened the job since".into(),
        }))
    }
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
        if earlier == Earlier::Unknown
            && let Some(settled) = self.settled(connection, &job).await?
        {
            return Ok(settled);
        }
        if !matches!(job.state, State::Failed | State::DeadLetter) {
            return Ok(Redriven::Refused(job));
        }
        self.tried.store(job.epoch.0, Ordering::Relaxed);
        if let Some(last) = current_attempt(&job) {
            attempts::record(connection, &[(id, last)]).await?;
        }
        let reopened = sqlx::query(REDRIVE)
            .bind(id.shard().column())
            .bind(id.0)
            .bind(job.epoch.0)
            .bind(self.now)
            .bind(self.call)
            .fetch_optional(connection)
            .await?
            .ok_or(Fault::Raced)?;
        Ok(Redriven::Done(row::job(&reopened)?))
    }
}
