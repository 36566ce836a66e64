//! What the background loops need of Redis.

use std::time::Duration;

use async_trait::async_trait;
use redis::Value;
use scheduler_domain::{Entropy as _, Entry, Lease, Shard, SystemEntropy};
use tracing::warn;

use super::batch::{Places, by_shard};
use super::bells::Bells;
use super::call::Call;
use super::codec::{member_of, read_bytes, read_number};
use super::keys::parse_line;
use super::link::unexpected;
use super::timed::timed;
use super::{RedisQueue, give_up, micros, reap, scripts};
use crate::{Error, Incarnation, Promoted, Upkeep};

#[async_trait]
impl Upkeep for RedisQueue {
    async fn promote(&self, shard: Shard, limit: usize) -> Result<Promoted, Error> {
        timed("promote", promote(self, shard, limit)).await
    }

    async fn expired(&self, shard: Shard, limit: usize) -> Result<Vec<Lease>, Error> {
        timed("expired", reap::expired(self, shard, limit)).await
    }

    async fn evict(&self, leases: &[Lease]) -> Result<(), Error> {
        timed("evict", give_up::evict(self, leases)).await
    }

    async fn unknown(&self, shard: Shard, entries: &[Entry]) -> Result<Vec<Entry>, Error> {
        timed("unknown", unknown(self, shard, entries)).await
    }

    async fn incarnation(&self) -> Result<Incarnation, Error> {
        timed("incarnation", incarnation(self)).await
    }

    async fn elect(&self, shard: Shard, owner: &str, ttl: Duration) -> Result<bool, Error> {
        timed("elect", elect(self, shard, owner, ttl)).await
    }
}

async fn promote(queue: &RedisQueue, shard: Shard, limit: usize) -> Result<Promoted, Error> {
    const CONTEXT: &str = "promoting entries";
    let keys = queue.keys.of(shard);
    let call = Call::script(&scripts::PROMOTE, &[&keys.lines, &keys.delayed])
        .of(shard)
        .arg(queue.skew())
        .arg(&keys.ready)
        .arg(limit);
    let promoted = read_promoted(&queue.link.ask(CONTEXT, call).await?).ok_or_else(|| unexpected(CONTEXT))?;
    let mut bells = Bells::default();
    for ((queue, _), entries) in &promoted.ready {
        bells.add_some(queue, shard, *entries);
    }
    if let Some(call) = bells.call(&queue.keys) {
        queue.link.ask(CONTEXT, call).await?;
    }
    Ok(promoted)
}

/// Reads the answer of `promote.lua`.
pub(super) fn read_promoted(answer: &Value) -> Option<Promoted> {
    let Value::Array(values) = answer else { return None };
    let [moved, next, lines @ ..] = values.as_slice() else {
        return None;
    };
    let ready = lines.chunks_exact(2).map(|pair| {
        let line = parse_line(read_bytes(&pair[0])?)?;
        Some((line, usize::try_from(read_number(&pair[1])?).ok()?))
    });
    Some(Promoted {
        moved: usize::try_from(read_number(moved)?).ok()?,
        ready: ready.collect::<Option<_>>()?,
        next_in: u64::try_from(read_number(next)?).ok().map(Duration::from_micros),
    })
}

async fn unknown(queue: &RedisQueue, shard: Shard, entries: &[Entry]) -> Result<Vec<Entry>, Error> {
    const CONTEXT: &str = "looking for unknown entries";
    let keys = queue.keys.of(shard);
    // Entries of another shard are of no concern to whoever looks after this one.
    let Some(lines) = by_shard(entries).remove(&shard) else {
        return Ok(Vec::new());
    };
    let call = Call::script(&scripts::UNKNOWN, &[&keys.lines, &keys.delayed, &keys.leases])
        .of(shard)
        .arg(&keys.ready)
        .lines(&lines, Places::Without);
    let Value::Array(answer) = queue.link.ask(CONTEXT, call).await? else {
        return Err(unexpected(CONTEXT));
    };
    let members: std::collections::HashSet<&[u8]> = answer.iter().filter_map(read_bytes).collect();
    Ok(entries
        .iter()
        .filter(|entry| members.contains(&member_of(entry)[..]))
        .cloned()
        .collect())
}

/// The name of the content, and that of the server process: what a server has from an earlier life is dropped here, or by the first
/// claim.
async fn incarnation(queue: &RedisQueue) -> Result<Incarnation, Error> {
    const CONTEXT: &str = "asking for the incarnation";
    let inherit = Shard::all().map(|shard| {
        let keys = queue.keys.of(shard);
        Call::script(&scripts::INHERIT, &keys.of_a_life())
            .of(shard)
            .arg(&keys.ready)
    });
    let fresh = SystemEntropy.uuid().simple().to_string();
    let name = Call::script(&scripts::INCARNATION, &[&queue.keys.incarnation()]).arg(fresh);
    let info = Call::command("INFO").arg("server");
    let calls = inherit.chain([name, info]).collect();
    let answers = queue.link.ask_all(CONTEXT, calls).await?;
    let [dropped @ .., name, info] = answers.as_slice() else {
        return Err(unexpected(CONTEXT));
    };
    let dropped: i64 = dropped.iter().filter_map(read_number).sum();
    if dropped > 0 {
        warn!(
            keys = dropped,
            "what the queue's server had from an earlier life was dropped"
        );
    }
    let text = |value| read_bytes(value).and_then(|bytes| std::str::from_utf8(bytes).ok());
    let Some(name) = text(name) else {
        return Err(unexpected(CONTEXT));
    };
    let run = info_line(text(info).unwrap_or_default(), "run_id");
    Ok(Incarnation(format!("{name}/{run}")))
}

fn info_line<'a>(info: &'a str, name: &str) -> &'a str {
    let value = |line: &'a str| line.strip_prefix(name)?.strip_prefix(':');
    info.lines().find_map(value).unwrap_or_default()
}

async fn elect(queue: &RedisQueue, shard: Shard, owner: &str, ttl: Duration) -> Result<bool, Error> {
    let call = Call::script(&scripts::ELECT, &[&queue.keys.of(shard).elect])
        .of(shard)
        .arg(queue.skew())
        .arg(owner)
        .arg(micros(ttl));
    Ok(read_number(&queue.link.ask("electing", call).await?) == Some(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_id_is_found_in_the_servers_answer() {
        let info = "# Server\r\nredis_version:7.0.15\r\nrun_id:abc123\r\ntcp_port:6379\r\n";
        assert_eq!(info_line(info, "run_id"), "abc123");
        assert_eq!(info_line("", "run_id"), "");
    }
}
