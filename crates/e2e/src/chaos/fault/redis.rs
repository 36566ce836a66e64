//! What happens to Redis.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::Instant;

use super::rest;
use crate::Dice;
use crate::proxy::{Direction, Shape};
use crate::site::{Member, Redis, Role, Site};

/// What a worker logs that gave up waiting for an answer.
const GIVEN_UP: &str = "cannot claim, trying again";

pub(super) async fn killed_empty(site: &Site, dice: &Dice) -> Result<()> {
    site.redis.kill()?;
    site.redis.forget()?;
    rest(dice, 100, 3_000).await;
    site.redis.launch().await
}

pub(super) async fn flushed(site: &Site, _: &Dice) -> Result<()> {
    site.redis.admin(&["FLUSHALL"]).await.map(drop)
}

pub(super) async fn flushed_repeatedly(site: &Site, dice: &Dice) -> Result<()> {
    for _ in 0..6 {
        flushed(site, dice).await?;
        rest(dice, 1_000, 2_500).await;
    }
    Ok(())
}

pub(super) async fn gone(site: &Site, dice: &Dice) -> Result<()> {
    site.redis.kill()?;
    site.redis.forget()?;
    rest(dice, 10_000, 20_000).await;
    site.redis.launch().await
}

pub(super) async fn hung(site: &Site, dice: &Dice) -> Result<()> {
    site.redis.pause()?;
    rest(dice, 2_000, 12_000).await;
    site.redis.resume()
}

/// No memory is left, and writes are refused.
pub(super) async fn full(site: &Site, dice: &Dice) -> Result<()> {
    without_memory(site, dice, "noeviction").await
}

/// No memory is left, and what was used least goes.
pub(super) async fn evicts(site: &Site, dice: &Dice) -> Result<()> {
    without_memory(site, dice, "allkeys-lru").await
}

async fn without_memory(site: &Site, dice: &Dice, policy: &str) -> Result<()> {
    site.redis
        .admin(&["CONFIG", "SET", "maxmemory-policy", policy])
        .await?;
    site.redis.admin(&["CONFIG", "SET", "maxmemory", "1"]).await?;
    rest(dice, 3_000, 8_000).await;
    site.redis.admin(&["CONFIG", "SET", "maxmemory", "0"]).await?;
    site.redis
        .admin(&["CONFIG", "SET", "maxmemory-policy", "noeviction"])
        .await
        .map(drop)
}

/// It comes back with what it held some seconds ago, as after a failover to a replica that lagged.
pub(super) async fn older_file(site: &Site, dice: &Dice) -> Result<()> {
    site.redis.save().await?;
    rest(dice, 2_000, 5_000).await;
    site.redis.kill()?;
    rest(dice, 100, 1_000).await;
    site.redis.launch().await
}

/// Its file is there again, but for what came between the two.
pub(super) async fn restarted_with_file(site: &Site, dice: &Dice) -> Result<()> {
    site.redis.save().await?;
    site.redis.kill()?;
    rest(dice, 100, 1_000).await;
    site.redis.launch().await
}

/// Entries that nobody pushed, and keys of another type than ours.
pub(super) async fn forged(site: &Site, dice: &Dice) -> Result<()> {
    let keys = site.redis.admin(&["--scan"]).await?;
    let keys: Vec<&str> = keys.lines().filter(|key| !key.is_empty()).collect();
    for _ in 0..30 {
        let Some(key) = dice.pick(&keys) else { break };
        let garbage = format!("forged-{:x}", dice.next());
        let huge = "x".repeat(60_000);
        // Each fits one type of key and fails on the others.
        let _ = site.redis.admin(&["ZADD", key, "1", &garbage]).await;
        let _ = site.redis.admin(&["HSET", key, &garbage, &huge]).await;
        let _ = site.redis.admin(&["LPUSH", key, &garbage]).await;
    }
    if let Some(key) = dice.pick(&keys) {
        site.redis.admin(&["SET", key, "of another type"]).await?;
    }
    rest(dice, 500, 2_000).await;
    Ok(())
}

/// A replica, whose master cannot be reached: it refuses to write.
pub(super) async fn read_only(site: &Site, dice: &Dice) -> Result<()> {
    site.redis.admin(&["REPLICAOF", "127.0.0.1", "1"]).await?;
    rest(dice, 2_000, 8_000).await;
    site.redis.admin(&["REPLICAOF", "NO", "ONE"]).await.map(drop)
}

pub(super) async fn scripts_flushed(site: &Site, dice: &Dice) -> Result<()> {
    for _ in 0..5 {
        site.redis.admin(&["SCRIPT", "FLUSH"]).await?;
        rest(dice, 100, 600).await;
    }
    Ok(())
}

pub(super) async fn connections_killed(site: &Site, dice: &Dice) -> Result<()> {
    for _ in 0..10 {
        site.redis.admin(&["CLIENT", "KILL", "TYPE", "normal"]).await?;
        site.redis.admin(&["CLIENT", "KILL", "TYPE", "pubsub"]).await?;
        rest(dice, 100, 600).await;
    }
    Ok(())
}

/// Answers to workers come about when they stop waiting for them, also to the call that waits for work: what was done and what was told
/// fall apart. A claim that nobody has heard of must not be lost.
pub(super) async fn answers_late(site: &Site, dice: &Dice) -> Result<()> {
    let before = site.logged(GIVEN_UP)?;
    let begun = Instant::now();
    let lasts = dice.within(Duration::from_secs(10)..Duration::from_secs(14));
    // On and on when nobody stopped: with workers away or the database slow there is little to wait for.
    while begun.elapsed() < lasts || (site.logged(GIVEN_UP)? == before && begun.elapsed() < 3 * lasts) {
        // Two seconds is what a command may take.
        let delay = dice.within(Duration::from_millis(1_700)..Duration::from_millis(2_300));
        for member in site.of(Role::Worker) {
            member.redis.shape(
                Direction::TowardClient,
                Shape::slow(delay, Duration::from_millis(600)),
            );
        }
        rest(dice, 2_500, 4_000).await;
        // In between some get through, so that there is something to be claimed and to be lost.
        site.of(Role::Worker).for_each(|member| member.redis.heal());
        rest(dice, 100, 700).await;
    }
    let given_up = site.logged(GIVEN_UP)? - before;
    site.notes
        .add("workers stopped waiting for Redis", given_up as u64);
    ensure!(given_up > 0, "no worker stopped waiting for an answer");
    Ok(())
}

/// Two servers, each taken for the only one by half of the processes; then one of them is gone, and with it what only it knew.
pub(super) async fn split(site: &Site, dice: &Dice) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let other = Redis::start(folder.path()).await?;
    let address = SocketAddr::from(([127, 0, 0, 1], other.port()));
    for role in [Role::Api, Role::Worker] {
        // One or two of three.
        let members: Vec<&Member> = site.of(role).collect();
        let (first, count) = (dice.below(members.len()), 1 + dice.below(members.len() - 1));
        for number in 0..count {
            let member = members[(first + number) % members.len()];
            member.redis.lead_to(address);
            member.redis.cut();
        }
    }
    rest(dice, 6_000, 10_000).await;
    let there = other.admin(&["DBSIZE"]).await?;
    let (here, known) = (site.redis.admin(&["DBSIZE"]).await?, "keys in the second Redis");
    site.notes.peak(known, there.parse()?);
    for member in &site.members {
        member.redis.heal();
        member.redis.cut();
    }
    // Until each worker has told the one that is left what it holds, jobs can be taken from it.
    rest(dice, 2_000, 3_000).await;
    ensure!(
        there != "0" && here != "0",
        "not both were used: {here} keys here, {there} there"
    );
    Ok(())
}
