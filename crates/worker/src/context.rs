//! What a handler knows of its attempt.

use std::collections::BTreeMap;

use scheduler_domain::{Epoch, Job, JobId, JobType, QueueName};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Span;

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
}

impl JobContext {
    pub(crate) fn new(job: &Job, deadline: Instant, span: Span, cancellation: CancellationToken) -> Self {
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
        }
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
