//! What workers do, told as trace events of the target `history`, which nothing listens to but the end-to-end tests' recorder.
//! Switched off, each costs one look at a flag.

use scheduler_domain::{Entry, Epoch, JobId, Lease, Timestamp, WorkerId};
use scheduler_queue::Claimed;
use tracing::{Level, enabled, trace};

use crate::Taken;

fn told() -> bool {
    enabled!(target: "history", Level::TRACE)
}

fn entries<'a>(op: &str, worker: &WorkerId, entries: impl Iterator<Item = &'a Entry>) {
    for entry in entries {
        trace!(target: "history", op, job = %entry.id, epoch = entry.epoch.0, worker = worker.as_str());
    }
}

/// Entries were leased; their rows are not read yet.
pub(crate) fn claimed(worker: &WorkerId, claimed: &[Claimed]) {
    if told() {
        entries("claim", worker, claimed.iter().map(|claimed| &claimed.entry));
    }
}

/// Rows were seen open under the epoch of their entry.
pub(crate) fn taken(worker: &WorkerId, taken: &[Taken]) {
    if told() {
        entries("take", worker, taken.iter().map(|taken| &taken.entry));
    }
}

/// Entries were dropped: their rows are final, gone, or out under a higher epoch.
pub(crate) fn stale(worker: &WorkerId, stale: &[(JobId, Epoch)]) {
    for (id, epoch) in stale {
        trace!(target: "history", op = "stale", job = %id, epoch = epoch.0, worker = worker.as_str());
    }
}

/// Entries were given back before they were started.
pub(crate) fn released(worker: &WorkerId, unstarted: &[Entry]) {
    if told() {
        entries("release", worker, unstarted.iter());
    }
}

/// Attempts were given back after they had begun.
pub(crate) fn handed_back(leases: &[Lease]) {
    for lease in leases {
        trace!(
            target: "history",
            op = "hand_back",
            job = %lease.id,
            epoch = lease.epoch.0,
            worker = lease.worker.as_str(),
        );
    }
}

/// A heartbeat was answered.
pub(crate) fn beat(worker: &WorkerId, sent: Timestamp, held: usize, lost: usize) {
    trace!(
        target: "history",
        op = "beat",
        worker = worker.as_str(),
        sent_ns = sent.timestamp_nanos_opt(),
        held,
        lost,
    );
}

/// The queue was seen to have lost its content.
pub(crate) fn rebuilt() {
    trace!(target: "history", op = "reached", code = "queue_rebuilt");
}
