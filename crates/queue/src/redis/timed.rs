//! How long calls take, and how many fail.

use crate::{Error, metrics as names};

/// Runs a call and records it under the trait's verb.
pub(super) async fn timed<T>(
    operation: &'static str,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let begun = tokio::time::Instant::now();
    let answer = call.await;
    metrics::histogram!(names::CALL_DURATION, "operation" => operation).record(begun.elapsed());
    counted(operation, answer)
}

/// Records the failure of a call whose duration says nothing.
pub(super) fn counted<T>(operation: &'static str, answer: Result<T, Error>) -> Result<T, Error> {
    if answer.is_err() {
        metrics::counter!(names::ERRORS, "operation" => operation).increment(1);
    }
    answer
}
