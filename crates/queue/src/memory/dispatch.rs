//! The way of a job through memory.

use std::time::Duration;

use async_trait::async_trait;
use scheduler_domain::{Entry, Epoch, JobId, Lease, Shard, Timestamp, WorkerId, clock};
use tokio::time::Instant;

use super::MemoryQueue;
use super::state::{Held, Line, ShardState, State};
use crate::{Claimed, Dispatch, Error, Served, Woken};

impl Served {
    fn includes(&self, line: &Line) -> bool {
        match self {
            Self::All => true,
            Self::Only(queues) => queues.contains(&line.0),
        }
    }
}

#[async_trait]
impl Dispatch for MemoryQueue {
    async fn push(&self, entries: &[Entry]) -> Result<(), Error> {
        let now = self.clock.now();
        {
            let mut state = self.state();
            for entry in entries {
                let shard = state.shard_mut(entry.id.shard());
                if shard
                    .leased_epoch(entry.id)
                    .is_some_and(|leased| leased >= entry.epoch)
                {
                    continue;
                }
                if entry.ready_at <= now {
                    shard.make_ready(entry);
                } else {
                    shard.delay(entry);
                }
            }
        }
        self.bell.notify_waiters();
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
        let mut state = self.state();
        let first = from.unwrap_or_else(|| {
            state.turn = state.turn.wrapping_add(1);
            Shard::wrapping(state.turn)
        });
        for n in 0..u64::from(Shard::COUNT) {
            let shard = state.shard_mut(Shard::wrapping(u64::from(first.byte()) + n));
            let claimed = shard.claim(worker, served, now, limit, self.aging_step);
            if !claimed.is_empty() {
                // Only for a worker that is not known, or whose time is up: what it takes would be expired at once.
                if !state.is_alive(worker, now) {
                    state.workers.insert(worker.clone(), clock::add(now, self.lease));
                }
                state.recent.taken(
                    claimed
                        .iter()
                        .map(|claimed| (claimed.entry.id, claimed.entry.epoch)),
                );
                return Ok(claimed);
            }
        }
        Ok(Vec::new())
    }

    async fn wait(&self, served: &Served, longest: Duration) -> Result<Option<Woken>, Error> {
        let deadline = Instant::now() + longest;
        loop {
            let rung = self.bell.notified();
            tokio::pin!(rung);
            // Listening from before the look, so that nothing falls between the two.
            rung.as_mut().enable();
            if let Some(woken) = self.state().ready(served) {
                return Ok(Some(woken));
            }
            if tokio::time::timeout_at(deadline, rung).await.is_err() {
                return Ok(None);
            }
        }
    }

    async fn extend(&self, worker: &WorkerId, ttl: Duration, held: &[Lease]) -> Result<Vec<JobId>, Error> {
        let deadline = clock::add(self.clock.now(), ttl);
        let mut state = self.state();
        state.workers.insert(worker.clone(), deadline);
        let mut lost = Vec::new();
        for lease in held {
            if state.recent.contains(lease.id, lease.epoch) {
                continue;
            }
            let leases = &mut state.shard_mut(lease.id.shard()).leases;
            match leases.get(&lease.id) {
                Some(other) if other.epoch > lease.epoch => lost.push(lease.id),
                Some(other) if other.epoch == lease.epoch && other.worker != *worker => lost.push(lease.id),
                Some(ours) if ours.epoch == lease.epoch => {}
                _ => {
                    let held = Held {
                        epoch: lease.epoch,
                        worker: worker.clone(),
                        since: lease.since,
                    };
                    leases.insert(lease.id, held);
                }
            }
        }
        Ok(lost)
    }

    async fn ack(&self, worker: &WorkerId, ended: &[(JobId, Epoch)]) -> Result<(), Error> {
        let mut state = self.state();
        state.recent.given_up(ended.iter().copied());
        for (id, epoch) in ended {
            let shard = state.shard_mut(id.shard());
            if shard.is_held_by(worker, *id, *epoch) {
                shard.leases.remove(id);
            }
        }
        Ok(())
    }

    async fn release(&self, worker: &WorkerId, unstarted: &[Entry]) -> Result<(), Error> {
        {
            let mut state = self.state();
            state
                .recent
                .given_up(unstarted.iter().map(|entry| (entry.id, entry.epoch)));
            for entry in unstarted {
                let shard = state.shard_mut(entry.id.shard());
                if shard.is_held_by(worker, entry.id, entry.epoch) {
                    shard.leases.remove(&entry.id);
                    shard.make_ready(entry);
                }
            }
        }
        self.bell.notify_waiters();
        Ok(())
    }

    async fn remove(&self, entries: &[Entry]) -> Result<(), Error> {
        let mut state = self.state();
        for entry in entries {
            let shard = state.shard_mut(entry.id.shard());
            shard.forget((entry.id, entry.epoch));
            if shard
                .leased_epoch(entry.id)
                .is_some_and(|leased| leased <= entry.epoch)
            {
                shard.leases.remove(&entry.id);
            }
        }
        Ok(())
    }

    async fn retire(&self, worker: &WorkerId) -> Result<(), Error> {
        self.state().workers.remove(worker);
        Ok(())
    }
}

impl State {
    /// A shard that has something for whoever serves these queues; the first one from where the next claim begins.
    fn ready(&self, served: &Served) -> Option<Woken> {
        let mut shards = (1..=u64::from(Shard::COUNT)).map(|n| Shard::wrapping(self.turn.wrapping_add(n)));
        shards.find_map(|shard| {
            let lines = self.shard(shard).ready.iter();
            let mut waiting = lines
                .filter(|(line, _)| served.includes(line))
                .flat_map(|(_, places)| places);
            let (_, id, epoch) = waiting.next()?;
            Some(Woken {
                shard,
                entry: waiting.next().is_none().then_some((*id, *epoch)),
            })
        })
    }
}

impl ShardState {
    /// Leases up to `limit` of the entries that are first by `ready_at` plus penalty.
    fn claim(
        &mut self,
        worker: &WorkerId,
        served: &Served,
        now: Timestamp,
        limit: usize,
        step: Duration,
    ) -> Vec<Claimed> {
        let mut claimed = Vec::new();
        while claimed.len() < limit {
            let heads = self.ready.iter().filter(|(line, _)| served.includes(line));
            let heads = heads.filter_map(|((_, priority), places)| {
                let (ready_at, id, epoch) = *places.first()?;
                Some((clock::add(ready_at, priority.penalty(step)), (id, epoch)))
            });
            let Some((_, key)) = heads.min() else { break };
            let Some(super::state::Waiting::Ready(entry)) = self.entries.get(&key) else {
                break;
            };
            let entry = entry.clone();
            self.forget(key);
            // Leased already: a late push of what somebody works on, or of an attempt that is over.
            if self
                .leased_epoch(entry.id)
                .is_some_and(|leased| leased >= entry.epoch)
            {
                continue;
            }
            let held = Held {
                epoch: entry.epoch,
                worker: worker.clone(),
                since: now,
            };
            self.leases.insert(entry.id, held);
            claimed.push(Claimed { entry, at: now });
        }
        claimed
    }
}
