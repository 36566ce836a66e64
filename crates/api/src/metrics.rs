//! The API's metrics, under the original's names.

use std::time::Duration;

use scheduler_domain::Priority;
use scheduler_domain::metric::{Descriptor, Unit};

const SUBMITTED: &str = "jobs_submitted_total";
const REFUSED: &str = "jobs_submitted_errors_total";
const REQUESTS: &str = "grpc_requests_total";
const DURATION: &str = "grpc_request_duration_seconds";
const ARRIVING: &str = "grpc_requests_arriving_bytes";
const TURNED_AWAY: &str = "grpc_requests_turned_away_total";

/// Every metric of this crate.
pub const METRICS: &[Descriptor] = &[
    Descriptor::counter(
        SUBMITTED,
        "Jobs accepted; those that were there already are not counted.",
        &["priority"],
    ),
    Descriptor::counter(
        REFUSED,
        "Submits refused: `validation`, `conflict`, `busy`, `database` or `redis`.",
        &["error_type"],
    ),
    Descriptor::counter(
        REQUESTS,
        "Calls answered, `success` or `error`.",
        &["method", "status"],
    ),
    Descriptor::histogram(
        DURATION,
        "How long calls took; of a stream, until its first answer.",
        &["method"],
    ),
    Descriptor::gauge(
        ARRIVING,
        "Bytes of requests that have arrived and were not given to who answers them; those of small ones are not counted.",
        &[],
    )
    .in_unit(Unit::Bytes),
    Descriptor::counter(
        TURNED_AWAY,
        "Requests refused while they arrived, because too many bytes of others were on their way.",
        &[],
    ),
];

/// Makes the series of submits at zero: a rate over a series that begins with its first event misses that event.
pub(crate) fn begin() {
    for priority in Priority::ALL {
        metrics::counter!(SUBMITTED, "priority" => priority.name()).increment(0);
    }
    metrics::counter!(TURNED_AWAY).increment(0);
    for error_type in ["validation", "conflict", "busy", "database", "redis"] {
        metrics::counter!(REFUSED, "error_type" => error_type).increment(0);
    }
}

/// Counts a job accepted.
pub(crate) fn submitted(priority: Priority) {
    metrics::counter!(SUBMITTED, "priority" => priority.name()).increment(1);
}

/// Counts a submit refused, for one of the reasons that [`METRICS`] names.
pub(crate) fn refused(error_type: &'static str) {
    metrics::counter!(REFUSED, "error_type" => error_type).increment(1);
}

/// Counts a request refused while it arrived.
pub(crate) fn turned_away() {
    metrics::counter!(TURNED_AWAY).increment(1);
}

/// Where bytes on their way are counted.
pub(crate) fn arriving() -> metrics::Gauge {
    metrics::gauge!(ARRIVING)
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
    metrics::counter!(REQUESTS, "method" => method, "status" => status).increment(1);
    metrics::histogram!(DURATION, "method" => method).record(took.as_secs_f64());
}

#[cfg(test)]
mod tests {
    #[test]
    fn our_metrics_are_named_well() {
        assert_eq!(
            scheduler_service::metrics::misnamed(super::METRICS),
            Vec::<String>::new()
        );
    }
}
