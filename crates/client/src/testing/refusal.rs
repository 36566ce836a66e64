//! Refusals, with the details that the real server gives.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

const DOMAIN: &str = "task-scheduler";

fn details(reason: &str, metadata: &[(&str, &str)]) -> ErrorDetails {
    let metadata: HashMap<String, String> = metadata
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    ErrorDetails::with_error_info(reason, DOMAIN, metadata)
}

pub(super) fn invalid(field: &str, allowed: &str) -> Status {
    let mut details = details("INVALID_JOB", &[]);
    details.add_bad_request_violation(field, allowed);
    Status::with_error_details(Code::InvalidArgument, format!("{field}: {allowed}"), details)
}

pub(super) fn not_found(job_id: &str) -> Status {
    let mut details = details("JOB_NOT_FOUND", &[("job_id", job_id)]);
    details.set_resource_info(
        "scheduler.v1.Job",
        job_id,
        "",
        "it was never submitted, or deleted",
    );
    Status::with_error_details(Code::NotFound, format!("there is no job {job_id}"), details)
}

pub(super) fn conflict(existing: &str, diff: &str) -> Status {
    let mut details = details("IDEMPOTENCY_CONFLICT", &[("job_id", existing), ("diff", diff)]);
    details.set_resource_info("scheduler.v1.Job", existing, "", diff);
    let message = format!("job {existing} exists under this id or key with another body: {diff} differ");
    Status::with_error_details(Code::AlreadyExists, message, details)
}

pub(super) fn wrong_state(job_id: &str, state: &str, needed: &str) -> Status {
    let mut details = details("JOB_IN_WRONG_STATE", &[("job_id", job_id), ("state", state)]);
    details.add_precondition_failure_violation("STATE", job_id, format!("must be {needed}"));
    let message = format!("job {job_id} is {state}; this needs it to be {needed}");
    Status::with_error_details(Code::FailedPrecondition, message, details)
}
