//! What can go wrong, by what the caller does next.

use std::time::Duration;

/// A failed engine call.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Too much is waiting already; nothing was done. Try again after `retry_after`.
    #[error("too many jobs are waiting to be stored")]
    Busy {
        /// When a place is likely to be free.
        retry_after: Duration,
    },
    /// The process is shutting down; nothing was done. Try another replica.
    #[error("shutting down")]
    Stopped,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] scheduler_store::Error),
    /// Several callers shared one batch and it failed; the first of them got the cause.
    #[error(transparent)]
    Batch(std::sync::Arc<scheduler_store::Error>),
    /// The queue failed.
    #[error(transparent)]
    Queue(#[from] scheduler_queue::Error),
}
