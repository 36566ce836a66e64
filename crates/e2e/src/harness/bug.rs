//! Bugs that the checker has to find: each a way in which schedulers were built, and lost or doubled jobs.

use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Error, Result, bail};
use scheduler_domain::{Epoch, Job, JobId, NewJob, Shard, Timestamp, WorkerId};
use scheduler_queue::{Claimed, Served, SharedQueue};
use scheduler_store::{
    HandOut, HandOutCause, HandedOut, Report, ReportKind, SharedStore, Submitted, Verdict,
};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

/// Which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bug {
    /// A completion is taken from whoever reports it, whatever his epoch is.
    CompletionById,
    /// A job whose lease ran out is handed out again, whatever has become of it.
    ReaperById,
    /// A submit is answered before its commit.
    AckBeforeCommit,
    /// A job is in the queue before its commit.
    PushBeforeCommit,
    /// A completion is taken although the job was cancelled.
    CancelOverwritten,
    /// A job is handed out again under the epoch that it had.
    EpochNotRaised,
    /// A failed attempt that is to be repeated is not counted.
    RetryWithoutAttempt,
    /// An entry is taken and left where it is.
    DoubleClaim,
}

impl Bug {
    /// Every one.
    pub const ALL: &[Self] = &[
        Self::CompletionById,
        Self::ReaperById,
        Self::AckBeforeCommit,
        Self::PushBeforeCommit,
        Self::CancelOverwritten,
        Self::EpochNotRaised,
        Self::RetryWithoutAttempt,
        Self::DoubleClaim,
    ];

    /// As `HARNESS_BUG` has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CompletionById => "completion_by_id",
            Self::ReaperById => "reaper_by_id",
            Self::AckBeforeCommit => "ack_before_commit",
            Self::PushBeforeCommit => "push_before_commit",
            Self::CancelOverwritten => "cancel_overwritten",
            Self::EpochNotRaised => "epoch_not_raised",
            Self::RetryWithoutAttempt => "retry_without_attempt",
            Self::DoubleClaim => "double_claim",
        }
    }
}

impl FromStr for Bug {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let names = || {
            Self::ALL
                .iter()
                .map(|bug| bug.name())
                .collect::<Vec<_>>()
                .join(", ")
        };
        match Self::ALL.iter().find(|bug| bug.name() == text) {
            Some(bug) => Ok(*bug),
            None => bail!("{text:?} is none of {}", names()),
        }
    }
}

/// A bug in its place: between a process and the real store and queue.
pub(super) struct Planted {
    bug: Bug,
    store: SharedStore,
    queue: SharedQueue,
    database: PgPool,
    doubled: AtomicBool,
}

impl Planted {
    pub(super) async fn connect(
        bug: Bug,
        database: &str,
        store: &SharedStore,
        queue: &SharedQueue,
    ) -> Result<Self> {
        let pool = PgPoolOptions::new().max_connections(2);
        let database = pool.connect(database).await.context("DATABASE_URL")?;
        Ok(Self {
            bug,
            store: SharedStore::clone(store),
            queue: SharedQueue::clone(queue),
            database,
            doubled: AtomicBool::new(false),
        })
    }

    /// What is done before jobs are stored; the answer, when it is given already.
    pub(super) async fn before_submit(&self, now: Timestamp, jobs: &[NewJob]) -> Option<Vec<Submitted>> {
        let accepted = || jobs.iter().map(|job| Job::accepted(job.clone(), now));
        match self.bug {
            Bug::AckBeforeCommit => Some(accepted().map(Submitted::Created).collect()),
            Bug::PushBeforeCommit => {
                let entries: Vec<_> = accepted().map(|job| job.entry()).collect();
                if let Err(error) = self.queue.push(&entries).await {
                    tracing::warn!(%error, "planted push failed");
                }
                None
            }
            _ => None,
        }
    }

    pub(super) async fn finish(
        &self,
        now: Timestamp,
        mut reports: Vec<Report>,
    ) -> Result<Vec<Verdict>, scheduler_store::Error> {
        match self.bug {
            Bug::CompletionById => {
                let ids: Vec<JobId> = reports.iter().map(|report| report.id).collect();
                for (report, job) in reports.iter_mut().zip(self.store.get(&ids).await?) {
                    report.epoch = job.map_or(report.epoch, |job| job.epoch);
                }
                self.store.finish(now, reports).await
            }
            Bug::CancelOverwritten => {
                let mut verdicts = self.store.finish(now, reports.clone()).await?;
                for (verdict, report) in verdicts.iter_mut().zip(&reports) {
                    if *verdict == Verdict::Fenced && self.overwrites(report).await {
                        *verdict = Verdict::Accepted;
                    }
                }
                Ok(verdicts)
            }
            Bug::RetryWithoutAttempt => {
                let mut verdicts = Vec::with_capacity(reports.len());
                for report in reports {
                    verdicts.push(match &report.verdict {
                        ReportKind::Retry { at, .. } => self.goes_on(&report, *at).await,
                        _ => self.store.finish(now, vec![report]).await?[0],
                    });
                }
                Ok(verdicts)
            }
            _ => self.store.finish(now, reports).await,
        }
    }

    /// The update of a success without its test of the state.
    async fn overwrites(&self, report: &Report) -> bool {
        let ReportKind::Succeeded { result } = &report.verdict else {
            return false;
        };
        let update = sqlx::query(
            "UPDATE jobs SET state = 3, sequence = sequence + 1, attempts = attempts + 1, updated_at = now(),
                started_at = $4, finished_at = now(), worker = $5, result = $6
            WHERE shard = $1 AND id = $2 AND epoch = $3",
        )
        .bind(report.id.shard().column())
        .bind(report.id.0)
        .bind(report.epoch.0)
        .bind(report.started_at)
        .bind(report.worker.as_str())
        .bind(result.as_deref().map(str::as_bytes));
        self.changes_one(update).await
    }

    /// The update of a retry without its count.
    async fn goes_on(&self, report: &Report, at: Timestamp) -> Verdict {
        let update = sqlx::query(
            "UPDATE jobs SET state = 6, epoch = epoch + 1, sequence = sequence + 2, updated_at = now(), run_at = $4
            WHERE shard = $1 AND id = $2 AND epoch = $3 AND finished_at IS NULL",
        )
        .bind(report.id.shard().column())
        .bind(report.id.0)
        .bind(report.epoch.0)
        .bind(at);
        match self.changes_one(update).await {
            true => Verdict::Accepted,
            false => Verdict::Fenced,
        }
    }

    pub(super) async fn hand_out(
        &self,
        now: Timestamp,
        jobs: Vec<HandOut>,
    ) -> Result<Vec<HandedOut>, scheduler_store::Error> {
        let mut again = Vec::new();
        for HandOut { id, epoch, cause } in &jobs {
            let changed = match (self.bug, cause) {
                (Bug::ReaperById, HandOutCause::LeaseExpired { .. }) => self.reopens(*id).await,
                (Bug::EpochNotRaised, _) => self.stays(*id, *epoch).await,
                _ => return self.store.hand_out(now, jobs).await,
            };
            if changed {
                again.push(*id);
            }
        }
        let again = self.store.get(&again).await?;
        Ok(again
            .into_iter()
            .flatten()
            .map(|job| HandedOut::Again {
                entry: job.entry(),
                crashes: job.crashes,
            })
            .collect())
    }

    /// The reaper's update without its test of epoch and state.
    async fn reopens(&self, id: JobId) -> bool {
        let update = sqlx::query(
            "UPDATE jobs SET state = 1, epoch = epoch + 1, crashes = crashes + 1, sequence = sequence + 2,
                updated_at = now(), finished_at = NULL, started_at = NULL, worker = NULL, result = NULL, error = NULL
            WHERE shard = $1 AND id = $2",
        )
        .bind(id.shard().column())
        .bind(id.0);
        self.changes_one(update).await
    }

    /// A hand-out without its new epoch.
    async fn stays(&self, id: JobId, epoch: Epoch) -> bool {
        let update = sqlx::query(
            "UPDATE jobs SET state = 1, crashes = crashes + 1, sequence = sequence + 2, updated_at = now()
            WHERE shard = $1 AND id = $2 AND epoch = $3 AND finished_at IS NULL",
        )
        .bind(id.shard().column())
        .bind(id.0)
        .bind(epoch.0);
        self.changes_one(update).await
    }

    async fn changes_one(
        &self,
        update: sqlx::query::Query<'_, sqlx::Postgres, sqlx::postgres::PgArguments>,
    ) -> bool {
        match update.execute(&self.database).await {
            Ok(done) => done.rows_affected() == 1,
            Err(error) => {
                tracing::error!(%error, "planted update failed");
                false
            }
        }
    }

    pub(super) async fn claim(
        &self,
        worker: &WorkerId,
        served: &Served,
        from: Option<Shard>,
        limit: usize,
    ) -> Result<Vec<Claimed>, scheduler_queue::Error> {
        // Once is enough, and then it leaves them to the other worker.
        if self.bug == Bug::DoubleClaim && self.doubled.load(Ordering::SeqCst) {
            return Ok(Vec::new());
        }
        let claimed = self.queue.claim(worker, served, from, limit).await?;
        if self.bug == Bug::DoubleClaim && !claimed.is_empty() {
            self.doubled.store(true, Ordering::SeqCst);
            let entries: Vec<_> = claimed.iter().map(|claimed| claimed.entry.clone()).collect();
            self.queue.release(worker, &entries).await?;
        }
        Ok(claimed)
    }
}
