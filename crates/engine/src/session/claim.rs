//! Claiming: lease in the queue, then read the rows.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use scheduler_domain::{Epoch, JobId, Shard};
use scheduler_queue::Claimed;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::{Session, Taken};
use crate::backoff::Backoff;
use crate::{Error, history};

/// Longest time asleep before looking again although nobody rang: covers a wake-up that was lost.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Payloads read in one claim, bytes.
const MOST_BYTES: usize = 64 << 20;

impl Session {
    /// Waits until there is work, and takes at most `limit` jobs. Empty only when `stop` was cancelled.
    ///
    /// Outages of queue or store are waited out, with backoff.
    pub async fn next(&self, limit: usize, stop: &CancellationToken) -> Vec<Taken> {
        let mut backoff = Backoff::default();
        let mut from = None;
        while !stop.is_cancelled() {
            // Not raced against `stop`: a claim that is dropped half way would leave leases that nobody works on.
            match self.take(from, limit).await {
                Ok(taken) if !taken.is_empty() => return taken,
                Ok(_) => {}
                Err(error) => {
                    self.wait_out(&mut backoff, &error, stop).await;
                    continue;
                }
            }
            let woken = tokio::select! {
                () = stop.cancelled() => break,
                woken = self.0.parts.queue.wait(&self.0.served, LONGEST_WAIT) => woken,
            };
            match woken {
                Ok(shard) => {
                    from = shard;
                    if backoff.reset() {
                        tracing::info!("the queue answers again");
                    }
                }
                Err(error) => self.wait_out(&mut backoff, &error.into(), stop).await,
            }
        }
        Vec::new()
    }

    async fn wait_out(&self, backoff: &mut Backoff, error: &Error, stop: &CancellationToken) {
        if backoff.is_first() {
            warn!(
                error = error as &dyn std::error::Error,
                "cannot claim, trying again"
            );
        }
        let pause = backoff.next(&*self.0.parts.entropy);
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }

    /// One try. Claims until something was taken or nothing is ready: an entry can turn out to be stale.
    async fn take(&self, mut from: Option<Shard>, limit: usize) -> Result<Vec<Taken>, Error> {
        loop {
            let claimed = self
                .0
                .parts
                .queue
                .claim(&self.0.worker, &self.0.served, from.take(), limit)
                .await?;
            if claimed.is_empty() {
                return Ok(Vec::new());
            }
            history::claimed(&self.0.worker, &claimed);
            let taken = self.load(claimed).await?;
            history::taken(&self.0.worker, &taken);
            if !taken.is_empty() {
                return Ok(taken);
            }
        }
    }

    /// The rows of what was claimed, as many as fit; the rest is given back. Entries whose job is final, gone, or out under a higher epoch
    /// are dropped.
    async fn load(&self, claimed: Vec<Claimed>) -> Result<Vec<Taken>, Error> {
        let keys: Vec<(JobId, Epoch)> = claimed.iter().map(|c| (c.entry.id, c.entry.epoch)).collect();
        let loaded = match self.0.parts.store.load(&keys, MOST_BYTES).await {
            Ok(loaded) => loaded,
            Err(error) => {
                self.release(claimed.into_iter().map(|c| c.entry).collect()).await;
                return Err(error.into());
            }
        };
        let left: HashSet<JobId> = loaded.left.into_iter().collect();
        let (claimed, unread): (Vec<_>, Vec<_>) =
            claimed.into_iter().partition(|c| !left.contains(&c.entry.id));
        if !unread.is_empty() {
            debug!(
                jobs = unread.len(),
                "given back, for their payloads are too large to hold"
            );
            self.release(unread.into_iter().map(|c| c.entry).collect()).await;
        }
        let mut rows: HashMap<JobId, _> = loaded.jobs.into_iter().map(|job| (job.id, job)).collect();
        let mut stale = Vec::new();
        let mut taken = Vec::with_capacity(claimed.len());
        for Claimed { entry, at } in claimed {
            match rows.remove(&entry.id) {
                Some(job) => taken.push(Taken {
                    job,
                    entry,
                    claimed_at: at,
                }),
                None => stale.push((entry.id, entry.epoch)),
            }
        }
        if !stale.is_empty() {
            debug!(entries = stale.len(), "stale entries dropped");
            history::stale(&self.0.worker, &stale);
            self.0.finisher.unlease(stale);
        }
        Ok(taken)
    }
}
