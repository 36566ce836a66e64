//! What a worker does: claim, report, renew, hand back.

mod claim;
mod finish;
mod hand_back;

use std::sync::Arc;

use scheduler_domain::{Entry, Job, JobId, JobSpec, Lease, Timestamp, WorkerId};
use scheduler_queue::{Apart, Hint, Served, SharedQueue};
use scheduler_store::{Note, Running};
use tokio::sync::broadcast;

use crate::engine::Parts;
use crate::tally::Running as Counted;
use crate::{Error, history};
use finish::Finisher;

/// A job taken: leased in the queue, and its row seen open under the lease's epoch.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The row.
    pub job: Job,
    /// For giving it back unstarted.
    pub entry: Entry,
    /// When the lease began.
    pub claimed_at: Timestamp,
}

/// One life of one worker. Cheap to clone.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    parts: Arc<Parts>,
    worker: WorkerId,
    served: Served,
    finisher: Finisher,
}

impl Session {
    pub(crate) fn start(parts: Arc<Parts>, worker: WorkerId, served: Served) -> Self {
        let finisher = Finisher::start(&parts, &worker);
        Self(Arc::new(Inner {
            parts,
            worker,
            served,
            finisher,
        }))
    }

    /// In whose name.
    #[must_use]
    pub fn worker(&self) -> &WorkerId {
        &self.0.worker
    }

    /// Says how many attempts this worker can run at once.
    pub fn opens(&self, slots: usize) {
        let slots = u32::try_from(slots).unwrap_or(u32::MAX);
        self.0.parts.tally.serves(slots);
    }

    /// Counts an attempt that begins, for the figures of load, as long as what is returned lives.
    #[must_use]
    pub fn counts(&self, job: &JobSpec) -> Counted {
        self.0.parts.tally.starts(job)
    }

    /// Renews the leases held, and re-creates those that the queue has lost. Returns the jobs that are somebody else's by now:
    /// stop them.
    ///
    /// # Errors
    /// The queue's failure: after [`crate::Options::lease`] of these, the leases are worth nothing.
    pub async fn beat(&self, held: &[Lease]) -> Result<Vec<JobId>, Error> {
        self.beat_over(&self.0.parts.queue, held).await
    }

    /// How to make the queue over connections of one's own, for [`Session::beat_over`]; `None` where it has no connections.
    #[must_use]
    pub fn queue_apart(&self) -> Option<Apart> {
        self.0.parts.queue.apart()
    }

    /// As [`Session::beat`], over connections of one's own.
    ///
    /// # Errors
    /// As [`Session::beat`].
    pub async fn beat_over(&self, queue: &SharedQueue, held: &[Lease]) -> Result<Vec<JobId>, Error> {
        let parts = &self.0.parts;
        let sent = parts.clock.now();
        let lost = queue.extend(&self.0.worker, parts.options.lease, held).await?;
        history::beat(&self.0.worker, sent, held.len(), lost.len());
        Ok(lost)
    }

    /// Writes RUNNING for those attempts that are not written so yet, and returns the jobs that are no longer this worker's: cancelled,
    /// finished or handed out elsewhere. The durable way to learn of a cancel.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn note_running(&self, running: Vec<Running>) -> Result<Vec<JobId>, Error> {
        Ok(self
            .0
            .parts
            .store
            .mark_running(self.0.parts.clock.now(), running)
            .await?)
    }

    /// Keeps what attempts note of their progress. What an attempt notes that is no longer this worker's is dropped.
    ///
    /// # Errors
    /// The store's failure; noting the same again is safe.
    pub async fn note_progress(&self, notes: Vec<Note>) -> Result<(), Error> {
        if notes.is_empty() {
            return Ok(());
        }
        Ok(self.0.parts.store.note(notes).await?)
    }

    /// Cancels as they happen ([`Hint::Cancelled`]); other hints are to be ignored.
    ///
    /// # Errors
    /// The queue's failure.
    pub async fn cancellations(&self) -> Result<broadcast::Receiver<Hint>, Error> {
        Ok(self.0.parts.queue.subscribe().await?)
    }

    /// Takes the worker off the list; leases that it still holds are expired at once.
    pub async fn retire(&self) {
        if let Err(error) = self.0.parts.queue.retire(&self.0.worker).await {
            tracing::warn!(worker = %self.0.worker, %error, "not retired, its registration will run out");
        }
        // The last report of a worker that has nothing left must not say that something runs.
        let parts = &self.0.parts;
        if let Err(error) = parts.tally.tell(&parts.queue, &parts.process).await {
            tracing::debug!(%error, "the last report is lost, the one before will grow old");
        }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("worker", &self.0.worker)
            .finish_non_exhaustive()
    }
}
