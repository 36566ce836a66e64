//! Processes that stand still at the worst moment.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::time::{Instant, sleep};

use super::rest;
use crate::Dice;
use crate::process::signal;
use crate::site::{Launch, Member, Role, Site};

/// By then what a worker held that stands still was handed out again, and the shards of an API that does are another's.
const RECLAIMED: Duration = Duration::from_secs(15);

/// A worker stands still between the look at its lease and the effect of an attempt, past the lease and until its jobs were handed out
/// again; then it goes on, and makes its effect all the same.
pub(super) async fn before_effect(site: &Site, dice: &Dice) -> Result<()> {
    let workers: Vec<&Member> = site.of(Role::Worker).collect();
    let member = *dice.pick(&workers).context("a site has workers")?;
    let every = 5 + dice.below(20);
    member
        .restart_as(Launch::with(&[("HARNESS_STOP_EVERY", every.to_string())]))
        .await?;
    for _ in 0..3 {
        let since = Instant::now();
        while !member.is_stopped() {
            // The other lane may have killed it, and then it runs without the point.
            if since.elapsed() > RECLAIMED {
                return member.restart().await;
            }
            sleep(Duration::from_millis(50)).await;
        }
        let before = site.rows.leases_lost().await.unwrap_or_default();
        let since = Instant::now();
        rest(dice, 4_000, 6_000).await;
        while since.elapsed() < RECLAIMED && site.rows.leases_lost().await.is_ok_and(|lost| lost == before) {
            sleep(Duration::from_millis(100)).await;
        }
        site.notes.add("stopped before an effect", 1);
        member.resume()?;
        rest(dice, 500, 1_500).await;
    }
    // It may have stopped once more by now, and may do so until it ends.
    let Some(id) = member.id() else {
        return member.restart().await;
    };
    let going = async {
        loop {
            let _ = signal("CONT", &[id]);
            sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        restarted = member.restart() => restarted,
        () = going => Ok(()),
    }
}

/// The API that looks after most shards stands still past its election, while a worker is killed so that there is something to be done;
/// others take over, and then it goes on in the middle of what it was doing.
pub(super) async fn keeper(site: &Site, dice: &Dice) -> Result<()> {
    let (keeper, shards) = soon_elected(site, |_| true)
        .await
        .context("no API was elected for any shard")?;
    let workers: Vec<&Member> = site.of(Role::Worker).collect();
    let worker = dice.pick(&workers).context("a site has workers")?;
    worker.kill()?;
    // Leases end three seconds later: it stands still before, during or after what it does then.
    rest(dice, 0, 4_000).await;
    keeper.pause()?;
    let since = Instant::now();
    let taken_over = soon_elected(site, |other| other.name != keeper.name)
        .await
        .map(|_| since.elapsed());
    rest(dice, 3_000, 6_000).await;
    keeper.resume()?;
    worker.launch_again()?;
    let taken_over = taken_over.context("nobody took over")?;
    site.notes.add("keeper of shards paused", shards as u64);
    let ms = u64::try_from(taken_over.as_millis()).unwrap_or(u64::MAX);
    site.notes.peak("ms until others keep its shards", ms);
    ensure!(shards > 0, "it kept no shard");
    Ok(())
}

/// As [`elected`], once it is one that `fits`, within [`RECLAIMED`] of Redis being there: when it is not, that is the other lane's affair.
async fn soon_elected(site: &Site, fits: impl Fn(&Member) -> bool) -> Option<(&Member, usize)> {
    let mut there_since = Instant::now();
    while there_since.elapsed() < RECLAIMED {
        match elected(site).await {
            Ok(Some((member, shards))) if fits(member) => return Some((member, shards)),
            Ok(_) => {}
            Err(_) => there_since = Instant::now(),
        }
        sleep(Duration::from_millis(100)).await;
    }
    None
}

/// The API that was elected for most shards, and for how many.
async fn elected(site: &Site) -> Result<Option<(&Member, usize)>> {
    let mut kept: BTreeMap<&str, (&Member, usize)> = BTreeMap::new();
    for key in site
        .redis
        .admin(&["--scan", "--pattern", "*:elect"])
        .await?
        .lines()
    {
        let Ok(value) = site.redis.admin(&["GET", key]).await else {
            continue;
        };
        let Some((_, owner)) = value.split_once(' ') else {
            continue;
        };
        // `api-2` in its third life is `api-2-3`, and what follows is drawn.
        let mut apis = site.of(Role::Api);
        if let Some(member) = apis.find(|member| owner.starts_with(&format!("{}-", member.name))) {
            kept.entry(&member.name).or_insert((member, 0)).1 += 1;
        }
    }
    Ok(kept.into_values().max_by_key(|(_, shards)| *shards))
}
