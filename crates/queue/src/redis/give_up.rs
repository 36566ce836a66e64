//! Leases that end: acknowledged, released, removed, evicted.

use std::collections::HashMap;

use scheduler_domain::{Entry, Epoch, JobId, Lease, WorkerId};

use super::batch::{Places, by_shard, group};
use super::bells::Bells;
use super::call::Call;
use super::codec::member;
use super::{RedisQueue, scripts};
use crate::Error;

/// Drops leases that `worker` holds.
pub(super) async fn ack(
    queue: &RedisQueue,
    worker: &WorkerId,
    ended: &[(JobId, Epoch)],
) -> Result<(), Error> {
    queue.recent().given_up(ended.iter().copied());
    let calls = drops(queue, worker, ended);
    queue.link.ask_all("acknowledging attempts", calls).await?;
    Ok(())
}

/// Drops leases, whoever holds them.
pub(super) async fn evict(queue: &RedisQueue, leases: &[Lease]) -> Result<(), Error> {
    let mut by_worker: HashMap<&WorkerId, Vec<(JobId, Epoch)>> = HashMap::new();
    for lease in leases {
        by_worker
            .entry(&lease.worker)
            .or_default()
            .push((lease.id, lease.epoch));
    }
    let calls = by_worker
        .iter()
        .flat_map(|(worker, ended)| drops(queue, worker, ended))
        .collect();
    queue.link.ask_all("evicting leases", calls).await?;
    Ok(())
}

fn drops(queue: &RedisQueue, worker: &WorkerId, ended: &[(JobId, Epoch)]) -> Vec<Call> {
    let calls = group(ended, |(id, _)| *id).into_iter().map(|(shard, ended)| {
        let call = Call::script(&scripts::ACK, &[&queue.keys.of(shard).leases])
            .of(shard)
            .arg(worker.as_str());
        ended
            .into_iter()
            .fold(call, |call, (id, epoch)| call.arg(&member(*id, *epoch)[..]))
    });
    calls.collect()
}

/// Puts entries back that `worker` holds.
pub(super) async fn release(queue: &RedisQueue, worker: &WorkerId, unstarted: &[Entry]) -> Result<(), Error> {
    queue
        .recent()
        .given_up(unstarted.iter().map(|entry| (entry.id, entry.epoch)));
    let mut bells = Bells::default();
    let mut calls = Vec::new();
    for (shard, lines) in by_shard(unstarted) {
        let keys = queue.keys.of(shard);
        let call = Call::script(&scripts::RELEASE, &[&keys.lines, &keys.leases])
            .of(shard)
            .arg(worker.as_str())
            .arg(&keys.ready)
            .lines(&lines, Places::With);
        calls.push(call);
        lines
            .into_iter()
            .for_each(|((name, _), entries)| bells.add(name, shard, &entries));
    }
    calls.extend(bells.call(&queue.keys));
    queue.link.ask_all("releasing entries", calls).await?;
    Ok(())
}

/// Forgets entries wherever they are.
pub(super) async fn remove(queue: &RedisQueue, entries: &[Entry]) -> Result<(), Error> {
    let calls = by_shard(entries).into_iter().map(|(shard, lines)| {
        let keys = queue.keys.of(shard);
        Call::script(&scripts::REMOVE, &[&keys.lines, &keys.delayed, &keys.leases])
            .of(shard)
            .arg(&keys.ready)
            .lines(&lines, Places::Without)
    });
    queue.link.ask_all("removing entries", calls.collect()).await?;
    Ok(())
}
