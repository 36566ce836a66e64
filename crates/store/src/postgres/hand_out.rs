//! Hands jobs out again, in one transaction with one UPDATE per cause.

pub(super) mod causes;

use std::collections::HashMap;

use scheduler_domain::{Attempt, Entry, Epoch, Job, JobId, Outcome, QueueName, State, Timestamp};
use sqlx::postgres::PgRow;
use sqlx::{FromRow as _, PgConnection};
use uuid::Uuid;

use self::causes::Causes;
use super::call::Db;
use super::fault::Fault;
use super::tx::{self, Earlier, Scope, Work};
use super::{attempts, get, row};
use crate::metrics::BATCH_ROWS;
use crate::{Error, HandOut, HandOutCause, HandedOut};

pub(super) async fn hand_out(
    db: Db,
    now: Timestamp,
    mut jobs: Vec<HandOut>,
) -> Result<Vec<HandedOut>, Error> {
    // Of several wishes for one hand-out the first counts; a stable sort keeps it first.
    jobs.sort_by_key(|job| (job.id.shard(), job.id, job.epoch));
    jobs.dedup_by_key(|job| (job.id, job.epoch));
    let mut handed_out = Vec::with_capacity(jobs.len());
    for chunk in jobs.chunks(row::MOST_FOUND) {
        metrics::histogram!(BATCH_ROWS, "operation" => Again::NAME).record(chunk.len() as f64);
        let pieces = tx::run_batch(&db, chunk, |jobs| Again { now, jobs }).await?;
        handed_out.extend(pieces.into_iter().flatten());
    }
    Ok(handed_out)
}

/// After a lost answer the jobs handed out by the lost try are not found again; they are due, the queue does not know
/// them, and so the reconciler hands them out once more.
struct Again<'a> {
    now: Timestamp,
    /// Each hand-out once, in the order of the primary key.
    jobs: &'a [HandOut],
}

impl Work for Again<'_> {
    const NAME: &'static str = "hand_out";
    type Answer = Vec<HandedOut>;

    fn scope(&self) -> Scope {
        Scope::Transaction
    }

    async fn run(&self, connection: &mut PgConnection, _: Earlier) -> Result<Vec<HandedOut>, Fault> {
        let changed = Causes::of(self.jobs).update(connection, self.now).await?;
        let mut ended = Vec::new();
        for job in self.jobs {
            if let Some(row) = changed.get(&job.id).filter(|row| row.was == job.epoch.0)
                && let Some(attempt) = self.ended(job, row)?
            {
                ended.push((job.id, attempt));
            }
        }
        attempts::record(connection, &ended).await?;

        let dead: Vec<JobId> = changed
            .values()
            .filter(|row| row.is_dead())
            .map(|row| JobId(row.id))
            .collect();
        let mut dead: HashMap<JobId, Job> = if dead.is_empty() {
            HashMap::new()
        } else {
            get::by_id(connection, &dead).await?
        };
        changed
            .into_values()
            .map(|row| match dead.remove(&JobId(row.id)) {
                Some(job) => Ok(HandedOut::DeadLettered(Box::new(job))),
                None => Ok(HandedOut::Again {
                    crashes: u32::try_from(row.crashes).unwrap_or_default(),
                    entry: row.entry()?,
                }),
            })
            .collect()
    }
}

impl Again<'_> {
    /// The attempt that this hand-out ends, if one had begun.
    fn ended(&self, job: &HandOut, row: &Changed) -> Result<Option<Attempt>, Error> {
        let (worker, since, outcome) = match &job.cause {
            HandOutCause::Forgotten => return Ok(None),
            HandOutCause::LeaseExpired { worker, since, .. } => (worker, since, Outcome::Lost),
            HandOutCause::Released { worker, since } => (worker, since, Outcome::Released),
        };
        let corrupt = || Error::Corrupt {
            table: "jobs",
            column: "attempts",
            id: job.id.to_string(),
        };
        Ok(Some(Attempt {
            epoch: job.epoch,
            // It was not charged for, so the attempt that follows has the same number.
            number: u32::try_from(row.attempts)
                .map_err(|_| corrupt())?
                .saturating_add(1),
            worker: Some(worker.clone()),
            started_at: Some(*since),
            finished_at: Some(self.now),
            outcome,
            error: None,
        }))
    }
}

/// A row as the update left it.
#[derive(sqlx::FromRow)]
struct Changed {
    id: Uuid,
    /// The epoch before.
    was: i32,
    epoch: i32,
    state: i16,
    attempts: i32,
    crashes: i32,
    queue: String,
    priority: i16,
    run_at: Timestamp,
}

impl Changed {
    fn read(row: &PgRow) -> Result<(JobId, Self), Fault> {
        let row = Self::from_row(row)?;
        Ok((JobId(row.id), row))
    }

    fn is_dead(&self) -> bool {
        i32::from(self.state) == State::DeadLetter.number()
    }

    fn entry(self) -> Result<Entry, Error> {
        let id = JobId(self.id);
        Ok(Entry {
            id,
            epoch: Epoch(self.epoch),
            queue: QueueName::from_stored(self.queue),
            priority: row::priority(id, self.priority)?,
            ready_at: self.run_at,
        })
    }
}
