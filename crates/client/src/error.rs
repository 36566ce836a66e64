//! What went wrong, by what the caller can do about it.

mod batch;
mod read;

use std::time::Duration;

use tonic::{Code, Status};

use crate::reply;

pub(crate) use batch::of_batch;

/// A call that failed. The variant says what to do next; the message is the server's and fit for people.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The address given is none. Correct it.
    #[error("{address:?} is not an address of a scheduler: http://host:port or https://host:port is needed")]
    Address {
        /// What was given.
        address: String,
        /// What is wrong with it.
        source: Option<tonic::transport::Error>,
    },
    /// The request is wrong. Correct it; repeating it is useless.
    #[error("{}", source.message())]
    Invalid {
        /// Everything that is wrong with it.
        violations: Vec<Violation>,
        /// As received.
        source: Box<Status>,
    },
    /// There is no such job.
    #[error("{}", source.message())]
    NotFound {
        /// As received.
        source: Box<Status>,
    },
    /// The job's id or idempotency key belongs to a job with another body: a bug of the submitter.
    #[error("{}", source.message())]
    Conflict {
        /// The job that has it.
        existing: Option<String>,
        /// Fields in which the two differ.
        fields: Vec<String>,
        /// As received.
        source: Box<Status>,
    },
    /// The job is in the wrong state for this. Look at it again.
    #[error("{}", source.message())]
    Precondition {
        /// As received.
        source: Box<Status>,
    },
    /// The server has too much to do. Repeat it after a while.
    #[error("{}", source.message())]
    Busy {
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
        /// As received.
        source: Box<Status>,
    },
    /// The server cannot be reached, or cannot reach what it needs. Repeat it, if it can be repeated: whether it was
    /// carried out is not known.
    #[error("{}", read::in_full(source))]
    Unavailable {
        /// How long the server asks to wait.
        retry_after: Option<Duration>,
        /// As received, or made up here when the connection broke.
        source: Box<Status>,
    },
    /// The server does not know us, or does not let us.
    #[error("{}", source.message())]
    Auth {
        /// As received.
        source: Box<Status>,
    },
    /// It took too long. Whether it was carried out is not known.
    #[error("{}", source.message())]
    Timeout {
        /// As received, or made up here.
        source: Box<Status>,
    },
    /// A fault of the server's, or something at that address that is no scheduler. Report it.
    #[error("{}", source.message())]
    Internal {
        /// What to look for in the server's log.
        request_id: Option<String>,
        /// As received.
        source: Box<Status>,
    },
}

/// A field of a request that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Its path, such as `job.payload_json`.
    pub field: String,
    /// What would have been accepted.
    pub allowed: String,
}

impl Error {
    /// The gRPC status behind it; there is none when the call was never made.
    #[must_use]
    pub fn status(&self) -> Option<&Status> {
        match self {
            Self::Address { .. } => None,
            Self::Invalid { source, .. }
            | Self::NotFound { source }
            | Self::Conflict { source, .. }
            | Self::Precondition { source }
            | Self::Busy { source, .. }
            | Self::Unavailable { source, .. }
            | Self::Auth { source }
            | Self::Timeout { source }
            | Self::Internal { source, .. } => Some(source),
        }
    }

    /// The gRPC code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.status().map_or(Code::InvalidArgument, Status::code)
    }

    /// The server's stable reason, such as `JOB_NOT_FOUND`.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        self.status().and_then(read::reason)
    }

    /// The id to look for in the server's log.
    #[must_use]
    pub fn request_id(&self) -> Option<String> {
        self.status()
            .and_then(|status| reply::text(status.metadata(), reply::REQUEST_ID))
    }

    /// Whether the server's answer never came: it cannot be reached, or hung up.
    #[must_use]
    pub fn is_connection(&self) -> bool {
        matches!(self, Self::Unavailable { source, .. } if read::broke_here(source))
    }

    /// How long the server asks to wait before the call is repeated.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } | Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether the same call may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Busy { .. } | Self::Unavailable { .. } | Self::Timeout { .. }
        )
    }
}
