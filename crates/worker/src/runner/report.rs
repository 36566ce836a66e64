//! Reporting how an attempt ended.

use std::sync::Arc;

use scheduler_domain::{Entry, Priority, Timestamp};
use scheduler_engine::Error;
use scheduler_store::{Report, ReportKind, Verdict};
use tokio::sync::OwnedSemaphorePermit;
use tracing::{Instrument as _, Span, debug, error, warn};

use super::{Shared, note};
use crate::history;
use crate::notes::Notes;

/// What is kept of an attempt until its report is recorded.
pub(super) struct Ended {
    pub(super) entry: Entry,
    pub(super) priority: Priority,
    pub(super) created_at: Timestamp,
    pub(super) span: Span,
    /// Held until the report is recorded: intake waits when too many are not.
    pub(super) permit: OwnedSemaphorePermit,
}

/// Sends a report. A success, which most are, costs no task of its own: it waits in line, and the line settles it.
pub(super) fn deliver(shared: &Arc<Shared>, ended: Ended, report: Report, notes: Notes) {
    if matches!(report.verdict, ReportKind::Succeeded { .. }) {
        send(shared, ended, report);
        return;
    }
    let shared = Arc::clone(shared);
    let span = ended.span.clone();
    let tracker = shared.reporting.clone();
    tracker.spawn(
        async move {
            note::store_last(&shared, &ended.entry, &notes).await;
            send(&shared, ended, report);
        }
        .instrument(span),
    );
}

fn send(shared: &Arc<Shared>, ended: Ended, report: Report) {
    history::reports(shared.session.worker(), &ended.entry, &report.verdict);
    let kind = outline(&report.verdict);
    let entry = ended.entry.clone();
    let (shared_then, under_way) = (Arc::clone(shared), shared.reporting.token());
    shared.session.report(report, entry, move |delivered| {
        ended
            .span
            .in_scope(|| settle(&shared_then, &ended, &kind, delivered));
        drop((ended.permit, under_way));
    });
}

/// A verdict without the result, which may be long and is the report's.
fn outline(verdict: &ReportKind) -> ReportKind {
    match verdict {
        ReportKind::Succeeded { .. } => ReportKind::Succeeded { result: None },
        failed => failed.clone(),
    }
}

fn settle(shared: &Shared, ended: &Ended, kind: &ReportKind, delivered: Result<Verdict, Error>) {
    let entry = &ended.entry;
    history::reported(shared.session.worker(), entry, &delivered);
    shared.held.forget(entry.id, entry.epoch);
    match delivered {
        Ok(Verdict::Accepted) => {
            log_failure(kind);
            let took = shared.engine.clock().now();
            shared
                .meters
                .recorded(ended.priority, ended.created_at, kind, took);
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
            shared.session.forget(entry);
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
