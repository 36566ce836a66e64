//! The way of a job through Redis: each verb is in a file of its own.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scheduler_domain::{Entry, Epoch, JobId, Lease, Shard, WorkerId};

use super::call::Call;
use super::timed::{counted, timed};
use super::{RedisQueue, claim, extend, give_up, push, wait};
use crate::{Apart, Claimed, Dispatch, Error, Served, SharedQueue, Woken};

#[async_trait]
impl Dispatch for RedisQueue {
    async fn push(&self, entries: &[Entry]) -> Result<(), Error> {
        timed("push", push::push(self, entries)).await
    }

    async fn claim(
        &self,
        worker: &WorkerId,
        served: &Served,
        from: Option<Shard>,
        limit: usize,
    ) -> Result<Vec<Claimed>, Error> {
        timed("claim", claim::claim(self, worker, served, from, limit)).await
    }

    async fn wait(&self, served: &Served, longest: Duration) -> Result<Option<Woken>, Error> {
        counted("wait", wait::wait(self, served, longest).await)
    }

    async fn extend(&self, worker: &WorkerId, ttl: Duration, held: &[Lease]) -> Result<Vec<JobId>, Error> {
        timed("extend", extend::extend(self, worker, ttl, held)).await
    }

    async fn ack(&self, worker: &WorkerId, ended: &[(JobId, Epoch)]) -> Result<(), Error> {
        timed("ack", give_up::ack(self, worker, ended)).await
    }

    async fn release(&self, worker: &WorkerId, unstarted: &[Entry]) -> Result<(), Error> {
        timed("release", give_up::release(self, worker, unstarted)).await
    }

    async fn remove(&self, entries: &[Entry]) -> Result<(), Error> {
        timed("remove", give_up::remove(self, entries)).await
    }

    async fn retire(&self, worker: &WorkerId) -> Result<(), Error> {
        timed("retire", retire(self, worker)).await
    }

    fn apart(&self) -> Option<Apart> {
        let (options, recent) = (self.options.clone(), Arc::clone(&self.recent));
        Some(Box::new(|| {
            let queue = RedisQueue {
                recent,
                ..RedisQueue::connect(options)?
            };
            Ok(Arc::new(queue) as SharedQueue)
        }))
    }
}

/// Its time is up, in every shard that knows it. It stays on the list until it has been seen to hold nothing.
async fn retire(queue: &RedisQueue, worker: &WorkerId) -> Result<(), Error> {
    queue.claims.forget(worker);
    let calls = Shard::all().map(|shard| {
        Call::command("ZADD")
            .of(shard)
            .arg(&queue.keys.of(shard).workers)
            .arg("XX")
            .arg(0)
            .arg(worker.as_str())
    });
    queue.link.ask_all("retiring a worker", calls.collect()).await?;
    Ok(())
}
