//! What the queue in memory holds.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use scheduler_domain::{Entry, Epoch, JobId, Lease, Priority, QueueName, Shard, Timestamp, WorkerId, clock};

use crate::recent::Recent;
use crate::{Depth, Report, Sizes};

/// A queue at one priority.
pub(super) type Line = (QueueName, Priority);
/// Where an entry stands in its line, or among the delayed.
pub(super) type Place = (Timestamp, JobId, Epoch);

#[derive(Debug)]
pub(super) enum Waiting {
    Ready(Entry),
    Delayed(Entry),
}

#[derive(Debug)]
pub(super) struct Held {
    pub(super) epoch: Epoch,
    pub(super) worker: WorkerId,
    pub(super) since: Timestamp,
}

#[derive(Debug, Default)]
pub(super) struct ShardState {
    /// Lines that have entries, each in its order.
    pub(super) ready: BTreeMap<Line, BTreeSet<Place>>,
    pub(super) delayed: BTreeSet<Place>,
    /// Every entry that is in one of the two.
    pub(super) entries: HashMap<(JobId, Epoch), Waiting>,
    pub(super) leases: HashMap<JobId, Held>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) shards: [ShardState; Shard::COUNT as usize],
    /// Until when each worker's leases live.
    pub(super) workers: HashMap<WorkerId, Timestamp>,
    pub(super) recent: Recent,
    pub(super) elected: HashMap<Shard, (String, Timestamp)>,
    /// By process, with the moment.
    pub(super) reports: HashMap<String, (Timestamp, Report)>,
    pub(super) incarnation: u64,
    /// Where the next claim begins when nobody says.
    pub(super) turn: u64,
}

impl ShardState {
    /// Adds an entry to its line. One that is delayed moves; one that is ready keeps its place.
    pub(super) fn make_ready(&mut self, entry: &Entry) {
        let key = (entry.id, entry.epoch);
        match self.entries.get(&key) {
            Some(Waiting::Ready(_)) => return,
            Some(Waiting::Delayed(_)) => self.forget(key),
            None => {}
        }
        let line = (entry.queue.clone(), entry.priority);
        self.ready
            .entry(line)
            .or_default()
            .insert((entry.ready_at, entry.id, entry.epoch));
        self.entries.insert(key, Waiting::Ready(entry.clone()));
    }

    /// Adds an entry to the delayed. One that is known keeps its place.
    pub(super) fn delay(&mut self, entry: &Entry) {
        let key = (entry.id, entry.epoch);
        if !self.entries.contains_key(&key) {
            self.delayed.insert((entry.ready_at, entry.id, entry.epoch));
            self.entries.insert(key, Waiting::Delayed(entry.clone()));
        }
    }

    /// Takes an entry out of wherever it waits.
    pub(super) fn forget(&mut self, key: (JobId, Epoch)) {
        match self.entries.remove(&key) {
            Some(Waiting::Ready(entry)) => {
                let line = (entry.queue, entry.priority);
                if let Some(places) = self.ready.get_mut(&line) {
                    places.remove(&(entry.ready_at, entry.id, entry.epoch));
                    if places.is_empty() {
                        self.ready.remove(&line);
                    }
                }
            }
            Some(Waiting::Delayed(entry)) => {
                self.delayed.remove(&(entry.ready_at, entry.id, entry.epoch));
            }
            None => {}
        }
    }

    /// The epoch under which a job is leased.
    pub(super) fn leased_epoch(&self, id: JobId) -> Option<Epoch> {
        self.leases.get(&id).map(|held| held.epoch)
    }

    /// Whether `worker` holds this lease.
    pub(super) fn is_held_by(&self, worker: &WorkerId, id: JobId, epoch: Epoch) -> bool {
        self.leases
            .get(&id)
            .is_some_and(|held| held.epoch == epoch && held.worker == *worker)
    }
}

impl State {
    pub(super) fn shard(&self, shard: Shard) -> &ShardState {
        &self.shards[usize::from(shard.byte())]
    }

    pub(super) fn shard_mut(&mut self, shard: Shard) -> &mut ShardState {
        &mut self.shards[usize::from(shard.byte())]
    }

    pub(super) fn is_alive(&self, worker: &WorkerId, now: Timestamp) -> bool {
        self.workers.get(worker).is_some_and(|deadline| *deadline > now)
    }

    pub(super) fn lease(&self, id: JobId) -> Option<Lease> {
        let held = self.shard(id.shard()).leases.get(&id)?;
        Some(Lease {
            id,
            epoch: held.epoch,
            worker: held.worker.clone(),
            since: held.since,
        })
    }

    pub(super) fn depths(&self, now: Timestamp) -> Vec<Depth> {
        let mut lines: BTreeMap<&Line, Depth> = BTreeMap::new();
        for (line, places) in self.shards.iter().flat_map(|shard| &shard.ready) {
            let (queue, priority) = line.clone();
            let depth = lines.entry(line).or_insert(Depth {
                queue,
                priority,
                ready: 0,
                oldest: None,
            });
            depth.ready += places.len() as u64;
            depth.oldest = depth
                .oldest
                .max(places.first().map(|(ready_at, ..)| clock::since(now, *ready_at)));
        }
        lines.into_values().collect()
    }

    pub(super) fn sizes(&self, now: Timestamp) -> Sizes {
        let sum = |count: fn(&ShardState) -> usize| self.shards.iter().map(count).sum::<usize>() as u64;
        Sizes {
            ready: sum(|shard| shard.entries.len() - shard.delayed.len()),
            delayed: sum(|shard| shard.delayed.len()),
            leased: sum(|shard| shard.leases.len()),
            workers: self.workers.values().filter(|deadline| **deadline > now).count() as u64,
            ..Sizes::default()
        }
    }

    #[cfg(any(test, feature = "testing"))]
    pub(super) fn lose_everything(&mut self) {
        *self = Self {
            incarnation: self.incarnation + 1,
            ..Self::default()
        };
    }
}
