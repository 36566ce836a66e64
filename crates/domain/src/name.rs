//! Names that users choose: job types and queues.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::limits;

/// Why a value was refused: which field, and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {allowed}")]
pub struct Invalid {
    /// Path of the field in the request, such as `job.type`.
    pub field: String,
    /// What would have been accepted, in words.
    pub allowed: String,
}

impl Invalid {
    /// Names the field and what it allows.
    pub fn new(field: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            allowed: allowed.into(),
        }
    }
}

fn is_name(text: &str, longest: usize, symbols: &str) -> bool {
    (1..=longest).contains(&text.len())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || symbols.contains(c))
}

/// Which handler runs a job: 1–128 of ASCII letters, digits and `. _ - : /`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobType(String);

impl JobType {
    /// Checks `text`.
    ///
    /// # Errors
    /// [`Invalid`] for `job.type`.
    pub fn parse(text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text.into();
        if is_name(&text, limits::MAX_TYPE_BYTES, "._-:/") {
            return Ok(Self(text));
        }
        Err(Invalid::new(
            "job.type",
            "must be 1-128 of ASCII letters, digits and . _ - : /",
        ))
    }

    /// Reads one back from where it was stored.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which line a job waits in: 1–64 of ASCII letters, digits and `. _ -`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct QueueName(String);

impl Default for QueueName {
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl QueueName {
    /// Checks `text`; an empty one means the queue `default`.
    ///
    /// # Errors
    /// [`Invalid`] for `job.queue`.
    pub fn parse(text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text.into();
        if text.is_empty() {
            return Ok(Self::default());
        }
        if is_name(&text, limits::MAX_QUEUE_BYTES, "._-") {
            return Ok(Self(text));
        }
        Err(Invalid::new(
            "job.queue",
            "must be at most 64 of ASCII letters, digits and . _ - (empty: default)",
        ))
    }

    /// Reads one back from where it was stored.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_accepted_at_its_limit_and_refused_past_it() {
        assert!(JobType::parse("a".repeat(128)).is_ok());
        assert!(JobType::parse("a".repeat(129)).is_err());
        assert!(JobType::parse("").is_err());
        assert!(JobType::parse("email.send_v1:eu/west-1").is_ok());
        for bad in ["a b", "ü", "a\0", "a\n", "a%"] {
            assert!(JobType::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_empty_queue_name_is_the_default_queue() {
        assert_eq!(QueueName::parse("").unwrap(), QueueName::default());
        assert!(QueueName::parse("q".repeat(64)).is_ok());
        assert!(QueueName::parse("q".repeat(65)).is_err());
        assert!(QueueName::parse("a:b").is_err());
        assert!(QueueName::parse("*").is_err());
    }
}
