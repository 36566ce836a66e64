//! Makes what the promises are about.

use std::time::Duration;

use scheduler_domain::{
    Epoch, Job, JobFailure, JobId, JobOptions, JobSpec, JobType, KeyHash, NewJob, Priority, QueueName, Shard,
    Timestamp, WorkerId, clock,
};
use uuid::Uuid;

use crate::{HandOut, HandOutCause, Report, ReportKind, Running, Store, Submitted};

/// Some seconds after noon on the first of January 2026, the time at which all tests begin.
#[must_use]
pub fn at(seconds: u64) -> Timestamp {
    let noon = Timestamp::from_timestamp_micros(1_767_268_800_123_456).unwrap();
    clock::add(noon, Duration::from_secs(seconds))
}

/// The `n`-th id. Ids go round the shards.
#[must_use]
pub fn id(n: u64) -> JobId {
    let mut random = [0; 10];
    random[..8].copy_from_slice(&n.to_be_bytes());
    JobId::generate(at(n), random, Shard::wrapping(n))
}

/// The `n`-th id of one shard.
#[must_use]
pub fn id_in(shard: Shard, n: u64) -> JobId {
    id(n * u64::from(Shard::COUNT) + u64::from(shard.byte()))
}

/// The `n`-th idempotency key.
#[must_use]
pub fn key(n: u64) -> KeyHash {
    KeyHash(Uuid::from_u64_pair(n.wrapping_mul(0x9e37_79b9_7f4a_7c15), n))
}

/// The plainest body.
#[must_use]
pub fn a_spec() -> JobSpec {
    JobSpec {
        job_type: JobType::parse("noop").unwrap(),
        queue: QueueName::default(),
        priority: Priority::Default,
        payload: r#"{"n":1}"#.to_owned(),
        max_attempts: 3,
        options: JobOptions::default(),
    }
}

/// A job with the `n`-th id, made by us.
#[must_use]
pub fn a_job(n: u64) -> NewJob {
    NewJob {
        id: id(n),
        chosen: false,
        key: None,
        spec: a_spec(),
        trace: None,
    }
}

/// A job with the `n`-th id, chosen by the client.
#[must_use]
pub fn chosen(n: u64) -> NewJob {
    NewJob {
        chosen: true,
        ..a_job(n)
    }
}

/// A job with the `n`-th id, made by us, under the `k`-th key.
#[must_use]
pub fn keyed(n: u64, k: u64) -> NewJob {
    NewJob {
        key: Some(key(k)),
        ..a_job(n)
    }
}

/// `new` with another body.
#[must_use]
pub fn otherwise(new: NewJob) -> NewJob {
    NewJob {
        spec: JobSpec {
            payload: "[]".to_owned(),
            priority: Priority::High,
            ..new.spec
        },
        ..new
    }
}

/// A worker.
#[must_use]
pub fn worker(n: u128) -> WorkerId {
    WorkerId::new("worker", Uuid::from_u128(n))
}

/// A failure.
#[must_use]
pub fn a_failure() -> JobFailure {
    JobFailure::new("timeout", "took too long", true)
}

/// A report on the current attempt of `job`, begun a second after it was last due.
#[must_use]
pub fn report(job: &Job, verdict: ReportKind) -> Report {
    Report {
        id: job.id,
        epoch: job.epoch,
        worker: worker(1),
        started_at: clock::add(job.run_at, Duration::from_secs(1)),
        verdict,
    }
}

/// A success.
#[must_use]
pub fn success() -> ReportKind {
    ReportKind::Succeeded {
        result: Some(r#"{"ok":true}"#.to_owned()),
    }
}

/// A failure with a second try at `at`.
#[must_use]
pub fn retry(at: Timestamp) -> ReportKind {
    ReportKind::Retry {
        at,
        error: a_failure(),
    }
}

/// That `job` runs.
#[must_use]
pub fn running(job: &Job) -> Running {
    Running {
        id: job.id,
        epoch: job.epoch,
        worker: worker(1),
        started_at: clock::add(job.run_at, Duration::from_secs(1)),
    }
}

/// That the lease on `job` ran out, with a crash budget.
#[must_use]
pub fn lease_expired(id: JobId, epoch: Epoch, budget: u32) -> HandOut {
    HandOut {
        id,
        epoch,
        cause: HandOutCause::LeaseExpired {
            worker: worker(1),
            since: at(1),
            budget,
        },
    }
}

/// That a draining worker gave `job` back.
#[must_use]
pub fn released(job: &Job) -> HandOut {
    HandOut {
        id: job.id,
        epoch: job.epoch,
        cause: HandOutCause::Released {
            worker: worker(1),
            since: at(1),
        },
    }
}

/// That the queue has forgotten `job`.
#[must_use]
pub fn forgotten(job: &Job) -> HandOut {
    HandOut {
        id: job.id,
        epoch: job.epoch,
        cause: HandOutCause::Forgotten,
    }
}

/// Submits one job, which must be new.
pub async fn submit(store: &impl Store, now: Timestamp, new: NewJob) -> Job {
    submit_all(store, now, vec![new]).await.remove(0)
}

/// Submits jobs, which must all be new.
pub async fn submit_all(store: &impl Store, now: Timestamp, new: Vec<NewJob>) -> Vec<Job> {
    let created = store.submit(now, new).await.unwrap();
    created
        .into_iter()
        .map(|submitted| match submitted {
            Submitted::Created(job) => job,
            other => panic!("expected a new job, got {other:?}"),
        })
        .collect()
}

/// The job as it is now.
pub async fn get(store: &impl Store, id: JobId) -> Job {
    store.get(&[id]).await.unwrap().remove(0).unwrap()
}

/// Takes one report, which must be accepted.
pub async fn finish(store: &impl Store, now: Timestamp, report: Report) -> Job {
    let id = report.id;
    assert_eq!(
        store.finish(now, vec![report]).await.unwrap(),
        [crate::Verdict::Accepted]
    );
    get(store, id).await
}
