//! Where wire types and domain types meet: checked inward, plain outward.

mod inward;
mod outward;
mod stats;

pub(crate) use inward::PAYLOAD_TOO_LARGE;
pub use inward::{job_id, page_size, priority_filter, queue_filter, state_filter, submission, type_filter};
pub use outward::{attempt, event, queues, status};
pub use stats::{drain_target, pool_size, stats};
