//! To the wire.

use scheduler_domain::{Attempt, Job, JobFailure, Progress, State, Timestamp};
use scheduler_engine::Overview;
use scheduler_proto::v1;

fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: at.timestamp(),
        nanos: i32::try_from(at.timestamp_subsec_nanos()).unwrap_or_default(),
    }
}

pub(super) fn duration(span: std::time::Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(span.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(span.subsec_nanos()).unwrap_or_default(),
    }
}

fn number(count: impl TryInto<i32>) -> i32 {
    count.try_into().unwrap_or(i32::MAX)
}

pub(super) fn long(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn failure(error: JobFailure) -> v1::JobError {
    v1::JobError {
        r#type: error.kind,
        message: error.message,
        retryable: error.retryable,
    }
}

fn progress(progress: &Progress) -> v1::JobProgress {
    v1::JobProgress {
        percent: progress.percent().map(i32::from),
        message: progress.message().to_owned(),
        resumable: progress.checkpoint().is_some(),
    }
}

/// A job as it stands.
#[must_use]
pub fn status(job: Job) -> v1::JobStatus {
    let attempts = number(job.attempts_shown());
    let waits = matches!(job.state, State::Scheduled | State::Retry);
    v1::JobStatus {
        job_id: job.id.to_string(),
        state: job.state.number(),
        attempts,
        last_error: job.error.as_ref().map(|e| e.message.clone()).unwrap_or_default(),
        created_at: Some(timestamp(job.created_at)),
        updated_at: Some(timestamp(job.updated_at)),
        started_at: job.started_at.map(timestamp),
        finished_at: job.finished_at.map(timestamp),
        r#type: job.spec.job_type.as_str().to_owned(),
        priority: job.spec.priority.number(),
        queue: job.spec.queue.as_str().to_owned(),
        max_attempts: number(job.spec.max_attempts),
        next_run_at: waits.then(|| timestamp(job.run_at)),
        worker_id: job.worker.map(|w| w.as_str().to_owned()).unwrap_or_default(),
        result_json: job.result.unwrap_or_default(),
        error: job.error.map(failure),
        sequence: job.sequence.0,
        labels: job.spec.options.labels.into_iter().collect(),
        crashes: number(job.crashes),
        progress: job.progress.as_ref().map(progress),
    }
}

/// A change of a job.
#[must_use]
pub fn event(job: Job) -> v1::JobEvent {
    let status = status(job);
    v1::JobEvent {
        job_id: status.job_id.clone(),
        state: status.state,
        message: message(&status),
        timestamp: status.updated_at,
        attempts: status.attempts,
        sequence: status.sequence,
        status: Some(status),
    }
}

fn message(status: &v1::JobStatus) -> String {
    let (attempts, most) = (status.attempts, status.max_attempts);
    match State::from_number(status.state) {
        Some(State::Queued) => "waiting for a worker".to_owned(),
        Some(State::Running) => format!("attempt {attempts} of {most} runs on {}", status.worker_id),
        Some(State::Succeeded) => "succeeded".to_owned(),
        Some(State::Failed) => format!("failed for good: {}", status.last_error),
        Some(State::DeadLetter) => format!(
            "gave up after {attempts} of {most} attempts: {}",
            status.last_error
        ),
        Some(State::Retry) => format!(
            "attempt {attempts} of {most} failed, will be tried again: {}",
            status.last_error
        ),
        Some(State::Cancelled) => "cancelled".to_owned(),
        Some(State::Scheduled) => "waiting for its time".to_owned(),
        None => String::new(),
    }
}

/// One attempt.
#[must_use]
pub fn attempt(attempt: Attempt) -> v1::JobAttempt {
    v1::JobAttempt {
        number: number(attempt.number),
        epoch: attempt.epoch.0,
        worker_id: attempt.worker.map(|w| w.as_str().to_owned()).unwrap_or_default(),
        started_at: attempt.started_at.map(timestamp),
        finished_at: attempt.finished_at.map(timestamp),
        outcome: attempt.outcome.number(),
        error: attempt.error.map(failure),
    }
}

/// The queues, by name.
#[must_use]
pub fn queues(overview: Overview) -> v1::ListQueuesResponse {
    let mut queues: std::collections::BTreeMap<String, v1::Queue> = std::collections::BTreeMap::new();
    let mut depths = overview.depths;
    depths.sort_by_key(|depth| depth.priority);
    for depth in depths {
        let name = depth.queue.as_str().to_owned();
        let queue = queues.entry(name.clone()).or_insert_with(|| v1::Queue {
            name,
            ..v1::Queue::default()
        });
        queue.ready += long(depth.ready);
        let oldest = depth.oldest.map(duration);
        if older(oldest.as_ref()) > older(queue.oldest_ready_age.as_ref()) {
            queue.oldest_ready_age = oldest;
        }
        queue.depths.push(v1::QueueDepth {
            priority: depth.priority.number(),
            ready: long(depth.ready),
            oldest_ready_age: oldest,
        });
    }
    let leased = overview.sizes.leased;
    let running = overview.running.unwrap_or(leased);
    v1::ListQueuesResponse {
        queues: queues.into_values().collect(),
        running: long(running),
        buffered: long(leased.saturating_sub(running)),
        delayed: long(overview.sizes.delayed),
        workers: long(overview.sizes.workers),
    }
}

fn older(age: Option<&prost_types::Duration>) -> Option<(i64, i32)> {
    age.map(|age| (age.seconds, age.nanos))
}
