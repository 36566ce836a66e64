//! What can go wrong in the queue.

/// A failed queue call. There is one thing to do about it: go on without, and let the reconciler repair.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The queue could not be reached, refused, or took too long. Whether it did what was asked is unknown.
    #[error("the queue is unavailable: {context}")]
    Unavailable {
        /// What was being done.
        context: &'static str,
        /// Why it failed.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// The queue failed while `context` was being done.
    pub(crate) fn unavailable(
        context: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Unavailable {
            context,
            source: source.into(),
        }
    }
}
