//! One attempt: run the handler within its bounds, and say what follows.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use scheduler_domain::{Entropy, Job, JobFailure, Timestamp, clock};
use scheduler_store::ReportKind;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::error::Then;
use crate::{JobContext, JobError, Registry};

/// How long a handler that was told to stop may take to do so before its future is dropped.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// How an attempt ended.
pub(crate) enum Ended {
    /// The handler's own result, a timeout or a panic: charged, to be reported.
    Result(Result<Option<String>, JobError>),
    /// It was told to stop from outside, and did: nothing to report.
    Stopped,
}

/// Runs the handler until it ends, times out, or is cancelled.
pub(crate) async fn run(
    registry: &Registry,
    job: &Job,
    timeout: Duration,
    stop: &CancellationToken,
) -> Ended {
    let cancellation = stop.child_token();
    let deadline = Instant::now() + timeout;
    let context = JobContext {
        id: job.id,
        job_type: job.spec.job_type.clone(),
        queue: job.spec.queue.clone(),
        attempt: job.attempts + 1,
        max_attempts: job.spec.max_attempts,
        epoch: job.epoch,
        labels: job.spec.options.labels.clone(),
        deadline,
        cancellation: cancellation.clone(),
    };
    let handler = AssertUnwindSafe(registry.call(context, job.spec.payload.clone())).catch_unwind();
    tokio::pin!(handler);
    tokio::select! {
        biased;
        result = &mut handler => Ended::Result(result.unwrap_or_else(|panic| Err(panicked(&*panic)))),
        () = stop.cancelled() => {
            // What it still returns is refused by the store; waiting lets it clean up.
            let _ = tokio::time::timeout(STOP_GRACE, &mut handler).await;
            Ended::Stopped
        }
        () = tokio::time::sleep_until(deadline) => {
            cancellation.cancel();
            let _ = tokio::time::timeout(STOP_GRACE, &mut handler).await;
            Ended::Result(Err(JobError::retry(format!("it ran longer than {timeout:?}")).kind("timeout")))
        }
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> JobError {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    JobError::retry(format!("the handler panicked: {}", text.unwrap_or("no message"))).kind("panic")
}

/// What follows from a result: the job's attempts and its retry policy decide.
pub(crate) fn verdict(
    job: &Job,
    result: Result<Option<String>, JobError>,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> ReportKind {
    let error = match result {
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
