//! What the memory queue holds, and the steps on it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use scheduler_domain::{Entry, Epoch, JobId, Lease, Priority, QueueName, Shard, Timestamp, WorkerId, clock};

use crate::{Depth, Served, Sizes};

/// A line of ready entries, oldest first.
type Line = BTreeSet<(Timestamp, JobId, Epoch)>;

/// Everything.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) shards: [Slice; Shard::COUNT as usize],
    /// Changes when the content is lost.
    pub(super) incarnation: u64,
    /// Who looks after which shard, and until when.
    pub(super) elected: HashMap<Shard, (String, Timestamp)>,
}

/// One shard.
#[derive(Debug, Default)]
pub(super) struct Slice {
    ready: BTreeMap<(QueueName, Priority), Line>,
    delayed: BTreeMap<(Timestamp, JobId, Epoch), Entry>,
    /// Where each waiting job waits; absent for those that do not.
    waiting: HashMap<JobId, Entry>,
    pub(super) leases: HashMap<JobId, Held>,
    /// Until when each worker's leases live.
    pub(super) workers: HashMap<WorkerId, Timestamp>,
}

/// A lease, with the entry that it was made from.
#[derive(Debug, Clone)]
pub(super) struct Held {
    pub(super) epoch: Epoch,
    pub(super) worker: WorkerId,
    pub(super) since: Timestamp,
}

impl Held {
    pub(super) fn lease(&self, id: JobId) -> Lease {
        Lease { id, epoch: self.epoch, worker: self.worker.clone(), since: self.since }
    }
}

impl State {
    pub(super) fn shard(&self, shard: Shard) -> &Slice {
        &self.shards[usize::from(shard.byte())]
    }

    pub(super) fn shard_mut(&mut self, shard: Shard) -> &mut Slice {
        &mut self.shards[usize::from(shard.byte())]
    }

    pub(super) fn slices_mut(&mut self) -> impl Iterator<Item = &mut Slice> {
        self.shards.iter_mut()
    }

    pub(super) fn depths(&self, now: Timestamp) -> Vec<Depth> {
        let mut depths: BTreeMap<(QueueName, Priority), (u64, Option<Timestamp>)> = BTreeMap::new();
        for (name, line) in self.shards.iter().flat_map(|slice| &slice.ready) {
            let (ready, oldest) = depths.entry(name.clone()).or_default();
            *ready += line.len() as u64;
            let head = line.first().map(|(at, _, _)| *at);
            *oldest = [*oldest, head].into_iter().flatten().min();
        }
        depths
            .into_iter()
            .map(|((queue, priority), (ready, oldest))| {
                let oldest = oldest.map(|at| clock::since(now, at));
                Depth { queue, priority, ready, oldest }
            })
            .collect()
    }

    pub(super) fn sizes(&self, now: Timestamp) -> Sizes {
        let count = |size: fn(&Slice) -> usize| self.shards.iter().map(size).sum::<usize>() as u64;
        let alive: BTreeSet<&WorkerId> = self
            .shards
            .iter()
            .flat_map(|slice| &slice.workers)
            .filter_map(|(worker, until)| (*until > now).then_some(worker))
            .collect();
        Sizes {
            ready: count(|slice| slice.ready.values().map(Line::len).sum()),
            delayed: count(|slice| slice.delayed.len()),
            leased: count(|slice| slice.leases.len()),
            workers: alive.len() as u64,
            ..Sizes::default()
        }
    }
}

impl Slice {
    /// Makes `entry` wait, ready or delayed. Returns whether it became ready. Left alone: one that already waits under this or a higher
    /// epoch, or is leased under one.
    pub(super) fn push(&mut self, entry: &Entry, now: Timestamp) -> bool {
        let known = self.waiting.get(&entry.id).map(|w| w.epoch).max(self.leases.get(&entry.id).map(|l| l.epoch));
        if known.is_some_and(|epoch| epoch >= entry.epoch) {
            return false;
        }
        self.forget_waiting(entry.id);
        self.waiting.insert(entry.id, entry.clone());
        if entry.ready_at > now {
            self.delayed.insert((entry.ready_at, entry.id, entry.epoch), entry.clone());
            return false;
        }
        self.line(entry).insert((entry.ready_at, entry.id, entry.epoch));
        true
    }

    fn line(&mut self, entry: &Entry) -> &mut Line {
        self.ready.entry((entry.queue.clone(), entry.priority)).or_default()
    }

    fn forget_waiting(&mut self, id: JobId) {
        if let Some(entry) = self.waiting.remove(&id) {
            let key = (entry.ready_at, entry.id, entry.epoch);
            self.delayed.remove(&key);
            self.line(&entry).remove(&key);
        }
    }

    /// Takes the best ready entry of the queues served and leases it.
    pub(super) fn claim_one(&mut self, worker: &WorkerId, served: &Served, now: Timestamp, step: Duration) -> Option<Entry> {
        let best = self
            .ready
            .iter()
            .filter(|((queue, _), _)| match served {
                Served::All => true,
                Served::Only(names) => names.contains(queue),
            })
            .filter_map(|((queue, priority), line)| {
                let head = line.first()?;
                Some((clock::add(head.0, priority.penalty(step)), queue.clone(), *priority))
            })
            .min()?;
        let (_, queue, priority) = best;
        let (ready_at, id, epoch) = self.ready.get_mut(&(queue.clone(), priority))?.pop_first()?;
        self.waiting.remove(&id);
        self.leases.insert(id, Held { epoch, worker: worker.clone(), since: now });
        Some(Entry { id, epoch, queue, priority, ready_at })
    }

    /// Drops the lease on `id` if it is this one.
    pub(super) fn unlease(&mut self, id: JobId, epoch: Epoch, worker: &WorkerId) -> bool {
        let matches = self.leases.get(&id).is_some_and(|held| held.epoch == epoch && held.worker == *worker);
        if matches {
            self.leases.remove(&id);
        }
        matches
    }

    /// Forgets `entry` wherever it is, under its epoch or a lower one.
    pub(super) fn remove(&mut self, entry: &Entry) {
        if self.waiting.get(&entry.id).is_some_and(|waiting| waiting.epoch <= entry.epoch) {
            self.forget_waiting(entry.id);
        }
        if self.leases.get(&entry.id).is_some_and(|held| held.epoch <= entry.epoch) {
            self.leases.remove(&entry.id);
        }
    }

    /// Whether `entry` waits or is leased under its epoch or a higher one.
    pub(super) fn knows(&self, entry: &Entry) -> bool {
        self.waiting.get(&entry.id).is_some_and(|waiting| waiting.epoch >= entry.epoch)
            || self.leases.get(&entry.id).is_some_and(|held| held.epoch >= entry.epoch)
    }

    /// Moves the first delayed entry to ready if its time has come.
    pub(super) fn promote_one(&mut self, now: Timestamp) -> bool {
        let Some(first) = self.delayed.first_entry().filter(|first| first.key().0 <= now) else { return false };
        let (key, entry) = first.remove_entry();
        self.line(&entry).insert(key)
    }

    /// When the next delayed entry is due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.delayed.first_key_value().map(|((at, _, _), _)| *at)
    }

    /// Leases whose worker is silent or unknown.
    pub(super) fn expired(&self, now: Timestamp) -> impl Iterator<Item = Lease> + '_ {
        self.leases
            .iter()
            .filter(move |(_, held)| self.workers.get(&held.worker).is_none_or(|until| *until <= now))
            .map(|(id, held)| held.lease(*id))
    }

    /// Whether anything is ready in the queues served.
    pub(super) fn has_ready(&self, served: &Served) -> bool {
        self.ready.iter().any(|((queue, _), line)| {
            !line.is_empty()
                && match served {
                    Served::All => true,
                    Served::Only(names) => names.contains(queue),
                }
        })
    }
}
