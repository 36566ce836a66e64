//! One place of the pool: runs one attempt after the other.

use std::sync::Arc;

use scheduler_domain::{Entry, Job};
use scheduler_engine::Taken;
use scheduler_service::telemetry::link_traceparent;
use scheduler_store::Report;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span, debug, info_span};

use super::Shared;
use super::held::Why;
use super::report;
use crate::attempt::{self, Stops};
use crate::notes::Notes;
use crate::{history, verdict};

/// Works until `drain`.
pub(super) async fn work(shared: Arc<Shared>, drain: CancellationToken) {
    while let Some(Some((taken, permit))) = drain.run_until_cancelled(next(&shared)).await {
        run(&shared, taken, permit).await;
    }
}

/// The next job, with leave to report it. What is dropped here half way is still held, and goes back with the drain.
async fn next(shared: &Shared) -> Option<(Taken, OwnedSemaphorePermit)> {
    let permit = Arc::clone(&shared.reports).acquire_owned().await.ok()?;
    let taken = shared.buffer.take().await;
    shared.pulse.steady().await;
    Some((taken, permit))
}

async fn run(shared: &Arc<Shared>, taken: Taken, permit: OwnedSemaphorePermit) {
    let Taken { mut job, entry, .. } = taken;
    let clock = shared.engine.clock();
    let started_at = clock.now();
    let notes = Notes::after(job.progress.as_ref());
    let timeout = job
        .spec
        .options
        .timeout
        .unwrap_or(shared.engine.options().default_timeout);
    let Some(stop) = shared.held.start(&entry, started_at, timeout, notes.clone()) else {
        shared.pace.went(1);
        return;
    };
    shared.meters.starts(&job, entry.ready_at, started_at);
    let counted = shared.session.counts(&job.spec);
    history::starts(shared.session.worker(), &entry);
    let span = span(shared, &job);
    let payload = std::mem::take(&mut job.spec.payload);
    let stops = Stops {
        asked: &stop,
        forced: &shared.forced,
    };

    let begun = Instant::now();
    let running = attempt::run(
        &shared.registry,
        &job,
        payload,
        timeout,
        stops,
        notes.clone(),
        span.clone(),
    );
    let outcome = running.instrument(span.clone()).await;
    let ran = begun.elapsed();
    shared.meters.ran(&job.spec.job_type, ran);
    shared.pace.ended(ran);

    let told = shared.held.end(entry.id, entry.epoch);
    if told.is_none() || outcome.is_ok() {
        counted.ended(ran);
    }
    drop(counted);
    history::ended(shared.session.worker(), &entry, how(&outcome, told));
    if let (Err(error), Some(why)) = (&outcome, told) {
        span.in_scope(|| debug!(?why, %error, "the attempt was stopped"));
        stopped(shared, &entry, why);
        return;
    }
    // Whatever it was told, success is worth reporting: if it comes too late, the store refuses it.
    let now = clock.now();
    let verdict = verdict::of(&job, outcome, now, &**shared.engine.entropy());
    let report = Report {
        id: job.id,
        epoch: entry.epoch,
        worker: shared.session.worker().clone(),
        started_at,
        verdict,
    };
    let ended = report::Ended {
        entry,
        priority: job.spec.priority,
        created_at: job.created_at,
        span,
        permit,
    };
    // Off the slot: the next job begins while this one's report waits for its batch.
    report::deliver(shared, ended, report, notes);
}

/// How an attempt ended, in a word.
fn how(outcome: &attempt::Outcome, told: Option<Why>) -> &'static str {
    match (outcome, told) {
        (Ok(_), _) => "ok",
        (Err(_), None) => "error",
        (Err(_), Some(Why::Unwanted)) => "unwanted",
        (Err(_), Some(Why::Leaving)) => "leaving",
    }
}

/// An attempt ended because it was told to: nothing to report.
fn stopped(shared: &Shared, entry: &Entry, why: Why) {
    match why {
        Why::Unwanted => {
            shared.meters.fenced();
            shared.held.forget(entry.id, entry.epoch);
            shared.session.forget(entry);
        }
        // Still held: it goes back with the others.
        Why::Leaving => {}
    }
}

fn span(shared: &Shared, job: &Job) -> Span {
    let span = info_span!(
        "attempt.run",
        job.id = %job.id,
        job.r#type = %job.spec.job_type,
        attempt = job.attempts + 1,
        epoch = %job.epoch,
        worker = %shared.session.worker(),
    );
    if let Some(trace) = &job.trace {
        link_traceparent(&span, trace);
    }
    span
}
