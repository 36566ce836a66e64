//! What became of one job of a batch.

use std::collections::HashMap;

use scheduler_proto::v1;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use super::Error;
use super::read::DIFF;

/// What the server says of one refused job of a batch, as the status that the job would have got on its own.
pub(crate) fn of_batch(result: v1::BatchSubmitResult) -> Error {
    let code = Code::from(result.code);
    let mut details = ErrorDetails::new();
    let mut metadata = HashMap::new();
    if code == Code::AlreadyExists {
        let fields: Vec<&str> = result
            .fields
            .iter()
            .map(|field| field.trim_start_matches("job."))
            .collect();
        metadata.insert(DIFF.to_owned(), fields.join(", "));
        details.set_resource_info("scheduler.v1.Job", result.job_id, "", "");
    } else {
        for field in result.fields {
            details.add_bad_request_violation(field, result.message.clone());
        }
    }
    details.set_error_info(result.reason, "task-scheduler", metadata);
    Status::with_error_details(code, result.message, details).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_job_of_a_batch_reads_like_one_refused_alone() {
        let result = v1::BatchSubmitResult {
            code: Code::InvalidArgument.into(),
            message: "job.type: is required".to_owned(),
            reason: "INVALID_JOB".to_owned(),
            fields: vec!["job.type".to_owned()],
            ..v1::BatchSubmitResult::default()
        };
        let error = of_batch(result);
        assert_eq!(error.reason().as_deref(), Some("INVALID_JOB"));
        assert!(matches!(error, Error::Invalid { violations, .. } if violations[0].field == "job.type"));

        let result = v1::BatchSubmitResult {
            job_id: "the-id".to_owned(),
            code: Code::AlreadyExists.into(),
            fields: vec!["job.priority".to_owned()],
            ..v1::BatchSubmitResult::default()
        };
        let Error::Conflict { existing, fields, .. } = of_batch(result) else {
            panic!()
        };
        assert_eq!(
            (existing.as_deref(), fields.as_slice()),
            (Some("the-id"), ["priority".to_owned()].as_slice())
        );
    }
}
