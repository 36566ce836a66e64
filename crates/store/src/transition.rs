//! What each operation makes of a row: the rules that the SQL statements follow too.

use scheduler_domain::{Attempt, Job, JobFailure, Outcome, Sequence, State, Timestamp, WorkerId};

use crate::{HandOutCause, Report, ReportKind};

/// The sequence number after a change. RUNNING has a number of its own even where it was shown from the lease and never written.
pub(crate) fn next_sequence(job: &Job) -> Sequence {
    Sequence(job.sequence.0 + if job.state == State::Running { 1 } else { 2 })
}

/// The attempt that the row itself tells of, if it began.
pub(crate) fn current_attempt(job: &Job) -> Option<Attempt> {
    let started_at = job.started_at?;
    let (outcome, number) = match job.state {
        State::Succeeded => (Outcome::Succeeded, job.attempts),
        State::Failed | State::DeadLetter => (Outcome::Failed, job.attempts),
        State::Cancelled => (Outcome::Cancelled, job.attempts + 1),
        State::Running => (Outcome::Running, job.attempts + 1),
        State::Queued | State::Retry | State::Scheduled => return None,
    };
    Some(Attempt {
        epoch: job.epoch,
        number,
        worker: job.worker.clone(),
        started_at: Some(started_at),
        finished_at: job.finished_at,
        outcome,
        error: job.error.clone().filter(|_| outcome == Outcome::Failed),
    })
}

/// The row after an accepted report, and the attempt to write to the history if the job goes on.
pub(crate) fn finished(mut job: Job, report: Report, now: Timestamp) -> (Job, Option<Attempt>) {
    job.sequence = next_sequence(&job);
    job.state = report.verdict.state();
    job.attempts += 1;
    job.updated_at = now;
    job.started_at = Some(report.started_at);
    job.worker = Some(report.worker);
    job.finished_at = job.state.is_final().then_some(now);
    match report.verdict {
        ReportKind::Succeeded { result } => {
            job.result = result;
            job.error = None;
            (job, None)
        }
        ReportKind::Failed { error } | ReportKind::DeadLetter { error } => {
            job.error = Some(error);
            (job, None)
        }
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
            (job, Some(attempt))
        }
    }
}

/// Why a job whose crash budget is used up failed.
pub(crate) fn lost_lease(worker: &WorkerId, budget: u32) -> JobFailure {
    let message =
        format!("the last of its workers to vanish was {worker}; its crash budget of {budget} is used up");
    JobFailure::new("lost_lease", &message, false)
}

/// The row after a cancel.
pub(crate) fn cancelled(mut job: Job, now: Timestamp) -> Job {
    job.sequence = next_sequence(&job);
    job.state = State::Cancelled;
    job.updated_at = now;
    job.finished_at = Some(now);
    job
}

/// The row after a redrive, and the ended attempt to write to the history.
pub(crate) fn redriven(mut job: Job, now: Timestamp) -> (Job, Option<Attempt>) {
    let ended = current_attempt(&job);
    job.sequence = Sequence(job.sequence.0 + 1);
    job.state = State::Queued;
    job.epoch = job.epoch.next();
    (job.attempts, job.crashes) = (0, 0);
    (job.started_at, job.finished_at, job.worker, job.result) = (None, None, None, None);
    (job.updated_at, job.run_at) = (now, now);
    (job, ended)
}

/// The row after it was handed out again, and the attempt to write to the history if one had begun.
pub(crate) fn handed_out(mut job: Job, cause: HandOutCause, now: Timestamp) -> (Job, Option<Attempt>) {
    let (lease, outcome) = match &cause {
        HandOutCause::Forgotten => (None, Outcome::Lost),
        HandOutCause::LeaseExpired { worker, since, .. } => (Some((worker.clone(), *since)), Outcome::Lost),
        HandOutCause::Released { worker, since } => (Some((worker.clone(), *since)), Outcome::Released),
    };
    let attempt = lease.map(|(worker, since)| Attempt {
        epoch: job.epoch,
        number: job.attempts + 1,
        worker: Some(worker),
        started_at: Some(since),
        finished_at: Some(now),
        outcome,
        error: None,
    });
    job.sequence = next_sequence(&job);
    job.epoch = job.epoch.next();
    job.updated_at = now;
    (job.started_at, job.worker) = (None, None);
    // A job that nobody has begun keeps waiting for its time.
    let waits = matches!(job.state, State::Scheduled | State::Retry) && job.run_at > now;
    if !waits || attempt.is_some() {
        job.state = State::Queued;
    }
    if let HandOutCause::LeaseExpired { worker, budget, .. } = cause {
        job.crashes += 1;
        if job.crashes >= budget {
            job.state = State::DeadLetter;
            job.finished_at = Some(now);
            job.error = Some(lost_lease(&worker, budget));
        }
    }
    (job, attempt)
}

#[cfg(test)]
mod tests {
    use scheduler_domain::{
        Clock as _, Event, JobId, JobOptions, JobSpec, JobType, ManualClock, NewJob, Priority, QueueName,
    };

    use super::*;

    fn job(state: State) -> Job {
        let spec = JobSpec {
            job_type: JobType::parse("noop").unwrap(),
            queue: QueueName::default(),
            priority: Priority::Default,
            payload: "{}".to_owned(),
            max_attempts: 3,
            options: JobOptions::default(),
        };
        let (id, now) = (JobId(uuid::Uuid::nil()), ManualClock::default().now());
        let new = NewJob {
            id,
            chosen: false,
            key: None,
            spec,
            trace: None,
        };
        Job {
            state,
            ..Job::accepted(new, now)
        }
    }

    fn report(verdict: ReportKind) -> Report {
        let job = job(State::Running);
        let worker = WorkerId::from_stored("w".to_owned());
        Report {
            id: job.id,
            epoch: job.epoch,
            worker,
            started_at: job.created_at,
            verdict,
        }
    }

    #[test]
    fn every_change_leads_where_the_state_table_says() {
        let now = ManualClock::default().now();
        let error = || JobFailure::new("x", "x", true);
        let lost = |budget| HandOutCause::LeaseExpired {
            worker: WorkerId::from_stored("w".to_owned()),
            since: now,
            budget,
        };
        for state in State::ALL.into_iter().filter(|state| !state.is_final()) {
            for (event, verdict) in [
                (Event::Succeeded, ReportKind::Succeeded { result: None }),
                (
                    Event::FailedRetryable,
                    ReportKind::Retry {
                        at: now,
                        error: error(),
                    },
                ),
                (Event::FailedFatal, ReportKind::Failed { error: error() }),
                (Event::FailedExhausted, ReportKind::DeadLetter { error: error() }),
            ] {
                assert_eq!(
                    Ok(finished(job(state), report(verdict), now).0.state),
                    state.on(event)
                );
            }
            assert_eq!(Ok(cancelled(job(state), now).state), state.on(Event::Cancelled));
            assert_eq!(
                Ok(handed_out(job(state), lost(2), now).0.state),
                state.on(Event::HandedBack)
            );
            assert_eq!(
                Ok(handed_out(job(state), lost(1), now).0.state),
                state.on(Event::CrashedOut)
            );
        }
        for state in [State::Failed, State::DeadLetter] {
            assert_eq!(Ok(redriven(job(state), now).0.state), state.on(Event::Redriven));
        }
    }
}
