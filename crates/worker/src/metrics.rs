//! What a worker measures. The first six have the names of the system whose dashboards this one is to fit.

mod meters;

use scheduler_domain::metric::Descriptor;

pub(crate) use meters::Meters;

pub(crate) const PROCESSED: &str = "jobs_processed_total";
pub(crate) const DURATION: &str = "job_processing_duration_seconds";
pub(crate) const RETRIED: &str = "jobs_retried_total";
pub(crate) const DEAD_LETTERED: &str = "jobs_deadlettered_total";
pub(crate) const IN_FLIGHT: &str = "worker_inflight_jobs";
pub(crate) const WAIT: &str = "job_wait_seconds";
pub(crate) const END_TO_END: &str = "job_end_to_end_seconds";
pub(crate) const FENCED: &str = "jobs_fenced_total";
pub(crate) const HANDED_BACK: &str = "jobs_handed_back_total";
pub(crate) const SLOTS: &str = "worker_slots";
pub(crate) const STUCK: &str = "worker_stuck_attempts";
pub(crate) const BUFFERED: &str = "worker_buffered_jobs";

/// Every metric of this crate.
pub const METRICS: &[Descriptor] = &[
    Descriptor::counter(
        PROCESSED,
        "Attempts recorded: success, retry, failed or deadletter.",
        &["status"],
    ),
    Descriptor::histogram(
        DURATION,
        "Time that an attempt ran; types without a handler are `unknown`.",
        &["job_type"],
    ),
    Descriptor::counter(
        RETRIED,
        "Attempts that failed and will be repeated.",
        &["priority"],
    ),
    Descriptor::counter(DEAD_LETTERED, "Jobs whose last attempt failed.", &["priority"]),
    Descriptor::gauge(IN_FLIGHT, "Attempts that run now.", &[]),
    Descriptor::histogram(
        WAIT,
        "Time from when a job was ready to its start.",
        &["queue", "priority"],
    ),
    Descriptor::histogram(END_TO_END, "Time from a job's acceptance to its success.", &[]),
    Descriptor::counter(
        FENCED,
        "Attempts of no effect: their job was cancelled, finished or handed out elsewhere meanwhile.",
        &[],
    ),
    Descriptor::counter(
        HANDED_BACK,
        "Jobs given back: `unstarted` ones that waited too long or at the end, and `running` ones cut off at the end.",
        &["state"],
    ),
    Descriptor::gauge(SLOTS, "Places for attempts, `busy` or `idle`.", &["state"]),
    Descriptor::gauge(
        STUCK,
        "Attempts that should have ended a lease ago and go on: their handlers block. Each has taken a slot until the process ends.",
        &[],
    ),
    Descriptor::gauge(BUFFERED, "Jobs leased that have not begun.", &[]),
];

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
