//! Reporting how an attempt ended.

use std::sync::Arc;

use scheduler_domain::{Entry, Job};
use scheduler_store::{Report, ReportKind, Verdict};
use tokio::sync::OwnedSemaphorePermit;
use tracing::{debug, error, warn};

use super::{Shared, note};
use crate::history;
use crate::notes::Notes;

/// Delivers a report, and holds its lease and its permit until the store knows.
pub(super) async fn deliver(
    shared: Arc<Shared>,
    job: Job,
    entry: Entry,
    report: Report,
    notes: Notes,
    _permit: OwnedSemaphorePermit,
) {
    let kind = report.verdict.clone();
    if !matches!(kind, ReportKind::Succeeded { .. }) {
        note::store_last(&shared, &entry, &notes).await;
    }
    history::reports(shared.session.worker(), &entry, &kind);
    let delivered = shared.session.finish(report, entry.clone()).await;
    history::reported(shared.session.worker(), &entry, &delivered);
    shared.held.forget(entry.id, entry.epoch);
    match delivered {
        Ok(Verdict::Accepted) => {
            log_failure(&kind);
            shared.meters.recorded(&job, &kind, shared.engine.clock().now());
        }
        Ok(Verdict::Fenced) => {
            shared.meters.fenced();
            warn!("report refused: the job was cancelled, finished or handed out elsewhere");
        }
        Err(error) => {
            error!(
                error = &error as &dyn std::error::Error,
                "report lost, the job will run again"
            );
            // The lease would live as long as this worker, and nobody would run the job.
            shared.session.forget(&entry);
        }
    }
}

fn log_failure(kind: &ReportKind) {
    match kind {
        ReportKind::Succeeded { .. } => {}
        ReportKind::Retry { at, error } => {
            debug!(kind = error.kind, error = error.message, %at, "attempt failed, the job will be retried");
        }
        ReportKind::Failed { error } => debug!(kind = error.kind, error = error.message, "job failed"),
        ReportKind::DeadLetter { error } => debug!(kind = error.kind, error = error.message, "job is dead"),
    }
}
