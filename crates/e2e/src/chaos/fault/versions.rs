//! Two versions of the programs at once.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::time::Instant;

use super::rest;
use crate::Dice;
use crate::site::{Launch, Member, Site};

/// Processes are replaced by those of an older version one by one, as a rollout that is taken back; half of each for a while, with the
/// schema brought up to date once more under load; and then all are of this version again.
pub(super) async fn mixed(site: &Site, dice: &Dice) -> Result<()> {
    let old = site.old.as_ref().context("no older programs")?;
    let mut members: Vec<&Member> = site.members.iter().collect();
    let from = dice.below(members.len());
    members.rotate_left(from);
    for member in members.iter().take(4) {
        let launch = Launch {
            bin: Some(old.clone()),
            ..Launch::default()
        };
        member.restart_as(launch).await?;
        rest(dice, 500, 1_500).await;
    }
    let until = Instant::now() + dice.within(Duration::from_secs(8)..Duration::from_secs(12));
    site.migrate()?;
    tokio::time::sleep_until(until).await;
    for member in members.iter().take(4) {
        member.restart().await?;
        rest(dice, 500, 1_500).await;
    }
    site.notes.add("processes of an older version", 4);
    Ok(())
}
