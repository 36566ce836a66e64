//! What several of the tests here submit.

use scheduler_domain::{JobOptions, JobSpec, JobType, Priority, QueueName};
use scheduler_engine::Submission;

/// A job that does nothing.
pub(crate) fn noop() -> JobSpec {
    JobSpec {
        job_type: JobType::parse("noop").unwrap(),
        queue: QueueName::default(),
        priority: Priority::Default,
        payload: "{}".to_owned(),
        max_attempts: 3,
        options: JobOptions::default(),
    }
}

/// As a client submits it that names neither an id nor a key.
pub(crate) fn submission(spec: JobSpec) -> Submission {
    Submission {
        id: None,
        key: None,
        spec,
        trace: None,
    }
}
