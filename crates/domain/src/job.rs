//! A job as the store holds it.

use serde::{Deserialize, Serialize};

use crate::text::cut;
use crate::{Entry, Epoch, JobId, JobSpec, Progress, Sequence, State, Timestamp, WorkerId, clock, limits};

/// Why an attempt, or the job, failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobFailure {
    /// What kind of failure: a handler's own name for it, or `timeout`, `panic`, `unknown_type`, `lost_lease` …
    #[serde(rename = "type")]
    pub kind: String,
    /// For people; at most [`limits::MAX_ERROR_BYTES`].
    pub message: String,
    /// Whether another attempt could help.
    pub retryable: bool,
}

impl JobFailure {
    /// Cuts `kind` and `message` to their limits and drops NUL, which PostgreSQL text cannot hold.
    #[must_use]
    pub fn new(kind: &str, message: &str, retryable: bool) -> Self {
        Self {
            kind: cut(kind, limits::MAX_TYPE_BYTES),
            message: cut(message, limits::MAX_ERROR_BYTES),
            retryable,
        }
    }
}

/// One job: what was asked, and what has become of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// What was asked.
    pub spec: JobSpec,
    /// Where it is, as stored. See [`Job::state_at`] for what to show.
    pub state: State,
    /// The fencing number that a report must carry.
    pub epoch: Epoch,
    /// Attempts used up: ended by the handler's own result, a timeout or a panic. Not counted: the one that
    /// runs now, lost leases, hand-backs.
    pub attempts: u32,
    /// Leases lost so far.
    pub crashes: u32,
    /// Counts visible changes.
    pub sequence: Sequence,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it is, or was, next due.
    pub run_at: Timestamp,
    /// When its latest known attempt began.
    pub started_at: Option<Timestamp>,
    /// When it reached a final state.
    pub finished_at: Option<Timestamp>,
    /// Who ran the latest known attempt.
    pub worker: Option<WorkerId>,
    /// JSON text that the handler returned.
    pub result: Option<String>,
    /// The latest failure.
    pub error: Option<JobFailure>,
    /// How far its latest attempts came, as far as they said.
    pub progress: Option<Progress>,
    /// W3C `traceparent` of the submitting request.
    pub trace: Option<String>,
}

impl Job {
    /// A job just accepted.
    #[must_use]
    pub fn accepted(new: crate::NewJob, now: Timestamp) -> Self {
        let options = &new.spec.options;
        let delayed = clock::add(now, options.delay.unwrap_or_default());
        let run_at = options.run_at.unwrap_or(now).max(delayed);
        Self {
            id: new.id,
            state: if run_at > now {
                State::Scheduled
            } else {
                State::Queued
            },
            spec: new.spec,
            epoch: Epoch::FIRST,
            attempts: 0,
            crashes: 0,
            sequence: Sequence::FIRST,
            created_at: now,
            updated_at: now,
            run_at,
            started_at: None,
            finished_at: None,
            worker: None,
            result: None,
            error: None,
            progress: None,
            trace: new.trace,
        }
    }

    /// The state to show at `now`: a scheduled job whose time has come is queued, though no write says so.
    #[must_use]
    pub fn state_at(&self, now: Timestamp) -> State {
        match self.state {
            State::Scheduled if self.run_at <= now => State::Queued,
            state => state,
        }
    }

    /// Attempts to show: those used up, and the one that runs.
    #[must_use]
    pub fn attempts_shown(&self) -> u32 {
        self.attempts + u32::from(self.state == State::Running)
    }

    /// How the queue refers to this job.
    #[must_use]
    pub fn entry(&self) -> Entry {
        Entry {
            id: self.id,
            epoch: self.epoch,
            queue: self.spec.queue.clone(),
            priority: self.spec.priority,
            ready_at: self.run_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_error_is_cut_at_a_character() {
        let failure = JobFailure::new("x", &"ü".repeat(limits::MAX_ERROR_BYTES), true);
        assert!(failure.message.len() <= limits::MAX_ERROR_BYTES);
        assert!(failure.message.ends_with('ü'));
    }
}
