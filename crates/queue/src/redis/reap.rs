//! Finding leases whose worker fell silent.
//!
//! Leases are found by walking the hash, in steps that each block the server for no more than a moment. When a worker fell
//! silent, a call walks as far as it must. When none did, only a lost list of workers could leave expired leases: then each call
//! makes one step and remembers where it was.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use redis::Value;
use scheduler_domain::{JobId, Lease, Shard};

use super::call::Call;
use super::codec::{read_bytes, read_id, read_lease, read_number};
use super::link::unexpected;
use super::{RedisQueue, scripts};
use crate::Error;

const CONTEXT: &str = "looking for expired leases";
/// Leases looked at in one step.
const STEP: usize = 1_000;

/// Where the walk over each shard is.
#[derive(Debug, Default)]
pub(super) struct Walks([AtomicU64; Shard::COUNT as usize]);

pub(super) struct Step {
    cursor: u64,
    now: i64,
    silent: i64,
    pub(super) expired: Vec<Lease>,
}

pub(super) async fn expired(queue: &RedisQueue, shard: Shard, limit: usize) -> Result<Vec<Lease>, Error> {
    let place = &queue.walks.0[usize::from(shard.byte())];
    let mut cursor = place.load(Ordering::Relaxed);
    let from_the_start = cursor == 0;
    let mut begun = None;
    // A walk may meet a lease twice.
    let mut found: HashMap<JobId, Lease> = HashMap::new();
    loop {
        let step = step(queue, shard, cursor).await?;
        let began = *begun.get_or_insert(step.now);
        found.extend(step.expired.into_iter().map(|lease| (lease.id, lease)));
        cursor = step.cursor;
        if cursor == 0 && from_the_start && found.is_empty() && step.silent > 0 {
            forget(queue, shard, began).await?;
        }
        if cursor == 0 || step.silent == 0 || found.len() >= limit {
            break;
        }
    }
    // What was cut off, or not reached, is found by the next call: it begins anew when there was anything.
    place.store(if found.is_empty() { cursor } else { 0 }, Ordering::Relaxed);
    Ok(found.into_values().take(limit).collect())
}

async fn step(queue: &RedisQueue, shard: Shard, cursor: u64) -> Result<Step, Error> {
    let keys = queue.keys.of(shard);
    let call = Call::script(&scripts::EXPIRED, &[&keys.leases, &keys.workers])
        .of(shard)
        .arg(queue.skew())
        .arg(cursor)
        .arg(STEP);
    read(&queue.link.ask(CONTEXT, call).await?).ok_or_else(|| unexpected(CONTEXT))
}

/// Takes workers off the list that hold nothing any more, and were silent when the walk began that showed it.
async fn forget(queue: &RedisQueue, shard: Shard, then: i64) -> Result<(), Error> {
    let keys = queue.keys.of(shard);
    let call = Call::script(&scripts::FORGET, &[&keys.workers, &keys.claims])
        .of(shard)
        .arg(then);
    queue.link.ask(CONTEXT, call).await?;
    Ok(())
}

/// Reads the answer of `expired.lua`.
pub(super) fn read(answer: &Value) -> Option<Step> {
    let Value::Array(values) = answer else { return None };
    let [cursor, now, silent, leases @ ..] = values.as_slice() else {
        return None;
    };
    Some(Step {
        cursor: std::str::from_utf8(read_bytes(cursor)?).ok()?.parse().ok()?,
        now: read_number(now)?,
        silent: read_number(silent)?,
        // Whose worker's name is not one of ours is left to those who wrote it.
        expired: leases
            .chunks_exact(2)
            .filter_map(|pair| read_lease(read_id(read_bytes(&pair[0])?)?, read_bytes(&pair[1])?))
            .collect(),
    })
}
