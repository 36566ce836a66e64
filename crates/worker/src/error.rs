//! What a handler says when it fails.

use std::fmt;
use std::time::Duration;

use scheduler_domain::limits;

/// A failed attempt: what it was, and whether another could help.
///
/// Any [`std::error::Error`] becomes a retryable one through `?`. That is why this type is none itself.
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

    /// Try again after `delay`, 24 hours at most.
    pub fn retry_after(delay: Duration, message: impl Into<String>) -> Self {
        Self {
            then: Then::RetryAfter(delay.min(limits::MAX_RETRY_INTERVAL)),
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

    /// The handler was told to stop, and did. Where nobody told it to, this is a failure like others.
    #[must_use]
    pub fn cancelled() -> Self {
        Self::retry("the attempt was told to stop").kind("cancelled")
    }

    /// Names what failed, for filtering and for metrics.
    #[must_use]
    pub fn kind(mut self, kind: impl Into<String>) -> Self {
        self.kind = kind.into();
        self
    }
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

/// With its sources, outermost first.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] std::num::ParseIntError);

    #[test]
    fn any_error_becomes_a_retryable_one_with_its_sources() {
        let fails = || -> Result<i32, JobError> { Ok("x".parse::<i32>().map_err(Outer)?) };
        let error = fails().unwrap_err();
        assert_eq!(error.to_string(), "error: outer: invalid digit found in string");
        assert_eq!(error.then, Then::Retry);
    }

    #[test]
    fn a_wait_that_a_handler_asks_for_is_bounded() {
        let error = JobError::retry_after(Duration::MAX, "later");
        assert_eq!(error.then, Then::RetryAfter(limits::MAX_RETRY_INTERVAL));
    }
}
