//! The history of a job's attempts.

use serde::{Deserialize, Serialize};

use crate::{Epoch, JobFailure, Timestamp, WorkerId};

/// How an attempt ended. The numbers are the wire's and the database's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Outcome {
    /// It has not ended.
    Running = 1,
    /// The handler succeeded.
    Succeeded = 2,
    /// The handler failed, timed out or panicked.
    Failed = 3,
    /// The worker's lease ran out. Charged to the crash budget.
    Lost = 4,
    /// The worker handed it back while draining. Charged to nothing.
    Released = 5,
    /// The job was cancelled while it ran.
    Cancelled = 6,
}

impl Outcome {
    /// Every outcome, by number.
    pub const ALL: [Self; 6] = [
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Lost,
        Self::Released,
        Self::Cancelled,
    ];

    /// From the number in the database.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|o| o.number() == number)
    }

    /// 1 … 6.
    #[must_use]
    pub fn number(self) -> i32 {
        self as i32
    }
}

/// One attempt at a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The epoch it ran under: unique in the job.
    pub epoch: Epoch,
    /// Which of the user's attempts it is, 1-based. A lost or released one has the number of the one it stood for.
    pub number: u32,
    /// Who ran it.
    pub worker: Option<WorkerId>,
    /// When it began, as far as is known.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it failed.
    pub error: Option<JobFailure>,
}
