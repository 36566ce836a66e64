//! What the background loops need of memory.

use std::time::Duration;

use async_trait::async_trait;
use scheduler_domain::{Entry, Lease, Shard, clock};

use super::MemoryQueue;
use super::state::Waiting;
use crate::{Error, Incarnation, Promoted, Upkeep};

#[async_trait]
impl Upkeep for MemoryQueue {
    async fn promote(&self, shard: Shard, limit: usize) -> Result<Promoted, Error> {
        let now = self.clock.now();
        let mut promoted = Promoted::default();
        {
            let mut state = self.state();
            let shard = state.shard_mut(shard);
            while let Some((ready_at, id, epoch)) = shard.delayed.first().copied() {
                if ready_at > now || promoted.moved == limit {
                    promoted.next_in = Some(clock::since(ready_at, now));
                    break;
                }
                match shard.entries.get(&(id, epoch)) {
                    Some(Waiting::Delayed(entry)) => {
                        let entry = entry.clone();
                        *promoted
                            .ready
                            .entry((entry.queue.clone(), entry.priority))
                            .or_default() += 1;
                        shard.make_ready(&entry);
                    }
                    _ => drop(shard.delayed.pop_first()),
                }
                promoted.moved += 1;
            }
        }
        if promoted.moved > 0 {
            self.bell.notify_waiters();
        }
        Ok(promoted)
    }

    async fn expired(&self, shard: Shard, limit: usize) -> Result<Vec<Lease>, Error> {
        let now = self.clock.now();
        let mut state = self.state();
        let expired: Vec<Lease> = state
            .shard(shard)
            .leases
            .iter()
            .filter(|(_, held)| !state.is_alive(&held.worker, now))
            .take(limit)
            .map(|(id, held)| Lease {
                id: *id,
                epoch: held.epoch,
                worker: held.worker.clone(),
                since: held.since,
            })
            .collect();
        // A worker that is not on the list counts as silent, so nothing is lost with those whose time is up.
        state.workers.retain(|_, deadline| *deadline > now);
        Ok(expired)
    }

    async fn evict(&self, leases: &[Lease]) -> Result<(), Error> {
        let mut state = self.state();
        for lease in leases {
            let shard = state.shard_mut(lease.id.shard());
            if shard.is_held_by(&lease.worker, lease.id, lease.epoch) {
                shard.leases.remove(&lease.id);
            }
        }
        Ok(())
    }

    async fn unknown(&self, shard: Shard, entries: &[Entry]) -> Result<Vec<Entry>, Error> {
        let state = self.state();
        let known = state.shard(shard);
        let is_unknown = |entry: &&Entry| {
            entry.id.shard() == shard
                && !known.entries.contains_key(&(entry.id, entry.epoch))
                && known.leased_epoch(entry.id) != Some(entry.epoch)
        };
        Ok(entries.iter().filter(is_unknown).cloned().collect())
    }

    async fn incarnation(&self) -> Result<Incarnation, Error> {
        Ok(Incarnation(self.state().incarnation.to_string()))
    }

    async fn elect(&self, shard: Shard, owner: &str, ttl: Duration) -> Result<bool, Error> {
        let now = self.clock.now();
        let mut state = self.state();
        if state
            .elected
            .get(&shard)
            .is_some_and(|(holder, until)| holder != owner && *until > now)
        {
            return Ok(false);
        }
        state
            .elected
            .insert(shard, (owner.to_owned(), clock::add(now, ttl)));
        Ok(true)
    }
}
