//! Claiming: lease in the queue, then read the rows; the row of an entry that came alone is read meanwhile.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use scheduler_domain::{Epoch, Job, JobId};
use scheduler_queue::{Claimed, Woken};
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
        let mut woken = None;
        while !stop.is_cancelled() {
            // Not raced against `stop`: a claim that is dropped half way would leave leases that nobody works on.
            match self.take(woken.take(), limit).await {
                Ok(taken) if !taken.is_empty() => return taken,
                Ok(_) => {}
                Err(error) => {
                    self.wait_out(&mut backoff, &error, stop).await;
                    continue;
                }
            }
            let waited = tokio::select! {
                () = stop.cancelled() => break,
                waited = self.0.parts.queue.wait(&self.0.served, LONGEST_WAIT) => waited,
            };
            match waited {
                Ok(for_what) => {
                    woken = for_what;
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
    async fn take(&self, mut woken: Option<Woken>, limit: usize) -> Result<Vec<Taken>, Error> {
        let inner = &*self.0;
        loop {
            let (from, entry) = woken
                .take()
                .map_or((None, None), |woken| (Some(woken.shard), woken.entry));
            let claim = inner.parts.queue.claim(&inner.worker, &inner.served, from, limit);
            let (ahead, claimed) = tokio::join!(self.read_ahead(entry), claim);
            let claimed = claimed?;
            if claimed.is_empty() {
                return Ok(Vec::new());
            }
            history::claimed(&inner.worker, &claimed);
            let taken = self.load(claimed, ahead).await?;
            history::taken(&inner.worker, &taken);
            if !taken.is_empty() {
                return Ok(taken);
            }
        }
    }

    /// The row of what will probably be claimed; `None` when it cannot be had, for whatever reason: then it is read again once it is
    /// claimed. An entry is given out once, so what the row says under its epoch holds until then, but that it may be cancelled, and
    /// that can come at any moment until the attempt begins.
    async fn read_ahead(&self, entry: Option<(JobId, Epoch)>) -> Option<Job> {
        let loaded = self.0.parts.store.load(&[entry?], MOST_BYTES).await.ok()?;
        loaded.jobs.into_iter().next()
    }

    /// The rows of what was claimed, as many as fit; the rest is given back. Entries whose job is final, gone, or out under a higher epoch
    /// are dropped.
    async fn load(&self, claimed: Vec<Claimed>, ahead: Option<Job>) -> Result<Vec<Taken>, Error> {
        let keys: Vec<(JobId, Epoch)> = claimed.iter().map(|c| (c.entry.id, c.entry.epoch)).collect();
        let (jobs, left) = match ahead {
            Some(job) if keys == [(job.id, job.epoch)] => (vec![job], Vec::new()),
            _ => match self.0.parts.store.load(&keys, MOST_BYTES).await {
                Ok(loaded) => (loaded.jobs, loaded.left),
                Err(error) => {
                    self.release(claimed.into_iter().map(|c| c.entry).collect()).await;
                    return Err(error.into());
                }
            },
        };
        let left: HashSet<JobId> = left.into_iter().collect();
        let (claimed, unread): (Vec<_>, Vec<_>) =
            claimed.into_iter().partition(|c| !left.contains(&c.entry.id));
        if !unread.is_empty() {
            debug!(
                jobs = unread.len(),
                "given back, for their payloads are too large to hold"
            );
            self.release(unread.into_iter().map(|c| c.entry).collect()).await;
        }
        let mut rows: HashMap<JobId, _> = jobs.into_iter().map(|job| (job.id, job)).collect();
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
