//! What is done to the processes, step by step: each step waits for what the one before is to bring about.

use std::time::Duration;

use anyhow::Result;
use scheduler_client::{Jitter, JobRequest, RetryPolicy, State};
use scheduler_e2e::harness::Bug;
use scheduler_e2e::history::{Kind, Op, Told};
use scheduler_e2e::{Stage, until};
use uuid::Uuid;

/// A job that ends at once, and returns what no other attempt does.
fn quick() -> JobRequest {
    JobRequest::new("effect").payload_json("{}")
}

fn is_start(told: &Told) -> bool {
    told.op == Op::Start
}

fn is_answer(told: &Told) -> bool {
    told.op == Op::Report && told.kind != Kind::Invoke
}

/// A worker is stopped for longer than its lease, another runs its job, and the first comes back to report.
pub(crate) async fn stopped_past_its_lease(stage: &Stage, bug: Option<Bug>) -> Result<()> {
    let _api = stage.api("api", "", bug).await?;
    let first = stage.worker("first", "", bug)?;
    stage.client("client").await?.submit(stage.held()).await?;
    stage.told("first", "a start", is_start).await?;
    let fault = stage.fault("stopped");
    first.signal("STOP")?;
    let _second = stage.worker("second", "", bug)?;
    stage.told("second", "a start", is_start).await?;
    stage.lets("first")?;
    first.signal("CONT")?;
    fault.ends();
    stage.told("first", "the answer to its report", is_answer).await?;
    stage.lets("second")?;
    stage.rest().await?;
    stage.close().await
}

/// A worker dies when its job has ended, and its lease is still there.
pub(crate) async fn killed_before_its_lease_was_dropped(stage: &Stage, bug: Option<Bug>) -> Result<()> {
    let _api = stage.api("api", "", bug).await?;
    let first = stage.worker("first", "queue.ack:before=hang", bug)?;
    let job = stage.client("client").await?.submit(quick()).await?;
    let job: Uuid = job.job_id.parse()?;
    stage
        .row(job, "SUCCEEDED", |row| row.state() == Some(State::Succeeded))
        .await?;
    let fault = stage.fault("killed");
    first.kill()?;
    fault.ends();
    let _second = stage.worker("second", "", bug)?;
    stage.rest().await?;
    stage.close().await
}

/// An API dies when it has begun to store a job.
pub(crate) async fn api_killed_before_its_commit(stage: &Stage, bug: Option<Bug>) -> Result<()> {
    let first = stage.api("api-1", "store.submit:before=hang", bug).await?;
    let _worker = stage.worker("worker", "", bug)?;
    let mut client = stage.client("client").await?;
    let submit = tokio::spawn(async move { client.submit(quick()).await });
    let gate = |told: &Told| told.op == Op::Remark && told.code.as_deref() == Some("store.submit");
    stage.told("api-1", "that it is at its gate", gate).await?;
    match bug {
        Some(Bug::AckBeforeCommit) => {
            until("it is acknowledged", async || Ok(submit.is_finished())).await?;
        }
        Some(Bug::PushBeforeCommit) => {
            let stale = |told: &Told| told.op == Op::Stale;
            stage.told("worker", "that it found no row", stale).await?;
        }
        _ => {}
    }
    let fault = stage.fault("killed");
    first.kill()?;
    fault.ends();
    let answer = submit.await?;
    anyhow::ensure!(
        answer.is_ok() == (bug == Some(Bug::AckBeforeCommit)),
        "{answer:?}"
    );
    let _second = stage.api("api-2", "", None).await?;
    stage.client("client-2").await?.submit(quick()).await?;
    stage.rest().await?;
    stage.close().await
}

/// A job is cancelled while it runs, and does not hear of it.
pub(crate) async fn cancelled_while_it_runs(stage: &Stage, bug: Option<Bug>) -> Result<()> {
    let _api = stage.api("api", "", bug).await?;
    let _worker = stage.worker("worker", "", bug)?;
    let mut client = stage.client("client").await?;
    let job = client.submit(stage.held()).await?;
    stage.told("worker", "a start", is_start).await?;
    anyhow::ensure!(
        client.cancel(&job.job_id).await?,
        "it ended before it was cancelled"
    );
    stage.lets("worker")?;
    stage
        .told("worker", "the answer to its report", is_answer)
        .await?;
    stage.rest().await?;
    stage.close().await
}

/// A job fails each time, and is given up by its submitter if nobody else does.
pub(crate) async fn fails_as_often_as_it_may(stage: &Stage, bug: Option<Bug>) -> Result<()> {
    let _api = stage.api("api", "", bug).await?;
    let _worker = stage.worker("worker", "", bug)?;
    let mut client = stage.client("client").await?;
    let soon = RetryPolicy {
        initial: Duration::from_millis(100),
        multiplier: 1.0,
        max_interval: Duration::from_millis(100),
        jitter: Jitter::None,
    };
    let job = JobRequest::new("always_fail").payload_json(r#"{"message":"as asked"}"#);
    let job = client.submit(job.max_attempts(2).retry(&soon)).await?;
    stage
        .row(job.job_id.parse()?, "final, or on its fourth attempt", |row| {
            row.is_final() || row.epoch >= 4
        })
        .await?;
    client.cancel(&job.job_id).await?;
    stage.rest().await?;
    stage.close().await
}

/// A second worker comes while the first one works.
pub(crate) async fn a_second_worker_comes(stage: &Stage, bug: Option<Bug>) -> Result<()> {
    let _api = stage.api("api", "", bug).await?;
    let _first = stage.worker("first", "", bug)?;
    let mut client = stage.client("client").await?;
    client.submit(stage.held()).await?;
    stage.told("first", "a start", is_start).await?;
    stage.lets("second")?;
    let _second = stage.worker("second", "", None)?;
    if bug.is_some() {
        stage.told("second", "a start", is_start).await?;
    } else {
        let beat = |told: &Told| told.op == Op::Beat;
        stage.told("second", "that it is there", beat).await?;
    }
    stage.lets("first")?;
    stage.told("first", "the answer to its report", is_answer).await?;
    stage.rest().await?;
    stage.close().await
}
