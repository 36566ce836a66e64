//! What becomes of attempts, told as trace events of the target `history`, which nothing listens to but the end-to-end tests'
//! recorder. Switched off, each costs one look at a flag.

use scheduler_domain::{Entry, WorkerId};
use scheduler_engine::Error;
use scheduler_store::{ReportKind, Verdict};
use tracing::trace;

macro_rules! tell {
    ($op:literal, $entry:expr, $worker:expr $(, $($more:tt)*)?) => {
        trace!(
            target: "history",
            op = $op,
            job = %$entry.id,
            epoch = $entry.epoch.0,
            worker = $worker.as_str(),
            $($($more)*)?
        )
    };
}

/// An attempt begins.
pub(crate) fn starts(worker: &WorkerId, entry: &Entry) {
    tell!("start", entry, worker);
}

/// An attempt ended here.
pub(crate) fn ended(worker: &WorkerId, entry: &Entry, how: &str) {
    tell!("end", entry, worker, code = how);
}

/// A report is on its way.
pub(crate) fn reports(worker: &WorkerId, entry: &Entry, kind: &ReportKind) {
    tell!(
        "report",
        entry,
        worker,
        kind = "invoke",
        code = kind.state().name()
    );
}

/// A report was answered.
pub(crate) fn reported(worker: &WorkerId, entry: &Entry, answer: &Result<Verdict, Error>) {
    match answer {
        Ok(Verdict::Accepted) => tell!("report", entry, worker, kind = "ok"),
        Ok(Verdict::Fenced) => tell!("report", entry, worker, kind = "fail", code = "fenced"),
        Err(_) => tell!("report", entry, worker, kind = "info", code = "unknown"),
    }
}

/// The worker drains.
pub(crate) fn drains(worker: &WorkerId, running: usize, released: usize) {
    trace!(target: "history", op = "drain", worker = worker.as_str(), running, released);
}
