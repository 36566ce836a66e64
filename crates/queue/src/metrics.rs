//! What this crate measures. Only calls that leave the process are worth it: the queue in memory records nothing.

use scheduler_domain::metric::Descriptor;

/// Duration of calls, by operation.
pub const CALL_DURATION: &str = "queue_call_duration_seconds";
/// Failed calls, by operation.
pub const ERRORS: &str = "queue_errors_total";
/// Stale entries dropped by claims.
pub const DROPPED: &str = "queue_entries_dropped_total";
/// Keys of the wrong type that were dropped.
pub const MENDED: &str = "queue_keys_mended_total";

/// Time spent waiting for a connection to wait on.
pub const POOL_WAIT: &str = "queue_pool_wait_seconds";

/// Every metric of this crate.
pub const METRICS: &[Descriptor] = &[
    Descriptor::histogram(
        CALL_DURATION,
        "How long calls of the queue took, successful or not. Waiting for work is not among them.",
        &["operation"],
    ),
    Descriptor::counter(ERRORS, "Calls of the queue that failed.", &["operation"]),
    Descriptor::counter(
        DROPPED,
        "Entries that a claim found already leased under their epoch or a higher one, or malformed, and dropped.",
        &[],
    ),
    Descriptor::histogram(
        POOL_WAIT,
        "Time spent waiting for a Redis connection of the pool, which only waits for work take from.",
        &[],
    ),
    Descriptor::counter(
        MENDED,
        "Repairs of a shard in which a key was of the wrong type: somebody else writes to this Redis.",
        &[],
    ),
];
