//! Names of the engine's metrics.

use scheduler_domain::metric::Descriptor;
#[expect(unused_imports, reason = "names for the table below")]
use scheduler_domain::metric::*;

/// Items per batch, by lane.
pub const BATCH: &str = "engine_batch_items";
/// Jobs accepted.
pub const SUBMITTED: &str = "jobs_submitted_total";
/// Pushes to the queue that failed.
pub const PUSH_FAILED: &str = "engine_push_failed_total";
