//! One place of the pool: runs one attempt after the other.

use std::sync::Arc;

use scheduler_domain::clock;
use scheduler_engine::Taken;
use scheduler_store::{Report, ReportKind, Verdict};
use tokio::sync::{Mutex, OwnedSemaphorePermit, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, debug, error, info_span, warn};

use super::Shared;
use crate::attempt::{self, Ended};

/// Works until `drain` or the buffer's end.
pub(super) async fn work(
    shared: Arc<Shared>,
    buffer: Arc<Mutex<mpsc::UnboundedReceiver<Taken>>>,
    drain: CancellationToken,
) {
    loop {
        let Ok(report) = Arc::clone(&shared.reports).acquire_owned().await else {
            return;
        };
        let next = tokio::select! {
            biased;
            () = drain.cancelled() => return,
            next = async { buffer.lock().await.recv().await } => next,
        };
        let Some(taken) = next else { return };
        match shared.held.start(&taken) {
            Some(stop) => run(&shared, taken, stop, report).await,
            None => shared.pace.dropped(),
        }
    }
}

async fn run(shared: &Arc<Shared>, taken: Taken, stop: CancellationToken, permit: OwnedSemaphorePermit) {
    let job = &taken.job;
    let started_at = shared.engine.clock().now();
    let priority = job.spec.priority.name();
    metrics::histogram!("job_wait_seconds", "priority" => priority)
        .record(clock::since(started_at, job.run_at).as_secs_f64());
    metrics::gauge!("worker_inflight_jobs").increment(1.0);
    let begun = Instant::now();
    let timeout = job
        .spec
        .options
        .timeout
        .unwrap_or(shared.engine.options().default_timeout);
    let span = info_span!("attempt.run", job.id = %job.id, job.r#type = %job.spec.job_type, attempt = job.attempts + 1, epoch = %job.epoch);
    let ended = attempt::run(&shared.registry, job, timeout, &stop)
        .instrument(span)
        .await;
    let ran = begun.elapsed();
    metrics::gauge!("worker_inflight_jobs").decrement(1.0);
    shared.pace.ended(ran);

    let known = shared
        .registry
        .types()
        .any(|known| known == job.spec.job_type.as_str());
    let label = if known {
        job.spec.job_type.as_str().to_owned()
    } else {
        "unknown".to_owned()
    };
    metrics::histogram!("job_processing_duration_seconds", "job_type" => label).record(ran.as_secs_f64());
    let verdict = match ended {
        Ended::Result(result) => attempt::verdict(
            job,
            result,
            shared.engine.clock().now(),
            &**shared.engine.entropy(),
        ),
        Ended::Stopped => {
            // Cancelled, or somebody else's by now: nothing to report. If it is still in hand, the lease just runs out or is dropped.
            if shared.held.end(&taken.entry) {
                shared.session.forget(&taken.entry);
            }
            return;
        }
    };
    let report = Report {
        id: job.id,
        epoch: taken.entry.epoch,
        worker: shared.session.worker().clone(),
        started_at,
        verdict,
    };
    let shared = Arc::clone(shared);
    // Off the slot: the next job begins while this one's report waits for its batch.
    shared.clone().reporting.spawn(async move {
        deliver(&shared, report, taken).await;
        drop(permit);
    });
}

async fn deliver(shared: &Shared, report: Report, taken: Taken) {
    let id = report.id;
    let kind = report.verdict.clone();
    let delivered = shared.session.finish(report, taken.entry.clone()).await;
    // Held until the store knows: the lease must be renewed while the report is on its way.
    shared.held.end(&taken.entry);
    match delivered {
        Ok(Verdict::Accepted) => count(&taken, &kind, shared),
        Ok(Verdict::Fenced) => {
            metrics::counter!("jobs_fenced_total").increment(1);
            warn!(job.id = %id, epoch = %taken.entry.epoch, "report refused: cancelled, finished or handed out elsewhere");
        }
        Err(error) => {
            error!(job.id = %id, error = &error as &dyn std::error::Error, "report lost, the job will run again");
        }
    }
}

fn count(taken: &Taken, kind: &ReportKind, shared: &Shared) {
    let priority = taken.job.spec.priority.name();
    let status = match kind {
        ReportKind::Succeeded { .. } => "success",
        ReportKind::Retry { .. } => {
            metrics::counter!("jobs_retried_total", "priority" => priority).increment(1);
            "retry"
        }
        ReportKind::Failed { .. } => "failed",
        ReportKind::DeadLetter { .. } => {
            metrics::counter!("jobs_deadlettered_total", "priority" => priority).increment(1);
            "deadletter"
        }
    };
    if let ReportKind::Retry { error, .. } | ReportKind::Failed { error } | ReportKind::DeadLetter { error } =
        kind
    {
        debug!(job.id = %taken.job.id, status, error = %error.message, "attempt failed");
    }
    metrics::counter!("jobs_processed_total", "status" => status).increment(1);
    let total = clock::since(shared.engine.clock().now(), taken.job.created_at);
    metrics::histogram!("job_end_to_end_seconds").record(total.as_secs_f64());
}
