//! One attempt: runs the handler within its bounds.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use scheduler_domain::Job;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Span, error};

use crate::notes::Notes;
use crate::{JobContext, JobError, Registry};

/// How long a handler that was told to stop may take to do so before its future is dropped.
pub(crate) const STOP_GRACE: Duration = Duration::from_secs(5);

/// What a handler returned: JSON text, or none for `()`.
pub(crate) type Outcome = Result<Option<String>, JobError>;

/// How an attempt is ended from outside.
pub(crate) struct Stops<'a> {
    /// The handler is told, and has [`STOP_GRACE`].
    pub(crate) asked: &'a CancellationToken,
    /// Its future is dropped at once.
    pub(crate) forced: &'a CancellationToken,
}

/// Runs the handler until it ends, panics, times out, or is stopped. `payload` has been taken out of `job`.
pub(crate) async fn run(
    registry: &Registry,
    job: &Job,
    payload: String,
    timeout: Duration,
    stops: Stops<'_>,
    notes: Notes,
    span: Span,
) -> Outcome {
    let deadline = Instant::now() + timeout;
    // Whatever the handler spawned and tied to the token ends with the attempt.
    let _over = stops.asked.clone().drop_guard();
    let context = JobContext::new(job, deadline, span.clone(), stops.asked.clone(), notes);
    let mut handler = registry.call(context, payload);
    let outcome = {
        let attempt = AssertUnwindSafe(&mut handler).catch_unwind();
        tokio::pin!(attempt);
        tokio::select! {
            biased;
            ended = &mut attempt => ended.unwrap_or_else(|panic| Err(panicked(&*panic))),
            () = stops.forced.cancelled() => Err(JobError::cancelled()),
            () = stubborn(stops.asked) => Err(JobError::cancelled()),
            () = tokio::time::sleep_until(deadline) => {
                Err(JobError::retry(format!("it ran longer than {timeout:?}")).kind("timeout"))
            }
        }
    };
    span.in_scope(|| discard(handler));
    outcome
}

/// Completes when the grace after a request to stop is over.
async fn stubborn(asked: &CancellationToken) {
    asked.cancelled().await;
    tokio::time::sleep(STOP_GRACE).await;
}

/// Drops what is left of a handler. What it owns may panic in `drop`, and must not take the slot with it.
fn discard(handler: BoxFuture<'_, Outcome>) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(move || drop(handler))) {
        error!(panic = words(&*panic), "a handler panicked while it was dropped");
    }
}

fn panicked(panic: &(dyn Any + Send)) -> JobError {
    JobError::retry(format!("the handler panicked: {}", words(panic))).kind("panic")
}

fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}
