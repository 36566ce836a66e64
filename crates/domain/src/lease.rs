//! What the queue knows of a job: where it waits, and who holds it.

use crate::{Epoch, JobId, Priority, QueueName, Timestamp, WorkerId};

/// A job waiting in the queue: no payload, only what orders it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Which job.
    pub id: JobId,
    /// Under which epoch it was handed out.
    pub epoch: Epoch,
    /// Which line it waits in.
    pub queue: QueueName,
    /// How urgent it is.
    pub priority: Priority,
    /// From when on it may run; orders it within its priority.
    pub ready_at: Timestamp,
}

/// A claim on a job, held by one worker for as long as its heartbeats arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Which job.
    pub id: JobId,
    /// Under which epoch.
    pub epoch: Epoch,
    /// Who holds it.
    pub worker: WorkerId,
    /// When it was claimed.
    pub since: Timestamp,
}
