//! What follows from an attempt's outcome: the job's attempts and its retry policy decide.

use scheduler_domain::{Entropy, Job, JobFailure, Timestamp, clock};
use scheduler_store::ReportKind;

use crate::attempt::Outcome;
use crate::error::Then;

/// What to report.
pub(crate) fn of(job: &Job, outcome: Outcome, now: Timestamp, entropy: &dyn Entropy) -> ReportKind {
    let error = match outcome {
        Ok(result) => return ReportKind::Succeeded { result },
        Err(error) => error,
    };
    let attempt = job.attempts + 1;
    let failure = JobFailure::new(&error.kind, &error.message, error.then != Then::Stop);
    let delay = match error.then {
        Then::Stop => return ReportKind::Failed { error: failure },
        _ if attempt >= job.spec.max_attempts => return ReportKind::DeadLetter { error: failure },
        Then::Retry => job.spec.retry_policy().delay(attempt, entropy),
        Then::RetryAfter(delay) => delay,
    };
    ReportKind::Retry {
        at: clock::add(now, delay),
        error: failure,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use scheduler_domain::{Clock as _, Jitter, ManualClock, RetryPolicy, SeededEntropy};

    use super::*;
    use crate::{JobError, testing};

    fn job(attempts: u32) -> Job {
        let mut job = testing::job("t", attempts);
        job.spec.options.retry = Some(RetryPolicy {
            jitter: Jitter::None,
            ..RetryPolicy::default()
        });
        job
    }

    fn verdict(attempts: u32, outcome: Outcome) -> ReportKind {
        of(
            &job(attempts),
            outcome,
            ManualClock::default().now(),
            &SeededEntropy::new(1),
        )
    }

    fn after(kind: &ReportKind) -> Duration {
        match kind {
            ReportKind::Retry { at, .. } => clock::since(*at, ManualClock::default().now()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_failure_waits_as_the_policy_says_until_attempts_are_used_up() {
        let waits: Vec<u64> = [0, 1]
            .map(|n| after(&verdict(n, Err(JobError::retry("x")))).as_secs())
            .to_vec();
        assert_eq!(waits, [1, 2]);
        assert!(
            matches!(verdict(2, Err(JobError::retry("x"))), ReportKind::DeadLetter { error } if error.retryable)
        );
    }

    #[test]
    fn a_wait_that_the_handler_names_is_kept_but_is_no_further_attempt() {
        let later = || Err(JobError::retry_after(Duration::from_secs(90), "busy"));
        assert_eq!(after(&verdict(0, later())), Duration::from_secs(90));
        assert!(matches!(verdict(2, later()), ReportKind::DeadLetter { .. }));
    }

    #[test]
    fn a_fatal_failure_is_final_at_once() {
        let failed = verdict(0, Err(JobError::fatal("no such account").kind("account")));
        assert!(
            matches!(failed, ReportKind::Failed { error } if error.kind == "account" && !error.retryable)
        );
    }
}
