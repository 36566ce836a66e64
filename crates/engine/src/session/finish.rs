//! Reporting: the store decides, then the lease goes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use scheduler_domain::{Entry, Epoch, JobId, WorkerId};
use scheduler_queue::{Hint, SharedQueue};
use scheduler_store::{Report, ReportKind, Verdict};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::{debug, warn};

use super::Session;
use crate::Error;
use crate::backoff::Backoff;
use crate::engine::Parts;
use crate::lanes::{Batches, Lanes};

/// Reports that may wait for a lane.
const CAPACITY: usize = 4_096;
/// Reports per statement. Nobody waits for one but who watches its job.
const BATCHES: Batches = Batches {
    largest: 1_000,
    apart: Duration::from_millis(2),
};
/// How long a report is tried again while the store is down, before its worker is told that nobody knows.
const PATIENCE: Duration = Duration::from_secs(60);

/// A report on its way, with what the queue needs to know of it afterwards.
type Reported = (Report, Entry);

/// The way of reports into the store, and of ended leases out of the queue.
pub(super) struct Finisher {
    lanes: Lanes<Reported, Result<Verdict, Arc<scheduler_store::Error>>>,
    ended: mpsc::UnboundedSender<Ended>,
}

/// Leases to drop, and entries to push in their place.
#[derive(Default)]
struct Ended {
    leases: Vec<(JobId, Epoch)>,
    retries: Vec<(Instant, Vec<Entry>)>,
    changed: bool,
}

impl Finisher {
    pub(super) fn start(parts: &Arc<Parts>, worker: &WorkerId) -> Self {
        let (ended, outlet) = mpsc::unbounded_channel();
        tokio::spawn(drop_leases(Arc::clone(parts), worker.clone(), outlet));
        let lanes = {
            let (parts, ended) = (Arc::clone(parts), ended.clone());
            Lanes::start(
                "finish",
                parts.options.finish_lanes,
                CAPACITY,
                BATCHES,
                move |reported| store_batch(Arc::clone(&parts), ended.clone(), reported),
            )
        };
        Self { lanes, ended }
    }

    /// Drops leases of entries that turned out to be stale.
    pub(super) fn unlease(&self, leases: Vec<(JobId, Epoch)>) {
        let _ = self.ended.send(Ended {
            leases,
            ..Ended::default()
        });
    }
}

impl Session {
    /// Drops the lease of a job that stopped here without a result: it was cancelled, or is somebody else's by now.
    pub fn forget(&self, entry: &Entry) {
        self.0.finisher.unlease(vec![(entry.id, entry.epoch)]);
    }

    /// Reports how an attempt ended, and has `then` told what [`Session::finish`] would answer. It is called on the way of all reports, so
    /// it must not take long; it is dropped when the engine has ended.
    pub fn report(
        &self,
        report: Report,
        entry: Entry,
        then: impl FnOnce(Result<Verdict, Error>) + Send + 'static,
    ) {
        let lanes = &self.0.finisher.lanes;
        lanes.post((report, entry), |answer| then(answer.map_err(Error::Batch)));
    }

    /// Reports how an attempt ended. `entry` is what was claimed: a retry goes back into its queue.
    ///
    /// While the store is down the report is tried again, with backoff.
    ///
    /// # Errors
    /// [`Error::Stopped`]; the store's failure after a minute of it: then the lease runs out and the job runs again.
    pub async fn finish(&self, report: Report, entry: Entry) -> Result<Verdict, Error> {
        let answer = self
            .0
            .finisher
            .lanes
            .call((report, entry))
            .await
            .ok_or(Error::Stopped)?;
        answer.map_err(Error::Batch)
    }
}

async fn store_batch(
    parts: Arc<Parts>,
    ended: mpsc::UnboundedSender<Ended>,
    reported: Vec<Reported>,
) -> Vec<Result<Verdict, Arc<scheduler_store::Error>>> {
    let (reports, entries): (Vec<Report>, Vec<Entry>) = reported.into_iter().unzip();
    let verdicts = match insist(&parts, &reports).await {
        Ok(verdicts) => verdicts,
        Err(error) => {
            let error = Arc::new(error);
            return reports.iter().map(|_| Err(Arc::clone(&error))).collect();
        }
    };
    let mut after = Ended {
        changed: true,
        ..Ended::default()
    };
    let mut retries = Vec::new();
    for ((report, entry), verdict) in reports.iter().zip(entries).zip(&verdicts) {
        after.leases.push((report.id, report.epoch));
        if let (Verdict::Accepted, ReportKind::Retry { at, .. }) = (verdict, &report.verdict) {
            retries.push(Entry {
                epoch: report.epoch.next(),
                ready_at: *at,
                ..entry
            });
        }
    }
    after.retries.push((Instant::now(), retries));
    let _ = ended.send(after);
    verdicts.into_iter().map(Ok).collect()
}

/// Tries until the store answers. Trying a report again is safe: the epoch fences all but the first.
///
/// A report that was recorded, and whose answer was lost, is accepted again: the store knows it by epoch, worker and start.
async fn insist(parts: &Parts, reports: &[Report]) -> Result<Vec<Verdict>, scheduler_store::Error> {
    let mut backoff = Backoff::default();
    let deadline = Instant::now() + PATIENCE;
    loop {
        match parts.store.finish(parts.clock.now(), reports.to_vec()).await {
            Ok(verdicts) => return Ok(verdicts),
            Err(error @ scheduler_store::Error::Unavailable { .. }) if Instant::now() < deadline => {
                if backoff.is_first() {
                    warn!(
                        reports = reports.len(),
                        error = &error as &dyn std::error::Error,
                        "report not stored, trying again"
                    );
                }
                tokio::time::sleep(backoff.next(&*parts.entropy)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Drops leases in batches, pushes what is to run again, and tells watchers. Leases that cannot be dropped now are kept for the next
/// try: a lease lives as long as its worker's heartbeats, so a forgotten one would live for ever.
async fn drop_leases(parts: Arc<Parts>, worker: WorkerId, mut outlet: mpsc::UnboundedReceiver<Ended>) {
    let mut backoff = Backoff::default();
    let mut waiting = Vec::new();
    let mut pending: HashMap<JobId, Epoch> = HashMap::new();
    while outlet.recv_many(&mut waiting, BATCHES.largest).await > 0 {
        let mut changed = Vec::new();
        let mut retries = Vec::new();
        for ended in waiting.drain(..) {
            if ended.changed {
                changed.extend(ended.leases.iter().map(|(id, _)| *id));
            }
            pending.extend(ended.leases);
            retries.extend(ended.retries);
        }
        while !pending.is_empty() {
            let leases: Vec<(JobId, Epoch)> = pending.iter().map(|(id, epoch)| (*id, *epoch)).collect();
            match parts.queue.ack(&worker, &leases).await {
                Ok(()) => {
                    backoff.reset();
                    pending.clear();
                }
                Err(error) => {
                    if backoff.is_first() {
                        warn!(leases = pending.len(), %error, "leases not dropped, trying again");
                    }
                    tokio::time::sleep(backoff.next(&*parts.entropy)).await;
                }
            }
        }
        for (written, entries) in retries {
            parts.pusher.push(written, entries);
        }
        tell(&parts.queue, changed).await;
    }
}

async fn tell(queue: &SharedQueue, changed: Vec<JobId>) {
    if changed.is_empty() {
        return;
    }
    if let Err(error) = queue.publish(Hint::Changed(changed)).await {
        debug!(%error, "watchers not told, they will look");
    }
}
