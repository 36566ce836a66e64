//! What the tests are made of.

use std::time::Duration;

use scheduler_domain::{Entry, Epoch, JobId, Lease, Priority, QueueName, Shard, WorkerId, clock};
use uuid::Uuid;

use super::Harness;
use crate::{Claimed, Served};

/// The `n`th id of a shard.
#[must_use]
pub fn id_in(shard: Shard, n: u64) -> JobId {
    // The number from the top, so that ids sort as they count.
    JobId(Uuid::from_u64_pair(n, u64::from(shard.byte())))
}

/// The `n`th id; ids of consecutive numbers lie in different shards.
#[must_use]
pub fn id(n: u64) -> JobId {
    id_in(Shard::wrapping(n), n)
}

/// A worker by name.
#[must_use]
pub fn worker(name: &str) -> WorkerId {
    WorkerId::from_stored(name.to_owned())
}

/// A queue by name.
#[must_use]
pub fn queue(name: &str) -> QueueName {
    QueueName::parse(name).unwrap()
}

/// Job `id`, ready now, in the default queue at the default priority, under its first epoch.
#[must_use]
pub fn entry(h: &impl Harness, id: JobId) -> Entry {
    Entry {
        id,
        epoch: Epoch::FIRST,
        queue: QueueName::default(),
        priority: Priority::Default,
        ready_at: h.now(),
    }
}

/// Entries for the ids of all numbers below `count`, ready now.
#[must_use]
pub fn entries(h: &impl Harness, count: u64) -> Vec<Entry> {
    (0..count).map(|n| entry(h, id(n))).collect()
}

/// As `entry`, ready `ago` earlier.
#[must_use]
pub fn ready_since(entry: Entry, ago: Duration) -> Entry {
    Entry {
        ready_at: clock::sub(entry.ready_at, ago),
        ..entry
    }
}

/// As `entry`, ready `later`.
#[must_use]
pub fn ready_in(entry: Entry, later: Duration) -> Entry {
    Entry {
        ready_at: clock::add(entry.ready_at, later),
        ..entry
    }
}

/// What a worker says it holds after `claimed`.
#[must_use]
pub fn held(worker: &WorkerId, claimed: &[Claimed]) -> Vec<Lease> {
    let lease = |c: &Claimed| Lease {
        id: c.entry.id,
        epoch: c.entry.epoch,
        worker: worker.clone(),
        since: c.at,
    };
    claimed.iter().map(lease).collect()
}

/// Ids, in order, of what was claimed.
#[must_use]
pub fn ids(claimed: &[Claimed]) -> Vec<JobId> {
    claimed.iter().map(|claimed| claimed.entry.id).collect()
}

/// One claim from all queues.
pub async fn claim(h: &impl Harness, worker: &WorkerId, limit: usize) -> Vec<Claimed> {
    h.queue().claim(worker, &Served::All, None, limit).await.unwrap()
}

/// Claims until nothing is left.
pub async fn claim_all(h: &impl Harness, worker: &WorkerId) -> Vec<Claimed> {
    let mut all = Vec::new();
    loop {
        let claimed = claim(h, worker, 100).await;
        if claimed.is_empty() {
            return all;
        }
        all.extend(claimed);
    }
}

/// Claims and acknowledges until nothing is left.
pub async fn drain(h: &impl Harness, worker: &WorkerId) -> Vec<Claimed> {
    let all = claim_all(h, worker).await;
    let ended: Vec<_> = all
        .iter()
        .map(|claimed| (claimed.entry.id, claimed.entry.epoch))
        .collect();
    h.queue().ack(worker, &ended).await.unwrap();
    all
}

/// Promotes everything that is due, in every shard.
pub async fn promote_all(h: &impl Harness) -> usize {
    let mut moved = 0;
    for shard in Shard::all() {
        moved += h.queue().promote(shard, 1_000).await.unwrap().moved;
    }
    moved
}

/// Every expired lease, in every shard, by number of the id.
pub async fn expired_all(h: &impl Harness) -> Vec<Lease> {
    let mut expired = Vec::new();
    for shard in Shard::all() {
        expired.extend(h.queue().expired(shard, 10_000).await.unwrap());
    }
    expired.sort_by_key(|lease| lease.id);
    expired
}
