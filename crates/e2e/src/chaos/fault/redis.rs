//! What happens to Redis.

use anyhow::Result;

use super::rest;
use crate::Dice;
use crate::site::Site;

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
