//! What a job's row tells of its latest attempt.

use scheduler_domain::{Attempt, Job, Outcome, State};

/// The attempt that the row itself tells of; none when none has begun, as far as the store knows.
///
/// It must not be shown twice: an attempt with the row's epoch in the history takes its place.
pub(crate) fn last_attempt(job: &Job) -> Option<Attempt> {
    job.started_at?;
    let (outcome, number) = match job.state {
        State::Succeeded => (Outcome::Succeeded, job.attempts),
        State::Failed | State::DeadLetter => (Outcome::Failed, job.attempts),
        // Neither was charged for.
        State::Cancelled => (Outcome::Cancelled, job.attempts + 1),
        State::Queued | State::Running | State::Retry | State::Scheduled => (Outcome::Running, job.attempts + 1),
    };
    Some(Attempt {
        epoch: job.epoch,
        number,
        worker: job.worker.clone(),
        started_at: job.started_at,
        finished_at: job.finished_at,
        outcome,
        error: job.error.clone().filter(|_| outcome == Outcome::Failed),
    })
}
