//! What happens to a job, as changes to a [`Job`] in memory. The statements of the PostgreSQL backend say the same in
//! SQL; the conformance suite holds the two together.

use scheduler_domain::{Attempt, Job, JobFailure, Outcome, State, Timestamp, WorkerId};

use crate::history::last_attempt;
use crate::{HandOutCause, Report, ReportKind, Running};

/// Why a job whose crash budget is used up failed.
pub(crate) fn lost_lease(worker: &WorkerId, budget: u32) -> JobFailure {
    JobFailure::new(
        "lost_lease",
        &format!("worker {worker} stopped answering; the job has now lost {budget} workers, which is its limit"),
        false,
    )
}

/// Moves on to `state`. A hand-out uses up two numbers of the sequence, QUEUED and RUNNING, whether or not RUNNING was
/// ever written: watchers may have seen it by the lease.
fn step(job: &mut Job, now: Timestamp, state: State) {
    job.sequence.0 += if job.state == State::Running { 1 } else { 2 };
    job.state = state;
    job.updated_at = now;
}

/// Takes a report on an open job's current attempt; returns the attempt if the job goes on without it.
pub(crate) fn finish(job: &mut Job, now: Timestamp, report: Report) -> Option<Attempt> {
    step(job, now, report.verdict.state());
    job.attempts += 1;
    job.started_at = Some(report.started_at);
    job.worker = Some(report.worker);
    job.result = None;
    match report.verdict {
        ReportKind::Succeeded { result } => {
            job.result = result;
            job.error = None;
        }
        ReportKind::Failed { error } | ReportKind::DeadLetter { error } => job.error = Some(error),
        ReportKind::Retry { at, error } => {
            let attempt = Attempt {
                epoch: job.epoch,
                number: job.attempts,
                worker: job.worker.take(),
                started_at: job.started_at.take(),
                finished_at: Some(now),
                outcome: Outcome::Failed,
                error: Some(error.clone()),
            };
            job.error = Some(error);
            job.run_at = at;
            job.epoch = job.epoch.next();
            return Some(attempt);
        }
    }
    job.finished_at = Some(now);
    None
}

/// Shows an open job as RUNNING.
pub(crate) fn mark_running(job: &mut Job, now: Timestamp, running: &Running) {
    if job.state != State::Running {
        job.sequence.0 += 1;
        job.state = State::Running;
        job.updated_at = now;
        job.started_at = Some(running.started_at);
        job.worker = Some(running.worker.clone());
    }
}

/// Cancels an open job.
pub(crate) fn cancel(job: &mut Job, now: Timestamp) {
    step(job, now, State::Cancelled);
    job.finished_at = Some(now);
}

/// Reopens a job; returns its last attempt. The error stays: until the next attempt ends it is the latest known.
pub(crate) fn redrive(job: &mut Job, now: Timestamp) -> Option<Attempt> {
    let last = last_attempt(job);
    job.sequence.0 += 1;
    job.state = State::Queued;
    job.epoch = job.epoch.next();
    job.attempts = 0;
    job.crashes = 0;
    job.run_at = now;
    job.updated_at = now;
    job.started_at = None;
    job.finished_at = None;
    job.worker = None;
    job.result = None;
    last
}

/// Hands an open job out again, or ends it when its crash budget is used up; returns the attempt that this ends.
pub(crate) fn hand_out(job: &mut Job, now: Timestamp, cause: HandOutCause) -> Option<Attempt> {
    let number = job.attempts + 1;
    let ended = |worker, since, outcome| Attempt {
        epoch: job.epoch,
        number,
        worker: Some(worker),
        started_at: Some(since),
        finished_at: Some(now),
        outcome,
        error: None,
    };
    let attempt = match cause {
        HandOutCause::Forgotten => {
            let waits = matches!(job.state, State::Scheduled | State::Retry) && job.run_at > now;
            let state = if waits { job.state } else { State::Queued };
            again(job, now, state);
            return None;
        }
        HandOutCause::Released { worker, since } => ended(worker, since, Outcome::Released),
        HandOutCause::LeaseExpired { worker, since, budget } => {
            let attempt = ended(worker.clone(), since, Outcome::Lost);
            job.crashes += 1;
            if job.crashes >= budget {
                step(job, now, State::DeadLetter);
                job.error = Some(lost_lease(&worker, budget));
                job.worker = Some(worker);
                job.started_at = Some(since);
                job.finished_at = Some(now);
                return Some(attempt);
            }
            attempt
        }
    };
    again(job, now, State::Queued);
    Some(attempt)
}

fn again(job: &mut Job, now: Timestamp, state: State) {
    step(job, now, state);
    job.epoch = job.epoch.next();
    job.started_at = None;
    job.worker = None;
}
