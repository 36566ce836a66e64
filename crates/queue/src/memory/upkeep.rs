//! What the background loops ask of the memory queue.

use std::time::Duration;

use async_trait::async_trait;
use scheduler_domain::{Entry, Lease, Shard, clock};

use super::MemoryQueue;
use crate::{Error, Incarnation, Promoted, Upkeep};

#[async_trait]
impl Upkeep for MemoryQueue {
    async fn promote(&self, shard: Shard, limit: usize) -> Result<Promoted, Error> {
        let now = self.clock.now();
        let promoted = {
            let mut state = self.lock();
            let slice = state.shard_mut(shard);
            let moved = (0..limit).take_while(|_| slice.promote_one(now)).count();
            Promoted { moved, next_in: slice.next_due().map(|due| clock::since(due, now)) }
        };
        if promoted.moved > 0 {
            self.ready.notify_waiters();
        }
        Ok(promoted)
    }

    async fn expired(&self, shard: Shard, limit: usize) -> Result<Vec<Lease>, Error> {
        let now = self.clock.now();
        let mut state = self.lock();
        let slice = state.shard_mut(shard);
        let expired: Vec<Lease> = slice.expired(now).take(limit).collect();
        if expired.len() < limit {
            slice.workers.retain(|_, until| *until > now);
        }
        Ok(expired)
    }

    async fn evict(&self, leases: &[Lease]) -> Result<(), Error> {
        let mut state = self.lock();
        for lease in leases {
            state.shard_mut(lease.id.shard()).unlease(lease.id, lease.epoch, &lease.worker);
        }
        Ok(())
    }

    async fn unknown(&self, shard: Shard, entries: &[Entry]) -> Result<Vec<Entry>, Error> {
        let state = self.lock();
        let slice = state.shard(shard);
        Ok(entries.iter().filter(|entry| !slice.knows(entry)).cloned().collect())
    }

    async fn incarnation(&self) -> Result<Incarnation, Error> {
        Ok(Incarnation(self.lock().incarnation.to_string()))
    }

    async fn elect(&self, shard: Shard, owner: &str, ttl: Duration) -> Result<bool, Error> {
        let now = self.clock.now();
        let mut state = self.lock();
        let free = state.elected.get(&shard).is_none_or(|(holder, until)| holder == owner || *until <= now);
        if free {
            state.elected.insert(shard, (owner.to_owned(), clock::add(now, ttl)));
        }
        Ok(free)
    }
}
