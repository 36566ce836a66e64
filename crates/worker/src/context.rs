//! What a handler knows of its attempt.

use std::collections::BTreeMap;

use scheduler_domain::{Epoch, JobId, JobType, QueueName};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// One attempt at a job, as its handler sees it.
#[derive(Debug, Clone)]
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
    /// When the attempt times out.
    pub deadline: Instant,
    pub(crate) cancellation: CancellationToken,
}

impl JobContext {
    /// Completes when the attempt should stop: the job was cancelled or handed elsewhere, the time is up, or the worker has to go.
    pub async fn cancelled(&self) {
        self.cancellation.cancelled().await;
    }

    /// Whether it should.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancellation.is_cancelled()
    }
}
