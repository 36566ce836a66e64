//! Arguments and answers of the store.

use std::time::Duration;

use scheduler_domain::{
    Entry, Epoch, Job, JobFailure, JobId, JobType, Priority, Progress, QueueName, State, Timestamp, WorkerId,
};
use uuid::Uuid;

/// What became of a submitted job.
#[derive(Debug, Clone, PartialEq)]
pub enum Submitted {
    /// It is new.
    Created(Job),
    /// Its id or key was known, with the same body: this is the job of then.
    Existing(Job),
    /// Its id or key was known, with another body.
    Conflict {
        /// The job of then.
        existing: Box<Job>,
        /// The request's fields that differ.
        fields: Vec<&'static str>,
    },
}

/// What was read of claimed jobs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Loaded {
    /// Those that can be run.
    pub jobs: Vec<Job>,
    /// Those that did not fit; whether they are still open is not known of all.
    pub left: Vec<JobId>,
    /// Bytes of the payloads and checkpoints of `jobs`.
    bytes: usize,
}

impl Loaded {
    /// Adds `job` if it fits into `most_bytes`, or is the first.
    pub(crate) fn offer(&mut self, job: Job, most_bytes: usize) {
        let checkpoint = job.progress.as_ref().and_then(Progress::checkpoint);
        let size = job.spec.payload.len() + checkpoint.map_or(0, str::len);
        if self.jobs.is_empty() || self.bytes.saturating_add(size) <= most_bytes {
            self.bytes += size;
            self.jobs.push(job);
        } else {
            self.left.push(job.id);
        }
    }

    /// Whether something was left already.
    pub(crate) fn is_full(&self) -> bool {
        !self.left.is_empty()
    }
}

/// How an attempt ended, as its worker reports it.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Which job.
    pub id: JobId,
    /// The epoch it was claimed under.
    pub epoch: Epoch,
    /// Who ran it.
    pub worker: WorkerId,
    /// When the attempt began.
    pub started_at: Timestamp,
    /// What follows.
    pub verdict: ReportKind,
}

/// What follows from an attempt. The first three end the job or the attempt and charge it; nothing else does.
#[derive(Debug, Clone, PartialEq)]
pub enum ReportKind {
    /// SUCCEEDED, with JSON text.
    Succeeded {
        /// JSON text.
        result: Option<String>,
    },
    /// RETRY: due again at `at` under the next epoch.
    Retry {
        /// When.
        at: Timestamp,
        /// Why.
        error: JobFailure,
    },
    /// FAILED: the handler said that trying again is useless.
    Failed {
        /// Why.
        error: JobFailure,
    },
    /// DEADLETTER: no attempt is left.
    DeadLetter {
        /// Why.
        error: JobFailure,
    },
}

impl ReportKind {
    /// The state that an accepted report leads to.
    #[must_use]
    pub fn state(&self) -> State {
        match self {
            Self::Succeeded { .. } => State::Succeeded,
            Self::Retry { .. } => State::Retry,
            Self::Failed { .. } => State::Failed,
            Self::DeadLetter { .. } => State::DeadLetter,
        }
    }
}

/// Whether a report was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is recorded.
    Accepted,
    /// The job is final, gone, or handed out under a higher epoch, or another report on this attempt came first: nothing
    /// was changed.
    Fenced,
}

/// An attempt under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Which job.
    pub id: JobId,
    /// The epoch it was claimed under.
    pub epoch: Epoch,
    /// Who runs it.
    pub worker: WorkerId,
    /// Since when.
    pub started_at: Timestamp,
}

/// What a running attempt says of its progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// Which job.
    pub id: JobId,
    /// The epoch it was claimed under.
    pub epoch: Epoch,
    /// How far it is, in the place of what was noted before.
    pub progress: Progress,
}

/// What became of a cancel.
#[derive(Debug, Clone, PartialEq)]
pub enum Cancelled {
    /// It is CANCELLED now; the job as it is now.
    Done(Job),
    /// It was final already; the job as it is.
    AlreadyFinal(Job),
    /// There is no such job.
    NotFound,
}

/// What became of a redrive.
#[derive(Debug, Clone, PartialEq)]
pub enum Redriven {
    /// It is QUEUED now; the job as it is now.
    Done(Job),
    /// It is in a state that cannot be redriven; the job as it is.
    Refused(Job),
    /// There is no such job.
    NotFound,
}

/// What became of a delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone.
    Done,
    /// It is not in a final state.
    Refused(State),
    /// There is no such job.
    NotFound,
}

/// A place in the newest-first order of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// The job's `created_at`.
    pub created_at: Timestamp,
    /// Its id.
    pub id: JobId,
}

/// A place in the order in which jobs become due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueCursor {
    /// The job's `run_at`.
    pub run_at: Timestamp,
    /// Its id.
    pub id: JobId,
}

impl DueCursor {
    /// Before every job that is due at `run_at` or later.
    #[must_use]
    pub const fn before(run_at: Timestamp) -> Self {
        Self {
            run_at,
            id: JobId(Uuid::nil()),
        }
    }
}

/// Which jobs to list. Every part that is given must match.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// As shown, see [`Job::state_at`]: QUEUED includes scheduled jobs whose time has come.
    pub state: Option<State>,
    /// The priority.
    pub priority: Option<Priority>,
    /// The type, exactly.
    pub job_type: Option<JobType>,
    /// The queue, exactly.
    pub queue: Option<QueueName>,
}

impl Filter {
    /// Whether `job`, as shown at `now`, passes.
    pub(crate) fn admits(&self, job: &Job, now: Timestamp) -> bool {
        self.state.is_none_or(|state| state == job.state_at(now))
            && self.priority.is_none_or(|priority| priority == job.spec.priority)
            && self
                .job_type
                .as_ref()
                .is_none_or(|job_type| *job_type == job.spec.job_type)
            && self.queue.as_ref().is_none_or(|queue| *queue == job.spec.queue)
    }
}

/// Asks for one page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListQuery {
    /// Which jobs.
    pub filter: Filter,
    /// Older than this place; from the newest when absent.
    pub before: Option<Cursor>,
    /// At most so many, 1 … 1,000.
    pub limit: usize,
}

/// One page of jobs.
///
/// A call reads a bounded number of rows, so with a filter that few jobs pass a page can be short, even empty, and still
/// have a `next`; only `next: None` marks the end.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// Newest first.
    pub jobs: Vec<Job>,
    /// Where the next page begins.
    pub next: Option<Cursor>,
}

/// An open job that is due, or will be soon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// How the queue would refer to it. `ready_at` is its `run_at`.
    pub entry: Entry,
    /// Its state as stored.
    pub state: State,
    /// When the row last changed.
    pub updated_at: Timestamp,
}

impl Due {
    /// Its place in the order.
    #[must_use]
    pub fn cursor(&self) -> DueCursor {
        DueCursor {
            run_at: self.entry.ready_at,
            id: self.entry.id,
        }
    }
}

/// Asks that a job be handed out again.
#[derive(Debug, Clone, PartialEq)]
pub struct HandOut {
    /// Which job.
    pub id: JobId,
    /// The epoch it is known to be out under.
    pub epoch: Epoch,
    /// Why.
    pub cause: HandOutCause,
}

/// Why a job is handed out again.
#[derive(Debug, Clone, PartialEq)]
pub enum HandOutCause {
    /// The queue forgot it. Charged to nothing, no history.
    Forgotten,
    /// Its worker's lease ran out: the crash count rises, history says LOST; DEADLETTER once `budget` is reached.
    LeaseExpired {
        /// Who held it.
        worker: WorkerId,
        /// Since when.
        since: Timestamp,
        /// Lost leases that a job survives, less one: with 5, the fifth is its end.
        budget: u32,
    },
    /// A draining worker gave it back after it had begun. Charged to nothing, history says RELEASED.
    Released {
        /// Who held it.
        worker: WorkerId,
        /// Since when.
        since: Timestamp,
    },
}

/// A job that was handed out again.
#[derive(Debug, Clone, PartialEq)]
pub enum HandedOut {
    /// Push this.
    Again {
        /// Under the epoch that it has now.
        entry: Entry,
        /// How many leases of the job were lost by now.
        crashes: u32,
    },
    /// Its crash budget is used up; the job as it is now.
    DeadLettered(Box<Job>),
}

impl HandedOut {
    /// Which job.
    #[must_use]
    pub fn id(&self) -> JobId {
        match self {
            Self::Again { entry, .. } => entry.id,
            Self::DeadLettered(job) => job.id,
        }
    }
}

/// How long one store call may take by default.
pub const DEFAULT_CALL_TIMEOUT: Duration = Duration::from_secs(10);
