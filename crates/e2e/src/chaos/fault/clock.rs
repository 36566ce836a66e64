//! What happens to the clock of one process. Its monotonic clock stays true.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::rest;
use crate::Dice;
use crate::site::{Member, Role, Site};

const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1";

pub(super) async fn ahead(site: &Site, dice: &Dice) -> Result<()> {
    wrong(site, dice, "+1h").await
}

pub(super) async fn behind(site: &Site, dice: &Dice) -> Result<()> {
    wrong(site, dice, "-1h").await
}

async fn wrong(site: &Site, dice: &Dice, by: &str) -> Result<()> {
    ensure!(Path::new(LIBRARY).exists(), "libfaketime is missing: run ci/install.sh");
    let role = if dice.once_in(2) { Role::Api } else { Role::Worker };
    let members: Vec<&Member> = site.of(role).collect();
    let member = dice.pick(&members).context("a site has members")?;
    member.terminate(Duration::from_secs(20)).await?;
    member.launch_again_with(&[
        ("LD_PRELOAD", LIBRARY.to_owned()),
        ("FAKETIME", by.to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ])?;
    rest(dice, 10_000, 15_000).await;
    member.terminate(Duration::from_secs(20)).await?;
    member.launch_again()
}
