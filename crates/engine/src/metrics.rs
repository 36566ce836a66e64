//! Names of the engine's metrics.

/// Calls per batch, by lane.
pub const BATCH: &str = "engine_batch_calls";
/// Entries whose push to the queue failed; the reconciler finds them.
pub const PUSH_FAILED: &str = "engine_push_failed_total";
/// Failed steps of the background loops, by loop.
pub const UPKEEP_FAILED: &str = "engine_upkeep_failed_total";
/// Delayed entries that became ready.
pub const PROMOTED: &str = "retry_pump_jobs_requeued_total";
/// Jobs handed out again after their lease expired, by priority.
pub const RECOVERED: &str = "reaper_jobs_recovered_total";
/// Jobs whose crash budget was used up.
pub const CRASHED_OUT: &str = "jobs_crashed_out_total";
/// Due jobs that the queue had forgotten.
pub const RECONCILED: &str = "reconciler_jobs_recovered_total";
/// Times that the queue lost its content.
pub const REBUILT: &str = "queue_rebuilds_total";
/// Finished jobs deleted by retention.
pub const PURGED: &str = "jobs_purged_total";
/// Ready jobs, by priority.
pub const QUEUE_DEPTH: &str = "queue_depth";
/// Age of the oldest ready job, by priority.
pub const OLDEST_AGE: &str = "queue_oldest_age_seconds";
/// Jobs held by workers.
pub const PROCESSING: &str = "processing_queue_depth";
/// Delayed jobs that are loaded.
pub const DELAYED: &str = "queue_delayed";
/// Workers whose heartbeats arrive.
pub const WORKERS: &str = "workers_alive";
/// Bytes of the queue's structures, by structure.
pub const QUEUE_BYTES: &str = "queue_bytes";
