//! What the engine measures. Several have the names of the system whose dashboards this one is to fit.

use metrics::{counter, gauge, histogram};
use scheduler_domain::Priority;
use scheduler_domain::metric::{Descriptor, Unit};

pub(crate) const BATCH: &str = "engine_batch_calls";
pub(crate) const PUSH_FAILED: &str = "engine_push_failed_total";
pub(crate) const UPKEEP_FAILED: &str = "engine_upkeep_failed_total";
pub(crate) const PROMOTED: &str = "retry_pump_jobs_requeued_total";
pub(crate) const EXPIRED: &str = "leases_expired_total";
pub(crate) const RECOVERED: &str = "reaper_jobs_recovered_total";
pub(crate) const CRASHED_OUT: &str = "jobs_crashed_out_total";
pub(crate) const RECONCILED: &str = "reconciler_jobs_recovered_total";
pub(crate) const REBUILT: &str = "queue_rebuilds_total";
pub(crate) const PURGED: &str = "jobs_purged_total";
pub(crate) const QUEUE_DEPTH: &str = "queue_depth";
pub(crate) const OLDEST_AGE: &str = "queue_oldest_age_seconds";
pub(crate) const PROCESSING: &str = "processing_queue_depth";
pub(crate) const DELAYED: &str = "queue_delayed";
pub(crate) const WORKERS: &str = "workers_alive";
pub(crate) const QUEUE_BYTES: &str = "queue_bytes";
pub(crate) const LOAD_READY: &str = "load_ready_jobs";
pub(crate) const LOAD_OLDEST: &str = "load_oldest_ready_age_seconds";
pub(crate) const LOAD_RUNNING: &str = "load_running_jobs";
pub(crate) const LOAD_ARRIVALS: &str = "load_arrival_rate";
pub(crate) const LOAD_COMPLETIONS: &str = "load_completion_rate";
pub(crate) const LOAD_RUN: &str = "load_mean_run_seconds";
pub(crate) const LOAD_WORKERS: &str = "load_desired_workers";

/// Every metric of this crate.
pub const METRICS: &[Descriptor] = &[
    Descriptor::histogram(
        BATCH,
        "Calls that one batch of a lane took, `submit` or `finish`: 1 when idle, more under load.",
        &["lane"],
    )
    .in_unit(Unit::Count),
    Descriptor::counter(
        PUSH_FAILED,
        "Entries whose push to the queue failed; the reconciler finds them.",
        &[],
    ),
    Descriptor::counter(
        UPKEEP_FAILED,
        "Steps of the background loops that failed and are tried again.",
        &["loop"],
    ),
    Descriptor::counter(
        PROMOTED,
        "Delayed entries that became ready, retries among them.",
        &["priority"],
    ),
    Descriptor::counter(
        EXPIRED,
        "Leases found whose worker had fallen silent. One can be found again, if what follows fails.",
        &[],
    ),
    Descriptor::counter(
        RECOVERED,
        "Jobs handed out again after their lease expired.",
        &["priority"],
    ),
    Descriptor::counter(
        CRASHED_OUT,
        "Jobs that became DEADLETTER because their crash budget was used up.",
        &[],
    ),
    Descriptor::counter(
        RECONCILED,
        "Due jobs that the queue had forgotten and that were handed out again.",
        &[],
    ),
    Descriptor::counter(
        REBUILT,
        "Times that the queue was seen to have lost its content.",
        &[],
    ),
    Descriptor::counter(PURGED, "Finished jobs deleted by retention.", &[]),
    Descriptor::gauge(
        QUEUE_DEPTH,
        "Jobs that are ready. Every API process reports the same figure: take one, do not add.",
        &["priority"],
    ),
    Descriptor::gauge(
        OLDEST_AGE,
        "How long the oldest ready job has waited, 0 if there is none.",
        &["priority"],
    )
    .in_unit(Unit::Seconds),
    Descriptor::gauge(PROCESSING, "Jobs leased by workers.", &[]),
    Descriptor::gauge(
        DELAYED,
        "Delayed jobs that are loaded into the queue; those of later times are in the database alone.",
        &[],
    ),
    Descriptor::gauge(WORKERS, "Workers whose heartbeats arrive.", &[]),
    Descriptor::gauge(
        QUEUE_BYTES,
        "Memory of the queue's structures: `ready`, `delayed` or `leases`.",
        &["structure"],
    )
    .in_unit(Unit::Bytes),
    Descriptor::gauge(
        LOAD_READY,
        "Jobs that are ready. As all of `load_`, every API process reports the same, and queues past the first hundred share `other`.",
        BY_LINE,
    ),
    Descriptor::gauge(
        LOAD_OLDEST,
        "How long the oldest ready job has waited, 0 if there is none.",
        BY_LINE,
    )
    .in_unit(Unit::Seconds),
    Descriptor::gauge(LOAD_RUNNING, "Attempts that run.", BY_LINE),
    Descriptor::gauge(
        LOAD_ARRIVALS,
        "Jobs that become ready per second, over about half a minute.",
        BY_LINE,
    ),
    Descriptor::gauge(
        LOAD_COMPLETIONS,
        "Attempts that end per second, over about half a minute.",
        BY_LINE,
    ),
    Descriptor::gauge(
        LOAD_RUN,
        "How long an attempt runs on average, over about ten minutes; 0 before one has ended.",
        BY_LINE,
    )
    .in_unit(Unit::Seconds),
    Descriptor::gauge(
        LOAD_WORKERS,
        "Workers wanted, as a fraction: add up, then round up. What waits is to be gone in 30 s.",
        BY_LINE,
    ),
];

const BY_LINE: &[&str] = &["queue", "priority"];

/// Describes the metrics of everything that an engine is made of.
pub(crate) fn describe() {
    for metrics in [
        METRICS,
        scheduler_store::metrics::METRICS,
        scheduler_queue::metrics::METRICS,
    ] {
        scheduler_service::metrics::describe(metrics);
    }
}

/// Makes the series of the loops at zero: a rate over a series that begins with its first event misses that event.
pub(crate) fn begin() {
    for counter in [
        counter!(PUSH_FAILED),
        counter!(EXPIRED),
        counter!(CRASHED_OUT),
        counter!(RECONCILED),
        counter!(REBUILT),
        counter!(PURGED),
    ] {
        counter.increment(0);
    }
    for priority in Priority::ALL {
        counter!(PROMOTED, "priority" => priority.name()).increment(0);
        counter!(RECOVERED, "priority" => priority.name()).increment(0);
    }
}

/// A batch of a lane took so many calls.
pub(crate) fn batch(lane: &'static str, calls: usize) {
    histogram!(BATCH, "lane" => lane).record(f64::from(u32::try_from(calls).unwrap_or(u32::MAX)));
}

/// Ready jobs of one priority, and the age of the oldest.
pub(crate) fn ready(priority: Priority, jobs: f64, oldest: f64) {
    gauge!(QUEUE_DEPTH, "priority" => priority.name()).set(jobs);
    gauge!(OLDEST_AGE, "priority" => priority.name()).set(oldest);
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
