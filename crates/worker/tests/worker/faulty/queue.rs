//! A memory queue that can be told to fail, and that remembers how it was asked.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use scheduler_domain::{Entry, Epoch, JobId, Lease, Shard, WorkerId};
use scheduler_queue::{
    Claimed, Depth, Dispatch, Error, Hint, Hints, Incarnation, Inspect, MemoryQueue, Promoted, Report,
    Reported, Served, Sizes, Tally, Upkeep, Woken,
};
use tokio::sync::broadcast;

pub(crate) struct FaultyQueue {
    inner: Arc<MemoryQueue>,
    /// Heartbeats fail.
    pub(crate) deaf: AtomicBool,
    /// Nothing that a canceller says arrives.
    pub(crate) mute: AtomicBool,
    /// Jobs that heartbeats are told to be somebody else's.
    pub(crate) lost: Mutex<Vec<JobId>>,
    /// How many jobs each claim that got some was given.
    pub(crate) claims: Mutex<Vec<usize>>,
    /// How many entries were given back.
    pub(crate) released: Mutex<usize>,
}

impl FaultyQueue {
    pub(crate) fn new(inner: Arc<MemoryQueue>) -> Self {
        Self {
            inner,
            deaf: AtomicBool::new(false),
            mute: AtomicBool::new(false),
            lost: Mutex::default(),
            claims: Mutex::default(),
            released: Mutex::default(),
        }
    }
}

#[async_trait]
impl Dispatch for FaultyQueue {
    async fn push(&self, entries: &[Entry]) -> Result<(), Error> {
        self.inner.push(entries).await
    }

    async fn claim(
        &self,
        worker: &WorkerId,
        served: &Served,
        from: Option<Shard>,
        limit: usize,
    ) -> Result<Vec<Claimed>, Error> {
        let claimed = self.inner.claim(worker, served, from, limit).await?;
        if !claimed.is_empty() {
            self.claims.lock().unwrap().push(claimed.len());
        }
        Ok(claimed)
    }

    async fn wait(&self, served: &Served, longest: Duration) -> Result<Option<Woken>, Error> {
        self.inner.wait(served, longest).await
    }

    async fn extend(&self, worker: &WorkerId, ttl: Duration, held: &[Lease]) -> Result<Vec<JobId>, Error> {
        if self.deaf.load(Ordering::SeqCst) {
            return Err(Error::Unavailable {
                context: "extending leases",
                source: "told to fail".into(),
            });
        }
        let mut lost = self.inner.extend(worker, ttl, held).await?;
        lost.extend_from_slice(&self.lost.lock().unwrap());
        Ok(lost)
    }

    async fn ack(&self, worker: &WorkerId, ended: &[(JobId, Epoch)]) -> Result<(), Error> {
        self.inner.ack(worker, ended).await
    }

    async fn release(&self, worker: &WorkerId, unstarted: &[Entry]) -> Result<(), Error> {
        *self.released.lock().unwrap() += unstarted.len();
        self.inner.release(worker, unstarted).await
    }

    async fn remove(&self, entries: &[Entry]) -> Result<(), Error> {
        if self.mute.load(Ordering::SeqCst) {
            return Ok(());
        }
        self.inner.remove(entries).await
    }

    async fn retire(&self, worker: &WorkerId) -> Result<(), Error> {
        self.inner.retire(worker).await
    }
}

#[async_trait]
impl Upkeep for FaultyQueue {
    async fn promote(&self, shard: Shard, limit: usize) -> Result<Promoted, Error> {
        self.inner.promote(shard, limit).await
    }

    async fn expired(&self, shard: Shard, limit: usize) -> Result<Vec<Lease>, Error> {
        self.inner.expired(shard, limit).await
    }

    async fn evict(&self, leases: &[Lease]) -> Result<(), Error> {
        self.inner.evict(leases).await
    }

    async fn unknown(&self, shard: Shard, entries: &[Entry]) -> Result<Vec<Entry>, Error> {
        self.inner.unknown(shard, entries).await
    }

    async fn incarnation(&self) -> Result<Incarnation, Error> {
        self.inner.incarnation().await
    }

    async fn elect(&self, shard: Shard, owner: &str, ttl: Duration) -> Result<bool, Error> {
        self.inner.elect(shard, owner, ttl).await
    }
}

#[async_trait]
impl Inspect for FaultyQueue {
    async fn leases(&self, ids: &[JobId]) -> Result<Vec<Option<Lease>>, Error> {
        self.inner.leases(ids).await
    }

    async fn depths(&self) -> Result<Vec<Depth>, Error> {
        self.inner.depths().await
    }

    async fn sizes(&self) -> Result<Sizes, Error> {
        self.inner.sizes().await
    }

    async fn ping(&self) -> Result<(), Error> {
        self.inner.ping().await
    }
}

#[async_trait]
impl Hints for FaultyQueue {
    async fn publish(&self, hint: Hint) -> Result<(), Error> {
        if self.mute.load(Ordering::SeqCst) {
            return Ok(());
        }
        self.inner.publish(hint).await
    }

    async fn subscribe(&self) -> Result<broadcast::Receiver<Hint>, Error> {
        self.inner.subscribe().await
    }
}

#[async_trait]
impl Tally for FaultyQueue {
    async fn report(&self, process: &str, report: &Report) -> Result<(), Error> {
        self.inner.report(process, report).await
    }

    async fn reports(&self) -> Result<Vec<Reported>, Error> {
        self.inner.reports().await
    }
}
