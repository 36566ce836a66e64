//! Heartbeats.

use std::time::Duration;

use redis::Value;
use scheduler_domain::{Epoch, JobId, Lease, Shard, WorkerId};

use super::batch::group;
use super::call::Call;
use super::codec::{member, read_bytes, read_id};
use super::link::unexpected;
use super::{RedisQueue, give_up, micros, scripts};
use crate::Error;

const CONTEXT: &str = "extending leases";

/// One script per shard, in one round trip: every shard is to know the worker.
pub(super) async fn extend(
    queue: &RedisQueue,
    worker: &WorkerId,
    ttl: Duration,
    held: &[Lease],
) -> Result<Vec<JobId>, Error> {
    let held: Vec<&Lease> = {
        let recent = queue.recent();
        held.iter()
            .filter(|lease| !recent.contains(lease.id, lease.epoch))
            .collect()
    };
    let by_shard = group(held.iter().copied(), |lease| lease.id);
    let calls = Shard::all().map(|shard| {
        let keys = queue.keys.of(shard);
        let mut call = Call::script(&scripts::EXTEND, &[&keys.leases, &keys.workers])
            .of(shard)
            .arg(queue.skew())
            .arg(worker.as_str())
            .arg(micros(ttl));
        for lease in by_shard.get(&shard).into_iter().flatten() {
            call = call
                .arg(&member(lease.id, lease.epoch)[..])
                .arg(lease.since.timestamp_micros());
        }
        call
    });
    let answers = queue.link.ask_all(CONTEXT, calls.collect()).await?;

    let (mut lost, mut again) = (Vec::new(), Vec::new());
    for answer in &answers {
        let (more_lost, more_again) = read(answer).ok_or_else(|| unexpected(CONTEXT))?;
        lost.extend(more_lost);
        again.extend(more_again);
    }
    undo(queue, worker, &held, &again).await?;
    Ok(lost)
}

/// Drops what was made again although it had been given up while the heartbeat was on its way.
async fn undo(queue: &RedisQueue, worker: &WorkerId, held: &[&Lease], again: &[JobId]) -> Result<(), Error> {
    if again.is_empty() {
        return Ok(());
    }
    let mistaken: Vec<(JobId, Epoch)> = {
        let recent = queue.recent();
        let again: std::collections::HashSet<&JobId> = again.iter().collect();
        held.iter()
            .filter(|lease| again.contains(&lease.id) && recent.contains(lease.id, lease.epoch))
            .map(|lease| (lease.id, lease.epoch))
            .collect()
    };
    give_up::ack(queue, worker, &mistaken).await
}

/// Reads the answer of `extend.lua`: lost, made again.
pub(super) fn read(answer: &Value) -> Option<(Vec<JobId>, Vec<JobId>)> {
    let Value::Array(lists) = answer else { return None };
    let [Value::Array(lost), Value::Array(again)] = lists.as_slice() else {
        return None;
    };
    let ids = |list: &[Value]| {
        list.iter()
            .map(|id| read_id(read_bytes(id)?))
            .collect::<Option<Vec<_>>>()
    };
    Some((ids(lost)?, ids(again)?))
}
