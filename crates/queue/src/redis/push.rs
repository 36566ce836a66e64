//! Entries on their way in.

use chrono::TimeDelta;
use scheduler_domain::{Clock as _, Entry};

use super::batch::{Places, by_shard};
use super::bells::Bells;
use super::call::Call;
use super::{RedisQueue, scripts};
use crate::Error;

/// Entries that become ready within this time ring already: the server's clock, which decides, may be ahead of ours.
const RING_EARLY: TimeDelta = TimeDelta::seconds(1);

/// One script per shard, then one for the bells, in one round trip.
pub(super) async fn push(queue: &RedisQueue, entries: &[Entry]) -> Result<(), Error> {
    let now = queue.clock.now() + TimeDelta::microseconds(queue.skew());
    let mut bells = Bells::default();
    let mut calls = Vec::new();
    for (shard, lines) in by_shard(entries) {
        let keys = queue.keys.of(shard);
        let call = Call::script(&scripts::PUSH, &keys.of_a_life())
            .of(shard)
            .arg(queue.skew())
            .arg(&keys.ready)
            .arg(now.timestamp_micros())
            .lines(&lines, Places::With);
        calls.push(call);
        for ((name, _), entries) in lines {
            let ready: Vec<&Entry> = entries
                .into_iter()
                .filter(|entry| entry.ready_at <= now + RING_EARLY)
                .collect();
            bells.add(name, shard, &ready);
        }
    }
    calls.extend(bells.call(&queue.keys));
    queue.link.ask_all("pushing entries", calls).await?;
    Ok(())
}
