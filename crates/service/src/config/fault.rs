//! What is wrong with a configuration, all of it at once.

use std::fmt;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The field, key or source it is about: `worker.pool_size`, `SCHEDULER__API__PROT`.
    pub subject: String,
    /// Where the value was found: `environment variable GRPC_PORT`, `file /etc/scheduler.toml`, `flag --set`.
    pub origin: Option<String>,
    /// What is wrong, and what is allowed. Never holds a secret.
    pub message: String,
}

impl Fault {
    pub(crate) fn new(
        subject: impl Into<String>,
        origin: impl fmt::Display,
        message: impl Into<String>,
    ) -> Self {
        Self {
            subject: subject.into(),
            origin: Some(origin.to_string()),
            message: message.into(),
        }
    }

    pub(crate) fn without_origin(subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            origin: None,
            message: message.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.subject)?;
        if let Some(origin) = &self.origin {
            write!(f, " ({origin})")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// Every fault of a configuration. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub(crate) Vec<Fault>);

impl ConfigErrors {
    /// The faults, in the order in which they were found.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.0
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("the configuration has a fault:")?,
            n => write!(f, "the configuration has {n} faults:")?,
        }
        self.0.iter().try_for_each(|fault| write!(f, "\n  - {fault}"))
    }
}

impl std::error::Error for ConfigErrors {}
