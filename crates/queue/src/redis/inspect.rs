//! Looks into Redis.

use std::collections::BTreeMap;

use async_trait::async_trait;
use redis::Value;
use scheduler_domain::{JobId, Lease, Priority, QueueName, Shard, Timestamp, clock};

use super::batch::group;
use super::call::Call;
use super::codec::{read_bytes, read_lease, read_number, read_time};
use super::keys::parse_line;
use super::link::unexpected;
use super::timed::timed;
use super::{RedisQueue, scripts};
use crate::{Depth, Error, Inspect, Sizes};

#[async_trait]
impl Inspect for RedisQueue {
    async fn leases(&self, ids: &[JobId]) -> Result<Vec<Option<Lease>>, Error> {
        timed("leases", leases(self, ids)).await
    }

    async fn depths(&self) -> Result<Vec<Depth>, Error> {
        timed("depths", depths(self)).await
    }

    async fn sizes(&self) -> Result<Sizes, Error> {
        timed("sizes", sizes(self)).await
    }

    async fn ping(&self) -> Result<(), Error> {
        timed("ping", async {
            self.link.ask("pinging", Call::command("PING")).await.map(drop)
        })
        .await
    }
}

async fn leases(queue: &RedisQueue, ids: &[JobId]) -> Result<Vec<Option<Lease>>, Error> {
    const CONTEXT: &str = "reading leases";
    let by_shard = group(ids.iter().copied().enumerate(), |(_, id)| *id);
    let calls = by_shard.iter().map(|(shard, ids)| {
        let call = Call::command("HMGET")
            .of(*shard)
            .arg(&queue.keys.of(*shard).leases);
        ids.iter()
            .fold(call, |call, (_, id)| call.arg(&id.0.as_bytes()[..]))
    });
    let answers = queue.link.ask_all(CONTEXT, calls.collect()).await?;
    let mut leases = vec![None; ids.len()];
    for (ids, answer) in by_shard.values().zip(&answers) {
        let Value::Array(found) = answer else {
            return Err(unexpected(CONTEXT));
        };
        for ((i, id), lease) in ids.iter().zip(found) {
            leases[*i] = read_bytes(lease).and_then(|bytes| read_lease(*id, bytes));
        }
    }
    Ok(leases)
}

async fn depths(queue: &RedisQueue) -> Result<Vec<Depth>, Error> {
    const CONTEXT: &str = "measuring depths";
    let calls = Shard::all().map(|shard| {
        let keys = queue.keys.of(shard);
        Call::script(&scripts::DEPTHS, &[&keys.lines])
            .of(shard)
            .arg(queue.skew())
            .arg(&keys.ready)
    });
    let answers = queue.link.ask_all(CONTEXT, calls.collect()).await?;
    let mut lines: BTreeMap<(QueueName, Priority), Depth> = BTreeMap::new();
    for answer in &answers {
        let (now, found) = read_depths(answer).ok_or_else(|| unexpected(CONTEXT))?;
        for ((queue, priority), ready, first) in found {
            let depth = lines.entry((queue.clone(), priority)).or_insert(Depth {
                queue,
                priority,
                ready: 0,
                oldest: None,
            });
            depth.ready += ready;
            depth.oldest = depth.oldest.max(Some(clock::since(now, first)));
        }
    }
    Ok(lines.into_values().collect())
}

pub(super) type LineDepth = ((QueueName, Priority), u64, Timestamp);

/// Reads the answer of `depths.lua`; lines that are not ours are left out.
pub(super) fn read_depths(answer: &Value) -> Option<(Timestamp, Vec<LineDepth>)> {
    let Value::Array(values) = answer else { return None };
    let [now, lines @ ..] = values.as_slice() else {
        return None;
    };
    let lines = lines.chunks_exact(3).filter_map(|line| {
        let name = parse_line(read_bytes(&line[0])?)?;
        Some((
            name,
            u64::try_from(read_number(&line[1])?).ok()?,
            read_time(&line[2])?,
        ))
    });
    Some((read_time(now)?, lines.collect()))
}

async fn sizes(queue: &RedisQueue) -> Result<Sizes, Error> {
    const CONTEXT: &str = "measuring sizes";
    let calls = Shard::all().map(|shard| {
        let keys = queue.keys.of(shard);
        Call::script(
            &scripts::SIZES,
            &[&keys.lines, &keys.delayed, &keys.leases, &keys.workers],
        )
        .of(shard)
        .arg(queue.skew())
        .arg(&keys.ready)
    });
    let answers = queue.link.ask_all(CONTEXT, calls.collect()).await?;
    let mut sizes = Sizes::default();
    for answer in &answers {
        let [
            ready,
            delayed,
            leased,
            workers,
            ready_bytes,
            delayed_bytes,
            leased_bytes,
        ] = read_sizes(answer).ok_or_else(|| unexpected(CONTEXT))?;
        sizes.ready += ready;
        sizes.delayed += delayed;
        sizes.leased += leased;
        // A heartbeat reaches every shard, so that the shard that knows most knows all.
        sizes.workers = sizes.workers.max(workers);
        sizes.ready_bytes += ready_bytes;
        sizes.delayed_bytes += delayed_bytes;
        sizes.leased_bytes += leased_bytes;
    }
    Ok(sizes)
}

pub(super) fn read_sizes(answer: &Value) -> Option<[u64; 7]> {
    let Value::Array(values) = answer else { return None };
    let numbers = values.iter().map(|value| u64::try_from(read_number(value)?).ok());
    numbers.collect::<Option<Vec<_>>>()?.try_into().ok()
}
