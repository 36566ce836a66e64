//! What stands between a process and its queue.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scheduler_domain::{Entry, Epoch, JobId, Lease, Shard, WorkerId};
use scheduler_queue::{
    Apart, Claimed, Depth, Dispatch, Error, Hint, Hints, Incarnation, Inspect, Promoted, Report, Reported,
    Served, SharedQueue, Sizes, Tally, Upkeep, Woken,
};
use tokio::sync::broadcast::Receiver;

use super::replays::Replays;
use super::{Gates, Planted};

/// A queue behind gates, with the bug that is planted, if one is.
pub(super) struct Between {
    pub(super) queue: SharedQueue,
    pub(super) gates: Arc<Gates>,
    pub(super) replays: Replays,
    pub(super) planted: Option<Arc<Planted>>,
}

#[async_trait]
impl Dispatch for Between {
    async fn push(&self, entries: &[Entry]) -> Result<(), Error> {
        self.gates.around("queue.push", self.queue.push(entries)).await
    }

    async fn claim(
        &self,
        worker: &WorkerId,
        served: &Served,
        from: Option<Shard>,
        limit: usize,
    ) -> Result<Vec<Claimed>, Error> {
        let claim = async {
            match &self.planted {
                Some(planted) => planted.claim(worker, served, from, limit).await,
                None => self.queue.claim(worker, served, from, limit).await,
            }
        };
        self.gates.around("queue.claim", claim).await
    }

    async fn wait(&self, served: &Served, longest: Duration) -> Result<Option<Woken>, Error> {
        self.queue.wait(served, longest).await
    }

    async fn extend(&self, worker: &WorkerId, ttl: Duration, held: &[Lease]) -> Result<Vec<JobId>, Error> {
        self.replays.also("queue.extend", || {
            let (queue, worker, held) = (Arc::clone(&self.queue), worker.clone(), held.to_vec());
            async move { queue.extend(&worker, ttl, &held).await.map(drop) }
        });
        let extend = self.queue.extend(worker, ttl, held);
        self.gates.around("queue.extend", extend).await
    }

    async fn ack(&self, worker: &WorkerId, ended: &[(JobId, Epoch)]) -> Result<(), Error> {
        self.replays.also("queue.ack", || {
            let (queue, worker, ended) = (Arc::clone(&self.queue), worker.clone(), ended.to_vec());
            async move { queue.ack(&worker, &ended).await }
        });
        self.gates
            .around("queue.ack", self.queue.ack(worker, ended))
            .await
    }

    async fn release(&self, worker: &WorkerId, unstarted: &[Entry]) -> Result<(), Error> {
        let release = self.queue.release(worker, unstarted);
        self.gates.around("queue.release", release).await
    }

    async fn remove(&self, entries: &[Entry]) -> Result<(), Error> {
        self.gates
            .around("queue.remove", self.queue.remove(entries))
            .await
    }

    async fn retire(&self, worker: &WorkerId) -> Result<(), Error> {
        self.gates.around("queue.retire", self.queue.retire(worker)).await
    }

    fn apart(&self) -> Option<Apart> {
        let queue = self.queue.apart()?;
        let (gates, replays) = (Arc::clone(&self.gates), self.replays.clone());
        let planted = self.planted.clone();
        Some(Box::new(|| {
            let apart = Self {
                queue: queue()?,
                gates,
                replays,
                planted,
            };
            Ok(Arc::new(apart) as SharedQueue)
        }))
    }
}

#[async_trait]
impl Upkeep for Between {
    async fn promote(&self, shard: Shard, limit: usize) -> Result<Promoted, Error> {
        self.gates
            .around("queue.promote", self.queue.promote(shard, limit))
            .await
    }

    async fn expired(&self, shard: Shard, limit: usize) -> Result<Vec<Lease>, Error> {
        self.gates
            .around("queue.expired", self.queue.expired(shard, limit))
            .await
    }

    async fn evict(&self, leases: &[Lease]) -> Result<(), Error> {
        self.gates.around("queue.evict", self.queue.evict(leases)).await
    }

    async fn unknown(&self, shard: Shard, entries: &[Entry]) -> Result<Vec<Entry>, Error> {
        self.gates
            .around("queue.unknown", self.queue.unknown(shard, entries))
            .await
    }

    async fn incarnation(&self) -> Result<Incarnation, Error> {
        self.queue.incarnation().await
    }

    async fn elect(&self, shard: Shard, owner: &str, ttl: Duration) -> Result<bool, Error> {
        self.queue.elect(shard, owner, ttl).await
    }
}

#[async_trait]
impl Inspect for Between {
    async fn leases(&self, ids: &[JobId]) -> Result<Vec<Option<Lease>>, Error> {
        self.queue.leases(ids).await
    }

    async fn depths(&self) -> Result<Vec<Depth>, Error> {
        self.queue.depths().await
    }

    async fn sizes(&self) -> Result<Sizes, Error> {
        self.queue.sizes().await
    }

    async fn ping(&self) -> Result<(), Error> {
        self.queue.ping().await
    }
}

#[async_trait]
impl Hints for Between {
    async fn publish(&self, hint: Hint) -> Result<(), Error> {
        self.queue.publish(hint).await
    }

    async fn subscribe(&self) -> Result<Receiver<Hint>, Error> {
        self.queue.subscribe().await
    }
}

#[async_trait]
impl Tally for Between {
    async fn report(&self, process: &str, report: &Report) -> Result<(), Error> {
        self.queue.report(process, report).await
    }

    async fn reports(&self) -> Result<Vec<Reported>, Error> {
        self.queue.reports().await
    }
}
