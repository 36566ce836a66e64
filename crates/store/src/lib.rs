//! The record: every acknowledged job, in CockroachDB or PostgreSQL (or in memory, for development and tests).
//!
//! Invariants that every backend keeps, and that the conformance suite checks:
//! - a job is inserted once and is there before [`Jobs::submit`] returns;
//! - a final state is left only by [`Jobs::redrive`];
//! - a report is accepted only under the row's current epoch and while the job is open, so at most one report per
//!   epoch and at most one final one is ever accepted;
//! - the epoch never falls, and rises whenever the job is handed out again;
//! - time is an argument: the backend decides nothing by its own clock.
//!
//! To add a backend: implement [`Jobs`] and [`Maintenance`], and stamp the conformance suite on it.

#[cfg(any(test, feature = "testing"))]
pub mod conformance;
mod error;
mod memory;
pub mod metrics;
mod model;
pub mod postgres;
#[cfg(test)]
mod reference;
mod same;
#[cfg(feature = "testing")]
pub mod testing;
mod transition;

use std::sync::Arc;

use async_trait::async_trait;
use scheduler_domain::{Attempt, Entry, Epoch, Job, JobId, NewJob, Shard, Timestamp};

pub use error::Error;
pub use memory::MemoryStore;
pub use model::{
    Cancelled, Cursor, DEFAULT_CALL_TIMEOUT, Deleted, Due, DueCursor, Filter, HandOut, HandOutCause,
    HandedOut, ListQuery, Loaded, Note, Page, Redriven, Report, ReportKind, Running, Submitted, Verdict,
};
pub use postgres::{PostgresOptions, PostgresStore};

/// Operations on jobs, one per verb of the product.
#[async_trait]
pub trait Jobs: Send + Sync {
    /// Inserts `jobs`, all or none of them per transaction, and says for each, in order, what became of it.
    ///
    /// Ambiguous commits are resolved by reading back. When it returns `Ok`, every [`Submitted::Created`] is durable.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: nothing may be assumed about the jobs; submitting them again under the same ids or keys is safe.
    async fn submit(&self, now: Timestamp, jobs: Vec<NewJob>) -> Result<Vec<Submitted>, Error>;

    /// The jobs with these ids, in order; `None` where there is none.
    async fn get(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, Error>;

    /// Of the jobs claimed, those that are still open under the epoch they were claimed at, in any order.
    ///
    /// Their payloads and checkpoints have at most `most_bytes` together, or it is one job alone; the memory that this takes is bounded by as much.
    /// Those that did not fit are left for another time.
    async fn load(&self, claimed: &[(JobId, Epoch)], most_bytes: usize) -> Result<Loaded, Error>;

    /// Records how attempts ended; for each, in order, whether the report was accepted or fenced.
    ///
    /// An attempt after which the job goes on is written to its history in the same transaction; of the last one the job's
    /// own row tells. A report that was recorded by an earlier call is accepted again, and changes nothing: so a caller
    /// finds out what became of it after [`Error::Unavailable`].
    async fn finish(&self, now: Timestamp, reports: Vec<Report>) -> Result<Vec<Verdict>, Error>;

    /// Writes RUNNING for attempts that have run for a while, so that readers see it, and returns those whose lease is
    /// worth nothing any more: finished, cancelled, or handed out under a higher epoch. Already RUNNING ones are only checked.
    async fn mark_running(&self, now: Timestamp, running: Vec<Running>) -> Result<Vec<JobId>, Error>;

    /// Keeps what running attempts note of their progress, for readers and for the attempt after them. Of several on one attempt
    /// the last holds; those on a job that is final, gone or at another epoch change nothing, as with reports.
    async fn note(&self, notes: Vec<Note>) -> Result<(), Error>;

    /// Cancels an open job.
    async fn cancel(&self, now: Timestamp, id: JobId) -> Result<Cancelled, Error>;

    /// Reopens a FAILED or DEADLETTER job: QUEUED, all attempts and crashes given back, epoch raised, its last attempt
    /// written to its history.
    async fn redrive(&self, now: Timestamp, id: JobId) -> Result<Redriven, Error>;

    /// Deletes a job in a final state, with its history and its idempotency key.
    async fn delete(&self, id: JobId) -> Result<Deleted, Error>;

    /// One page of jobs, newest first. See [`ListQuery`].
    async fn list(&self, now: Timestamp, query: ListQuery) -> Result<Page, Error>;

    /// A job's attempts, oldest first, the one that the row itself tells of included. Empty when there is no such job.
    async fn attempts(&self, id: JobId) -> Result<Vec<Attempt>, Error>;
}

/// What the background loops need.
#[async_trait]
pub trait Maintenance: Send + Sync {
    /// Open jobs of `shard` with `after < (run_at, id)` and `run_at <= until`, in that order, at most `limit`.
    async fn due(
        &self,
        shard: Shard,
        after: Option<DueCursor>,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Due>, Error>;

    /// Hands jobs out again: raises the epoch of each that is still open under the epoch given, and returns the entries to push.
    /// One whose crash budget is used up becomes DEADLETTER instead.
    async fn hand_out(&self, now: Timestamp, jobs: Vec<HandOut>) -> Result<Vec<HandedOut>, Error>;

    /// Deletes at most `limit` jobs of `shard` that finished before `before`; returns how many it looked at and deleted.
    /// Pages past rows it must keep: `after` is the cursor of the previous call's [`Purged::next`].
    async fn purge(
        &self,
        shard: Shard,
        before: Timestamp,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Purged, Error>;

    /// Brings the schema up to date; safe when several processes do it at once.
    async fn migrate(&self) -> Result<(), Error>;

    /// Answers when the store does and its schema is one that this build can work with: its own, or a newer one.
    async fn ping(&self) -> Result<(), Error>;
}

/// One step of retention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Purged {
    /// Jobs deleted.
    pub deleted: usize,
    /// Where to go on; `None` at the end of the shard.
    pub next: Option<Cursor>,
}

/// A whole store.
pub trait Store: Jobs + Maintenance {}
impl<T: Jobs + Maintenance> Store for T {}

/// A store that is shared by the parts of a process.
pub type SharedStore = Arc<dyn Store>;

/// Entries of the jobs handed out that are to be pushed; those that went to DEADLETTER have none.
#[must_use]
pub fn entries(handed_out: &[HandedOut]) -> Vec<Entry> {
    handed_out
        .iter()
        .filter_map(|h| match h {
            HandedOut::Again { entry, .. } => Some(entry.clone()),
            HandedOut::DeadLettered(_) => None,
        })
        .collect()
}
