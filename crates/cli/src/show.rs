//! Messages as JSON: member names of the contract, RFC 3339 times, names of states and priorities; empty members are left out.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat};
use scheduler_client::{Priority, State, v1};
use serde_json::{Map, Value, json};

/// A moment given by seconds and nanoseconds.
pub(crate) fn time(seconds: i64, nanos: i32) -> String {
    DateTime::from_timestamp(seconds, u32::try_from(nanos).unwrap_or_default())
        .map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true))
        .unwrap_or_default()
}

pub(crate) fn state(number: i32) -> &'static str {
    State::from_number(number).map_or("UNKNOWN", State::name)
}

pub(crate) fn priority(number: i32) -> &'static str {
    Priority::from_number(number).map_or("unknown", Priority::name)
}

macro_rules! moment {
    ($at:expr) => {
        $at.as_ref().map(|at| time(at.seconds, at.nanos))
    };
}

/// How old a job is.
pub(crate) fn age(job: &v1::JobStatus, now: i64) -> String {
    let seconds = job.created_at.as_ref().map_or(0, |at| now - at.seconds);
    humantime::format_duration(Duration::from_secs(u64::try_from(seconds).unwrap_or_default())).to_string()
}

/// A job.
pub(crate) fn job(job: &v1::JobStatus) -> Value {
    without_empty(json!({
        "job_id": job.job_id,
        "type": job.r#type,
        "state": state(job.state),
        "priority": priority(job.priority),
        "queue": job.queue,
        "attempts": job.attempts,
        "max_attempts": job.max_attempts,
        "crashes": (job.crashes > 0).then_some(job.crashes),
        "created_at": moment!(job.created_at),
        "updated_at": moment!(job.updated_at),
        "next_run_at": moment!(job.next_run_at),
        "started_at": moment!(job.started_at),
        "finished_at": moment!(job.finished_at),
        "worker_id": job.worker_id,
        "result": serde_json::from_str::<Value>(&job.result_json).ok(),
        "error": job.error.as_ref().map(failure),
        "labels": job.labels,
        "sequence": job.sequence,
    }))
}

/// An attempt.
pub(crate) fn attempt(attempt: &v1::JobAttempt) -> Value {
    let outcome = attempt.outcome().as_str_name().trim_start_matches("OUTCOME_");
    without_empty(json!({
        "number": attempt.number,
        "epoch": attempt.epoch,
        "outcome": outcome,
        "worker_id": attempt.worker_id,
        "started_at": moment!(attempt.started_at),
        "finished_at": moment!(attempt.finished_at),
        "error": attempt.error.as_ref().map(failure),
    }))
}

/// A queue.
pub(crate) fn queue(queue: &v1::Queue) -> Value {
    let depths: Map<String, Value> = queue
        .depths
        .iter()
        .map(|depth| (priority(depth.priority).to_owned(), depth.ready.into()))
        .collect();
    let oldest = queue.oldest_ready_age.as_ref().map_or(0, |age| age.seconds);
    json!({ "name": queue.name, "ready": queue.ready, "oldest_ready_seconds": oldest, "priorities": depths })
}

fn failure(error: &v1::JobError) -> Value {
    json!({ "type": error.r#type, "message": error.message, "retryable": error.retryable })
}

fn without_empty(mut value: Value) -> Value {
    if let Some(members) = value.as_object_mut() {
        members.retain(|_, member| {
            !member.is_null()
                && *member != Value::String(String::new())
                && *member != Value::Object(Map::new())
        });
    }
    value
}
