//! The one place where an error becomes a gRPC status, with `google.rpc` details.
//!
//! Public text never carries SQL, host names or causes: those go to the log, with the request's id.

use std::collections::HashMap;
use std::time::Duration;

use scheduler_domain::{Invalid, JobId, State};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use tracing::error;

use crate::convert::PAYLOAD_TOO_LARGE;

/// `ErrorInfo.domain` of every error.
pub const DOMAIN: &str = "task-scheduler";

/// A request that could not be served.
#[derive(Debug)]
pub enum Error {
    /// Fields are wrong: every one of them.
    Invalid(Vec<Invalid>),
    /// The request is not what the schema says.
    Malformed {
        /// Which field, if that can be told.
        field: String,
        /// As the decoder puts it.
        why: String,
    },
    /// The page token is not one of ours, or not for these filters.
    PageToken,
    /// There is no such job.
    NotFound(JobId),
    /// The id or key is taken by a job with another body.
    Conflict {
        /// That job.
        existing: JobId,
        /// What differs.
        fields: Vec<&'static str>,
    },
    /// The job is in the wrong state for this.
    WrongState {
        /// Which job.
        id: JobId,
        /// The state it is in.
        state: State,
        /// The states it would have to be in, in words.
        needed: &'static str,
    },
    /// Too many watch streams are open here.
    TooManyWatchers,
    /// Too many bytes of requests are on their way here.
    TooManyBytes,
    /// The request took too long.
    Deadline,
    /// The engine failed.
    Engine(scheduler_engine::Error),
}

impl From<scheduler_engine::Error> for Error {
    fn from(error: scheduler_engine::Error) -> Self {
        Self::Engine(error)
    }
}

impl From<Invalid> for Error {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(vec![invalid])
    }
}

/// An error as the wire shows it.
pub struct Shown {
    /// The gRPC code.
    pub code: Code,
    /// Stable, `UPPER_SNAKE`.
    pub reason: &'static str,
    /// For people.
    pub message: String,
    /// Every dynamic word of the message, by name.
    pub metadata: HashMap<String, String>,
    /// Fields that are wrong or differ.
    pub fields: Vec<String>,
    details: ErrorDetails,
}

impl Error {
    /// The whole mapping.
    #[must_use]
    pub fn show(&self) -> Shown {
        match self {
            Self::Invalid(faults) => {
                let message = faults
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join("; ");
                let reason = if faults.iter().any(|fault| fault.allowed == PAYLOAD_TOO_LARGE) {
                    "PAYLOAD_TOO_LARGE"
                } else {
                    "INVALID_JOB"
                };
                let mut shown = Shown::new(Code::InvalidArgument, reason, message);
                for fault in faults {
                    shown
                        .details
                        .add_bad_request_violation(&fault.field, &fault.allowed);
                }
                shown.fields = faults.iter().map(|f| f.field.clone()).collect();
                shown
            }
            Self::Malformed { field, why } => {
                let message = if field.is_empty() {
                    format!("the request cannot be decoded: {why}")
                } else {
                    format!("{field}: {why}")
                };
                let mut shown = Shown::new(Code::InvalidArgument, "MALFORMED_REQUEST", message);
                shown.details.add_bad_request_violation(field, why);
                shown.fields = vec![field.clone()];
                shown
            }
            Self::PageToken => {
                let allowed = "must be the next_page_token of a page listed with the same filters";
                let mut shown = Shown::new(
                    Code::InvalidArgument,
                    "INVALID_PAGE_TOKEN",
                    format!("page_token: {allowed}"),
                );
                shown.details.add_bad_request_violation("page_token", allowed);
                shown.fields = vec!["page_token".to_owned()];
                shown
            }
            Self::NotFound(id) => {
                let mut shown = Shown::new(Code::NotFound, "JOB_NOT_FOUND", format!("there is no job {id}"))
                    .with("job_id", &id);
                shown.details.set_resource_info(
                    "scheduler.v1.Job",
                    id.to_string(),
                    "",
                    "it was never submitted, or deleted",
                );
                shown
            }
            Self::Conflict { existing, fields } => {
                let diff = fields.join(", ");
                let message =
                    format!("job {existing} exists under this id or key with another body: {diff} differ");
                let mut shown = Shown::new(Code::AlreadyExists, "IDEMPOTENCY_CONFLICT", message)
                    .with("job_id", &existing)
                    .with("diff", &diff);
                shown
                    .details
                    .set_resource_info("scheduler.v1.Job", existing.to_string(), "", diff);
                shown.fields = fields.iter().map(|f| format!("job.{f}")).collect();
                shown
            }
            Self::WrongState { id, state, needed } => {
                let message = format!("job {id} is {state}; this needs it to be {needed}");
                let mut shown = Shown::new(Code::FailedPrecondition, "JOB_IN_WRONG_STATE", message)
                    .with("job_id", &id)
                    .with("state", &state);
                shown.details.add_precondition_failure_violation(
                    "STATE",
                    id.to_string(),
                    format!("must be {needed}"),
                );
                shown
            }
            Self::TooManyWatchers => Shown::new(
                Code::ResourceExhausted,
                "TOO_MANY_WATCHERS",
                "too many watch streams are open on this replica".to_owned(),
            )
            .retry_after(Duration::from_secs(1)),
            Self::TooManyBytes => Shown::new(
                Code::ResourceExhausted,
                "TOO_MANY_REQUEST_BYTES",
                "too many large requests are on their way to this replica".to_owned(),
            )
            .retry_after(Duration::from_secs(1)),
            Self::Deadline => Shown::new(
                Code::DeadlineExceeded,
                "TIMEOUT",
                "the request was not served in time".to_owned(),
            ),
            Self::Engine(error) => show_engine(error),
        }
    }
}

fn show_engine(error: &scheduler_engine::Error) -> Shown {
    use scheduler_engine::Error as E;
    let store = match error {
        E::Busy { retry_after } => {
            let shown = Shown::new(Code::ResourceExhausted, "QUEUE_FULL", error.to_string());
            return shown.retry_after(*retry_after);
        }
        E::Stopped => {
            let shown = Shown::new(
                Code::Unavailable,
                "DRAINING",
                "this replica is shutting down".to_owned(),
            );
            return shown.retry_after(Duration::ZERO);
        }
        E::Queue(_) => {
            log(error);
            let shown = Shown::new(
                Code::Unavailable,
                "QUEUE_UNAVAILABLE",
                "the queue cannot be reached".to_owned(),
            );
            return shown.retry_after(Duration::from_secs(1));
        }
        E::Store(store) => store,
        E::Batch(store) => store,
    };
    log(error);
    match store {
        scheduler_store::Error::Unavailable { .. } | scheduler_store::Error::Schema { .. } => Shown::new(
            Code::Unavailable,
            "STORE_UNAVAILABLE",
            "the store cannot be reached".to_owned(),
        )
        .retry_after(Duration::from_secs(1)),
        scheduler_store::Error::Corrupt { .. } | scheduler_store::Error::Refused { .. } => Shown::new(
            Code::Internal,
            "INTERNAL",
            "internal error; the request id is in x-request-id".to_owned(),
        ),
    }
}

fn log(error: &scheduler_engine::Error) {
    error!(error = error as &dyn std::error::Error, "request failed");
}

impl Shown {
    fn new(code: Code, reason: &'static str, message: String) -> Self {
        Self {
            code,
            reason,
            message,
            metadata: HashMap::new(),
            fields: Vec::new(),
            details: ErrorDetails::new(),
        }
    }

    fn with(mut self, name: &str, value: &(impl ToString + ?Sized)) -> Self {
        self.metadata.insert(name.to_owned(), value.to_string());
        self
    }

    fn retry_after(mut self, delay: Duration) -> Self {
        self.details.set_retry_info(Some(delay));
        self
    }

    /// As a status with its details.
    #[must_use]
    pub fn into_status(mut self) -> Status {
        self.details.set_error_info(self.reason, DOMAIN, self.metadata);
        Status::with_error_details(self.code, self.message, self.details)
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        error.show().into_status()
    }
}
