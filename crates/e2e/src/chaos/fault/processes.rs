//! What happens to our processes and to the gateway.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use scheduler_client::{JobRequest, Priority};
use tokio::time::Instant;

use super::rest;
use crate::Dice;
use crate::site::{Member, MemoryGroup, Role, Site};

/// A process is given this long after SIGTERM; its own bound is shorter.
const GRACE: Duration = Duration::from_secs(20);
/// Longer than the lease of a site's workers by far.
const PAST_LEASE: (u64, u64) = (4_000, 7_000);
/// By then what a worker held that stands still was handed out again, unless it held nothing.
const RECLAIMED: Duration = Duration::from_secs(15);
/// Blanks around a payload.
const LARGE: usize = 700_000;
/// Under load, a process that gets no more memory is killed within this.
const STARVES: Duration = Duration::from_secs(60);

fn one<'a>(site: &'a Site, role: Role, dice: &Dice) -> Result<&'a Member> {
    let members: Vec<&Member> = site.of(role).collect();
    dice.pick(&members).copied().context("a site has members")
}

pub(super) async fn api_killed(site: &Site, dice: &Dice) -> Result<()> {
    killed(one(site, Role::Api, dice)?, dice).await
}

pub(super) async fn worker_killed(site: &Site, dice: &Dice) -> Result<()> {
    killed(one(site, Role::Worker, dice)?, dice).await
}

async fn killed(member: &Member, dice: &Dice) -> Result<()> {
    member.kill()?;
    rest(dice, 500, 6_000).await;
    member.launch_again()
}

pub(super) async fn all_workers_killed(site: &Site, dice: &Dice) -> Result<()> {
    all_killed(site, Role::Worker, dice).await
}

pub(super) async fn all_apis_killed(site: &Site, dice: &Dice) -> Result<()> {
    all_killed(site, Role::Api, dice).await
}

async fn all_killed(site: &Site, role: Role, dice: &Dice) -> Result<()> {
    site.of(role).try_for_each(Member::kill)?;
    rest(dice, 500, 4_000).await;
    site.of(role).try_for_each(Member::launch_again)
}

pub(super) async fn apis_restarted(site: &Site, dice: &Dice) -> Result<()> {
    restarted(site, Role::Api, dice).await
}

pub(super) async fn workers_restarted(site: &Site, dice: &Dice) -> Result<()> {
    restarted(site, Role::Worker, dice).await
}

/// One by one, as a rollout does it.
async fn restarted(site: &Site, role: Role, dice: &Dice) -> Result<()> {
    for member in site.of(role) {
        let ended = member.terminate(GRACE).await;
        member.launch_again()?;
        if let Some(status) = ended? {
            ensure!(
                status.success(),
                "{} ended with {status} after SIGTERM",
                member.name
            );
        }
        rest(dice, 500, 1_500).await;
    }
    Ok(())
}

pub(super) async fn terminated_twice(site: &Site, dice: &Dice) -> Result<()> {
    let role = if dice.once_in(2) { Role::Api } else { Role::Worker };
    let member = one(site, role, dice)?;
    member.signal("TERM")?;
    rest(dice, 20, 300).await;
    // The second means: now. It may have ended already.
    let _ = member.signal("TERM");
    member
        .terminate(GRACE)
        .await
        .or_else(|error| match member.runs() {
            true => Err(error),
            false => Ok(None),
        })?;
    member.launch_again()
}

/// It stands still past its lease, until what it ran has been handed out again. How long that takes is the product's affair; a worker
/// that held nothing is let go after a while, and another is paused next.
pub(super) async fn worker_paused(site: &Site, dice: &Dice) -> Result<()> {
    let member = one(site, Role::Worker, dice)?;
    let before = site.rows.leases_lost().await.unwrap_or_default();
    member.pause()?;
    rest(dice, PAST_LEASE.0, PAST_LEASE.1).await;
    let since = Instant::now();
    // Where the database is down as well, nothing can be known.
    while since.elapsed() < RECLAIMED && site.rows.leases_lost().await.is_ok_and(|lost| lost == before) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    member.resume()
}

pub(super) async fn api_paused(site: &Site, dice: &Dice) -> Result<()> {
    let member = one(site, Role::Api, dice)?;
    member.pause()?;
    rest(dice, PAST_LEASE.0, PAST_LEASE.1).await;
    member.resume()
}

/// It runs for a small part of the time only, in pieces.
pub(super) async fn worker_starved(site: &Site, dice: &Dice) -> Result<()> {
    let member = one(site, Role::Worker, dice)?;
    for _ in 0..25 {
        member.pause()?;
        rest(dice, 150, 250).await;
        member.resume()?;
        rest(dice, 5, 20).await;
    }
    Ok(())
}

/// No further file or connection can be opened, until some are.
pub(super) async fn too_few_files(site: &Site, dice: &Dice) -> Result<()> {
    let role = if dice.once_in(2) { Role::Api } else { Role::Worker };
    let member = one(site, role, dice)?;
    let id = member.id().context("it runs")?;
    let limit = |files: usize| -> Result<()> {
        let arguments = [format!("--pid={id}"), format!("--nofile={files}:")];
        let set = Command::new("prlimit").args(arguments).output()?;
        ensure!(
            set.status.success(),
            "prlimit: {}",
            String::from_utf8_lossy(&set.stderr)
        );
        Ok(())
    };
    let open = std::fs::read_dir(format!("/proc/{id}/fd"))?.count();
    limit(open + 1)?;
    for link in [&member.database, &member.redis] {
        link.cut();
    }
    rest(dice, 3_000, 6_000).await;
    limit(1_024)
}

pub(super) async fn gateway_killed(site: &Site, dice: &Dice) -> Result<()> {
    site.envoy.kill()?;
    rest(dice, 100, 2_000).await;
    site.envoy.launch()
}

/// The kernel kills it because its group has no more memory.
pub(super) async fn out_of_memory(site: &Site, dice: &Dice) -> Result<()> {
    let client = site.caller("large").await?;
    let large = JobRequest::new("sleep")
        .payload_json(format!(r#"{{"ms":1}}{}"#, " ".repeat(LARGE)))
        .priority(Priority::Critical);
    for role in [Role::Worker, Role::Api] {
        let group = MemoryGroup::create("scheduler-chaos")?;
        let member = one(site, role, dice)?;
        let id = member.id().context("it runs")?;
        // What it has already is not counted, so this is what it may get besides: nothing to speak of.
        group.take(id)?;
        group.limit(64 << 10)?;
        let since = Instant::now();
        while group.killed()? == 0 {
            // What is there already is used again; this needs new memory, wherever it comes through.
            let _ = client.another().submit(large.clone()).await;
            if since.elapsed() > STARVES {
                // A group goes when nobody is in it.
                member.kill()?;
                bail!("{} still had memory after {STARVES:?}", member.name);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        site.notes.add(format!("killed for its memory: {role:?}"), 1);
        rest(dice, 500, 6_000).await;
        // Whoever looks after it may have started it again.
        member.revive()?;
        rest(dice, 500, 2_000).await;
    }
    Ok(())
}
