//! The API's metrics, under the original's names.

use std::time::Duration;

use scheduler_domain::Priority;

/// Counts a job accepted.
pub(crate) fn submitted(priority: Priority) {
    metrics::counter!("jobs_submitted_total", "priority" => priority.name()).increment(1);
}

/// Counts a submit refused: `validation`, `database` or `busy`.
pub(crate) fn refused(error_type: &'static str) {
    metrics::counter!("jobs_submitted_errors_total", "error_type" => error_type).increment(1);
}

/// Counts a submit that the engine refused.
pub(crate) fn submit_failed(error: &scheduler_engine::Error) {
    use scheduler_engine::Error as E;
    refused(match error {
        E::Busy { .. } | E::Stopped => "busy",
        E::Queue(_) => "redis",
        E::Store(_) | E::Batch(_) => "database",
    });
}

/// Counts a call and its duration.
pub(crate) fn served(method: &'static str, ok: bool, took: Duration) {
    let status = if ok { "success" } else { "error" };
    metrics::counter!("grpc_requests_total", "method" => method, "status" => status).increment(1);
    metrics::histogram!("grpc_request_duration_seconds", "method" => method).record(took.as_secs_f64());
}
