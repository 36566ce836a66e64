//! The way of a job through the memory queue.

use std::time::Duration;

use async_trait::async_trait;
use scheduler_domain::{Entry, Epoch, JobId, Lease, Shard, WorkerId, clock};

use super::MemoryQueue;
use super::state::Held;
use crate::{Claimed, Dispatch, Error, Served};

#[async_trait]
impl Dispatch for MemoryQueue {
    async fn push(&self, entries: &[Entry]) -> Result<(), Error> {
        let now = self.clock.now();
        let mut woken = false;
        {
            let mut state = self.lock();
            for entry in entries {
                woken |= state.shard_mut(entry.id.shard()).push(entry, now);
            }
        }
        if woken {
            self.ready.notify_waiters();
        }
        Ok(())
    }

    async fn claim(
        &self,
        worker: &WorkerId,
        served: &Served,
        from: Option<Shard>,
        limit: usize,
    ) -> Result<Vec<Claimed>, Error> {
        let now = self.clock.now();
        let mut state = self.lock();
        for shard in self.rotation(from) {
            let slice = state.shard_mut(shard);
            let claimed: Vec<Claimed> = std::iter::from_fn(|| slice.claim_one(worker, served, now, self.aging_step))
                .take(limit)
                .map(|entry| Claimed { entry, at: now })
                .collect();
            if !claimed.is_empty() {
                slice.workers.entry(worker.clone()).or_insert_with(|| clock::add(now, self.lease));
                return Ok(claimed);
            }
        }
        Ok(Vec::new())
    }

    async fn wait(&self, served: &Served, longest: Duration) -> Result<Option<Shard>, Error> {
        let find = || {
            let state = self.lock();
            Shard::all().find(|shard| state.shard(*shard).has_ready(served))
        };
        let woken = async {
            loop {
                // Registered before the look, so that a push between the two is not missed.
                let notified = self.ready.notified();
                tokio::pin!(notified);
                notified.as_mut().enable();
                if let Some(shard) = find() {
                    return shard;
                }
                notified.await;
            }
        };
        Ok(tokio::time::timeout(longest, woken).await.ok())
    }

    async fn extend(&self, worker: &WorkerId, ttl: Duration, held: &[Lease]) -> Result<Vec<JobId>, Error> {
        let now = self.clock.now();
        let until = clock::add(now, ttl);
        let mut state = self.lock();
        for slice in state.slices_mut() {
            slice.workers.insert(worker.clone(), until);
        }
        let mut lost = Vec::new();
        for lease in held {
            let slice = state.shard_mut(lease.id.shard());
            let entry_of_same_epoch = slice.leases.get(&lease.id).cloned();
            match entry_of_same_epoch {
                Some(other) if other.worker == *worker && other.epoch == lease.epoch => {}
                Some(other) if other.epoch >= lease.epoch => lost.push(lease.id),
                _ => {
                    let held = Held { epoch: lease.epoch, worker: worker.clone(), since: lease.since };
                    slice.leases.insert(lease.id, held);
                }
            }
        }
        Ok(lost)
    }

    async fn ack(&self, worker: &WorkerId, ended: &[(JobId, Epoch)]) -> Result<(), Error> {
        let mut state = self.lock();
        for (id, epoch) in ended {
            state.shard_mut(id.shard()).unlease(*id, *epoch, worker);
        }
        Ok(())
    }

    async fn release(&self, worker: &WorkerId, unstarted: &[Entry]) -> Result<(), Error> {
        let now = self.clock.now();
        {
            let mut state = self.lock();
            for entry in unstarted {
                let slice = state.shard_mut(entry.id.shard());
                if slice.unlease(entry.id, entry.epoch, worker) {
                    slice.push(entry, now);
                }
            }
        }
        self.ready.notify_waiters();
        Ok(())
    }

    async fn remove(&self, entries: &[Entry]) -> Result<(), Error> {
        let mut state = self.lock();
        for entry in entries {
            state.shard_mut(entry.id.shard()).remove(entry);
        }
        Ok(())
    }

    async fn retire(&self, worker: &WorkerId) -> Result<(), Error> {
        for slice in self.lock().slices_mut() {
            slice.workers.remove(worker);
        }
        Ok(())
    }
}
