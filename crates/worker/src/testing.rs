//! One attempt without a worker, for the handlers' tests.

use std::time::Duration;

use scheduler_domain::{
    Clock as _, Entropy as _, Job, JobId, JobOptions, JobSpec, JobType, ManualClock, NewJob, Priority,
    QueueName, SeededEntropy,
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use crate::Registry;
use crate::attempt::{self, Outcome, Stops};
use crate::notes::Notes;

/// A job of this type that has used up `attempts`.
pub(crate) fn job(job_type: &str, attempts: u32) -> Job {
    let spec = JobSpec {
        job_type: JobType::parse(job_type).unwrap(),
        queue: QueueName::default(),
        priority: Priority::Default,
        payload: String::new(),
        max_attempts: 3,
        options: JobOptions::default(),
    };
    let id = JobId(SeededEntropy::new(1).uuid());
    let new = NewJob {
        id,
        chosen: false,
        key: None,
        spec,
        trace: None,
    };
    Job {
        attempts,
        ..Job::accepted(new, ManualClock::default().now())
    }
}

/// Its first attempt.
pub(crate) async fn first_attempt(registry: &Registry, job_type: &str, payload: &Value) -> Outcome {
    attempt(registry, &job(job_type, 0), payload, &CancellationToken::new()).await
}

/// The next attempt of `job`, that `asked` tells to stop.
pub(crate) async fn attempt(
    registry: &Registry,
    job: &Job,
    payload: &Value,
    asked: &CancellationToken,
) -> Outcome {
    let stops = Stops {
        asked,
        forced: &CancellationToken::new(),
    };
    let timeout = Duration::from_secs(3_600);
    let notes = Notes::after(job.progress.as_ref());
    attempt::run(
        registry,
        job,
        payload.to_string(),
        timeout,
        stops,
        notes,
        Span::none(),
    )
    .await
}
