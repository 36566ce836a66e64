//! What a handler says when it fails.

use std::time::Duration;

/// A failed attempt: what it was, and whether another could help.
///
/// Any [`std::error::Error`] becomes a retryable one through `?`.
#[derive(Debug)]
pub struct JobError {
    pub(crate) kind: String,
    pub(crate) message: String,
    pub(crate) then: Then,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// The job's retry policy decides when.
    Retry,
    /// Again after this long.
    RetryAfter(Duration),
    /// Never again.
    Stop,
}

impl JobError {
    /// Try again, when the job's retry policy says.
    pub fn retry(message: impl Into<String>) -> Self {
        Self {
            kind: "error".to_owned(),
            message: message.into(),
            then: Then::Retry,
        }
    }

    /// Try again after `delay`.
    pub fn retry_after(delay: Duration, message: impl Into<String>) -> Self {
        Self {
            then: Then::RetryAfter(delay),
            ..Self::retry(message)
        }
    }

    /// Do not try again: the job is FAILED.
    pub fn fatal(message: impl Into<String>) -> Self {
        Self {
            then: Then::Stop,
            ..Self::retry(message)
        }
    }

    /// Names what failed, for filtering and for metrics.
    #[must_use]
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.kind = kind.into();
        self
    }
}

impl<E: std::error::Error> From<E> for JobError {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        Self::retry(message)
    }
}
