//! What happens to the clock of one process. Its monotonic clock stays true.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::rest;
use crate::Dice;
use crate::site::{Member, Role, Site};

/// Where Debian puts the library that tells a process another time.
fn library() -> Result<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib")?.filter_map(|entry| Some(entry.ok()?.path()));
    let mut found = folders.map(|folder| folder.join("faketime/libfaketime.so.1"));
    found
        .find(|library| library.exists())
        .context("libfaketime is missing: run ci/install.sh")
}

pub(super) async fn ahead(site: &Site, dice: &Dice) -> Result<()> {
    wrong(site, dice, "+1h").await
}

pub(super) async fn behind(site: &Site, dice: &Dice) -> Result<()> {
    wrong(site, dice, "-1h").await
}

async fn wrong(site: &Site, dice: &Dice, by: &str) -> Result<()> {
    let library = library()?.to_string_lossy().into_owned();
    let role = if dice.once_in(2) { Role::Api } else { Role::Worker };
    let members: Vec<&Member> = site.of(role).collect();
    let member = dice.pick(&members).context("a site has members")?;
    member.terminate(Duration::from_secs(20)).await?;
    member.launch_again_with(&[
        ("LD_PRELOAD", library),
        ("FAKETIME", by.to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ])?;
    rest(dice, 10_000, 15_000).await;
    member.terminate(Duration::from_secs(20)).await?;
    member.launch_again()
}
