//! What a handler knows of its attempt.

use std::collections::BTreeMap;

use scheduler_domain::{Epoch, Job, JobId, JobType, QueueName};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use crate::JobError;
use crate::notes::Notes;

/// One attempt at a job, as its handler sees it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct JobContext {
    /// Which job.
    pub id: JobId,
    /// What kind.
    pub job_type: JobType,
    /// From which queue.
    pub queue: QueueName,
    /// 1-based; lost leases are not counted.
    pub attempt: u32,
    /// The last one's number.
    pub max_attempts: u32,
    /// Fencing number: rises with every hand-out. Key effects that must happen once by (id, epoch).
    pub epoch: Epoch,
    /// The submitter's marks.
    pub labels: BTreeMap<String, String>,
    /// When the attempt times out: its future is dropped then.
    pub deadline: Instant,
    /// The attempt's span, for instrumenting what the handler spawns.
    pub span: Span,
    cancellation: CancellationToken,
    notes: Notes,
}

impl JobContext {
    pub(crate) fn new(
        job: &Job,
        deadline: Instant,
        span: Span,
        cancellation: CancellationToken,
        notes: Notes,
    ) -> Self {
        Self {
            id: job.id,
            job_type: job.spec.job_type.clone(),
            queue: job.spec.queue.clone(),
            attempt: job.attempts + 1,
            max_attempts: job.spec.max_attempts,
            epoch: job.epoch,
            labels: job.spec.options.labels.clone(),
            deadline,
            span,
            cancellation,
            notes,
        }
    }

    /// Says how much is done, 0 … 100, and what, in at most 1 KiB. Shown with the job; written at most once a second.
    pub fn progress(&self, percent: u8, message: &str) {
        self.notes.set(percent, message);
    }

    /// Notes where the next attempt can go on, should this one be handed back, fail or be lost. Written within a second, and in
    /// any case before the job is handed back or its failure is reported.
    ///
    /// # Errors
    /// A fatal one, when it is not JSON or has more than 64 KiB; the checkpoint of before is kept.
    pub fn checkpoint(&self, state: &impl Serialize) -> Result<(), JobError> {
        let refused = |error: &dyn std::error::Error| JobError::fatal(error.to_string()).kind("checkpoint");
        let json = serde_json::to_string(state).map_err(|error| refused(&error))?;
        self.notes.keep(json).map_err(|error| refused(&error))
    }

    /// The latest checkpoint that was noted, by this attempt or one before it.
    ///
    /// # Errors
    /// A fatal one, when what was noted is no `T`.
    pub fn resume<T: DeserializeOwned>(&self) -> Result<Option<T>, JobError> {
        let Some(json) = self.notes.checkpoint() else {
            return Ok(None);
        };
        serde_json::from_str(&json).map(Some).map_err(|error| {
            JobError::fatal(format!("the checkpoint cannot be read: {error}")).kind("checkpoint")
        })
    }

    /// Completes when the attempt should stop: the job was cancelled or handed elsewhere, or the worker has to go.
    /// A handler that does not stop within five seconds is dropped where it stands.
    pub async fn cancelled(&self) {
        self.cancellation.cancelled().await;
    }

    /// Whether it should.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancellation.is_cancelled()
    }

    /// A token that says the same, for what the handler spawns. It is also cancelled when the attempt is over, however it ended.
    #[must_use]
    pub fn cancellation_token(&self) -> CancellationToken {
        self.cancellation.child_token()
    }
}
