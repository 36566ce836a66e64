//! From a gRPC status, and the `google.rpc` details in it, to an [`Error`].

use std::error::Error as StdError;

use tonic::{Code, Status, TimeoutExpired};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::{Error, Violation};
use crate::reply;

impl From<Status> for Error {
    /// The whole mapping.
    fn from(status: Status) -> Self {
        let details = status.get_error_details();
        let code = meaning(&status);
        let source = Box::new(status);
        match code {
            Code::InvalidArgument | Code::OutOfRange => Self::Invalid {
                violations: violations(&details),
                source,
            },
            Code::NotFound => Self::NotFound { source },
            Code::AlreadyExists => Self::Conflict {
                existing: existing(&details),
                fields: differing(&details),
                source,
            },
            Code::FailedPrecondition | Code::Aborted => Self::Precondition { source },
            Code::ResourceExhausted => Self::Busy {
                retry_after: retry_after(&details),
                source,
            },
            Code::Unavailable | Code::Cancelled => Self::Unavailable {
                retry_after: retry_after(&details),
                source,
            },
            Code::Unauthenticated | Code::PermissionDenied => Self::Auth { source },
            Code::DeadlineExceeded => Self::Timeout { source },
            Code::Ok | Code::Unknown | Code::Unimplemented | Code::Internal | Code::DataLoss => {
                Self::Internal {
                    request_id: reply::text(source.metadata(), reply::REQUEST_ID),
                    source,
                }
            }
        }
    }
}

/// The status's code; for one that was made up here because the connection broke, what that means to the caller.
fn meaning(status: &Status) -> Code {
    // tonic's own guard against the same deadline calls it CANCELLED.
    if causes(status).any(<dyn StdError>::is::<TimeoutExpired>) {
        Code::DeadlineExceeded
    } else if broke_here(status) {
        Code::Unavailable
    } else {
        status.code()
    }
}

/// Whether the status was made up here: one that the server sent has no cause.
pub(super) fn broke_here(status: &Status) -> bool {
    status.source().is_some()
}

fn causes(status: &Status) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    let mut next = status.source();
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error)
    })
}

/// The message; for a connection that broke, with the deepest cause, which is the one that tells.
pub(super) fn in_full(status: &Status) -> String {
    let message = status.message();
    match causes(status).last().map(ToString::to_string) {
        Some(cause) if !message.contains(&cause) => format!("{message}: {cause}"),
        _ => message.to_owned(),
    }
}

/// `ErrorInfo.reason`.
pub(super) fn reason(status: &Status) -> Option<String> {
    status
        .get_details_error_info()
        .map(|info| info.reason)
        .filter(|reason| !reason.is_empty())
}

fn violations(details: &ErrorDetails) -> Vec<Violation> {
    let found = details
        .bad_request()
        .map(|request| request.field_violations.as_slice())
        .unwrap_or_default();
    found
        .iter()
        .map(|v| Violation {
            field: v.field.clone(),
            allowed: v.description.clone(),
        })
        .collect()
}

fn existing(details: &ErrorDetails) -> Option<String> {
    details
        .resource_info()
        .map(|resource| resource.resource_name.clone())
        .filter(|name| !name.is_empty())
}

/// Names of fields, as the server lists them in `ErrorInfo.metadata`.
pub(super) const DIFF: &str = "diff";

fn differing(details: &ErrorDetails) -> Vec<String> {
    let listed = details
        .error_info()
        .and_then(|info| info.metadata.get(DIFF))
        .map(String::as_str)
        .unwrap_or_default();
    listed
        .split(", ")
        .filter(|field| !field.is_empty())
        .map(str::to_owned)
        .collect()
}

fn retry_after(details: &ErrorDetails) -> Option<std::time::Duration> {
    details.retry_info().and_then(|info| info.retry_delay)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn with(code: Code, details: ErrorDetails) -> Error {
        Status::with_error_details(code, "the message", details).into()
    }

    #[test]
    fn every_code_says_what_to_do_next() {
        let kind = |code: Code| match Error::from(Status::new(code, "m")) {
            Error::Address { .. } => "address",
            Error::Invalid { .. } => "invalid",
            Error::NotFound { .. } => "not found",
            Error::Conflict { .. } => "conflict",
            Error::Precondition { .. } => "precondition",
            Error::Busy { .. } => "busy",
            Error::Unavailable { .. } => "unavailable",
            Error::Auth { .. } => "auth",
            Error::Timeout { .. } => "timeout",
            Error::Internal { .. } => "internal",
        };
        let table = [
            (Code::Cancelled, "unavailable"),
            (Code::Unknown, "internal"),
            (Code::InvalidArgument, "invalid"),
            (Code::DeadlineExceeded, "timeout"),
            (Code::NotFound, "not found"),
            (Code::AlreadyExists, "conflict"),
            (Code::PermissionDenied, "auth"),
            (Code::ResourceExhausted, "busy"),
            (Code::FailedPrecondition, "precondition"),
            (Code::Aborted, "precondition"),
            (Code::OutOfRange, "invalid"),
            (Code::Unimplemented, "internal"),
            (Code::Internal, "internal"),
            (Code::Unavailable, "unavailable"),
            (Code::DataLoss, "internal"),
            (Code::Unauthenticated, "auth"),
        ];
        for (code, expected) in table {
            assert_eq!(kind(code), expected, "{code:?}");
            let error = Error::from(Status::new(code, "m"));
            assert_eq!(error.code(), code);
            assert_eq!(error.to_string(), "m");
            assert!(!error.is_connection());
        }
    }

    #[test]
    fn an_invalid_request_names_every_field() {
        let mut details = ErrorDetails::new();
        details
            .add_bad_request_violation("job.type", "is required")
            .add_bad_request_violation("job.queue", "too long");
        details.set_error_info("INVALID_JOB", "task-scheduler", std::collections::HashMap::new());
        let error = with(Code::InvalidArgument, details);
        assert_eq!(error.reason().as_deref(), Some("INVALID_JOB"));
        let Error::Invalid { violations, .. } = error else {
            panic!("{error:?}")
        };
        let fields: Vec<_> = violations
            .iter()
            .map(|v| (v.field.as_str(), v.allowed.as_str()))
            .collect();
        assert_eq!(fields, [("job.type", "is required"), ("job.queue", "too long")]);
    }

    #[test]
    fn a_conflict_names_the_other_job_and_what_differs() {
        let mut details = ErrorDetails::new();
        details.set_resource_info("scheduler.v1.Job", "the-id", "", "");
        let diff = [("diff".to_owned(), "type, payload_json".to_owned())];
        details.set_error_info(
            "IDEMPOTENCY_CONFLICT",
            "task-scheduler",
            std::collections::HashMap::from(diff),
        );
        let Error::Conflict { existing, fields, .. } = with(Code::AlreadyExists, details) else {
            panic!()
        };
        assert_eq!(existing.as_deref(), Some("the-id"));
        assert_eq!(fields, ["type", "payload_json"]);
    }

    #[test]
    fn the_server_says_how_long_to_wait() {
        let wait = Some(Duration::from_millis(250));
        for code in [Code::ResourceExhausted, Code::Unavailable] {
            assert_eq!(
                with(code, ErrorDetails::with_retry_info(wait)).retry_after(),
                wait,
                "{code:?}"
            );
            assert_eq!(with(code, ErrorDetails::new()).retry_after(), None);
        }
    }

    #[test]
    fn an_internal_error_carries_its_request_id() {
        let mut status = Status::internal("m");
        status
            .metadata_mut()
            .insert("x-request-id", "r-1".parse().unwrap());
        let error = Error::from(status);
        assert_eq!(error.request_id().as_deref(), Some("r-1"));
        assert!(matches!(error, Error::Internal { request_id: Some(id), .. } if id == "r-1"));
    }

    #[test]
    fn whatever_breaks_on_this_side_is_unavailable_and_tells_the_deepest_cause() {
        let refused = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "connection refused");
        let error = Error::from(Status::from_error(Box::new(refused)));
        assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
        assert!(error.is_connection());
        assert!(error.to_string().contains("connection refused"));
    }

    #[test]
    fn the_transports_own_deadline_is_a_timeout() {
        let error = Error::from(Status::from_error(Box::new(TimeoutExpired(()))));
        assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    }
}
