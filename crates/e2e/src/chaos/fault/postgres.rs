//! What happens to the database.

use std::time::Duration;

use anyhow::{Result, ensure};
use sqlx::{Connection as _, Executor as _, PgConnection};
use tokio::time::Instant;

use super::rest;
use crate::Dice;
use crate::proxy::{Direction, Proxy, Shape};
use crate::site::Site;

pub(super) async fn killed(site: &Site, dice: &Dice) -> Result<()> {
    site.postgres.kill()?;
    rest(dice, 100, 4_000).await;
    site.postgres.launch().await
}

pub(super) async fn restarted(site: &Site, dice: &Dice) -> Result<()> {
    site.postgres.stop().await?;
    rest(dice, 100, 3_000).await;
    site.postgres.launch().await
}

pub(super) async fn backends_terminated(site: &Site, dice: &Dice) -> Result<()> {
    for _ in 0..20 {
        let half = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND random() < 0.3";
        site.postgres.admin(half).await?;
        rest(dice, 100, 300).await;
    }
    Ok(())
}

pub(super) async fn hung(site: &Site, dice: &Dice) -> Result<()> {
    site.postgres.pause()?;
    rest(dice, 2_000, 15_000).await;
    site.postgres.resume()
}

pub(super) async fn slow(site: &Site, dice: &Dice) -> Result<()> {
    let slow = Shape::slow(
        dice.within(Duration::from_millis(50)..Duration::from_millis(800)),
        Duration::from_millis(200),
    );
    for link in site.database_links() {
        link.shape(Direction::TowardClient, slow);
    }
    rest(dice, 5_000, 10_000).await;
    site.database_links().for_each(Proxy::heal);
    Ok(())
}

/// A long migration, or a forgotten session.
pub(super) async fn locked(site: &Site, dice: &Dice) -> Result<()> {
    let mut holder = PgConnection::connect(&site.database).await?;
    holder.execute("BEGIN").await?;
    holder.execute("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE").await?;
    rest(dice, 3_000, 15_000).await;
    holder.execute("ROLLBACK").await?;
    holder.close().await?;
    Ok(())
}

/// Not a byte can be written any more, for some seconds. The site's data has to lie on a disk of its own.
pub(super) async fn disk_full(site: &Site, dice: &Dice) -> Result<()> {
    let balloon = site.postgres.folder().with_file_name("balloon");
    let filled = tokio::process::Command::new("dd")
        .arg("if=/dev/zero")
        .arg(format!("of={}", balloon.display()))
        .args(["bs=64K", "count=16384", "status=none"])
        .output()
        .await?;
    let said = String::from_utf8_lossy(&filled.stderr);
    ensure!(said.contains("No space left"), "the disk is not full: {said}");
    rest(dice, 4_000, 8_000).await;
    std::fs::remove_file(balloon)?;
    // It ends itself when it cannot write its log.
    site.postgres.launch().await
}

/// Others have taken every connection that there is, and ours are gone.
pub(super) async fn exhausted(site: &Site, dice: &Dice) -> Result<()> {
    let others = "DO $$ BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'others') THEN CREATE ROLE others LOGIN; END IF;
    END $$";
    site.postgres.admin(others).await?;
    let url = site.database.replace("scheduler@", "others@");
    site.database_links().for_each(Proxy::cut);
    let mut hogs = Vec::new();
    // Ours come back in between, so it is tried for a while.
    for _ in 0..300 {
        match PgConnection::connect(&url).await {
            Ok(hog) => hogs.push(hog),
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
        if hogs.len() >= 140 {
            break;
        }
    }
    rest(dice, 3_000, 8_000).await;
    for hog in hogs {
        let _ = hog.close().await;
    }
    Ok(())
}

/// Somebody reads in one transaction for a long time, so that no row that is out of date can be cleared away.
pub(super) async fn snapshot_held(site: &Site, dice: &Dice) -> Result<()> {
    let mut holder = PgConnection::connect(&site.database).await?;
    holder.execute("BEGIN ISOLATION LEVEL REPEATABLE READ").await?;
    holder.execute("SELECT count(*) FROM jobs").await?;
    let until = Instant::now() + dice.within(Duration::from_secs(20)..Duration::from_secs(30));
    while Instant::now() < until {
        let mut cleaner = PgConnection::connect(&site.database).await?;
        cleaner.execute("VACUUM jobs").await?;
        cleaner.close().await?;
        rest(dice, 1_000, 2_000).await;
    }
    let dead = site
        .count("SELECT coalesce(sum(n_dead_tup), 0)::INT8 FROM pg_stat_user_tables WHERE relname = 'jobs'")
        .await?;
    holder.execute("ROLLBACK").await?;
    holder.close().await?;
    site.notes.peak(
        "dead rows that a snapshot kept",
        dead.try_into().unwrap_or_default(),
    );
    ensure!(dead > 100, "the snapshot kept {dead} dead rows only");
    Ok(())
}
