//! What happens to the clock of one process. Its monotonic clock stays true.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

use super::rest;
use crate::Dice;
use crate::site::{Launch, Member, Role, Site};

/// What the database's own record has from the hour ahead of it, by the clock that is right again or still ahead.
const AHEAD: &str =
    "SELECT count(*) FROM row_changes WHERE at_ns > (SELECT min(at_ns) FROM row_changes) + 3000000000000";

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

/// It goes faster or slower than time by a twentieth, wrong by half a second and more in the end.
pub(super) async fn drifts(site: &Site, dice: &Dice) -> Result<()> {
    wrong(site, dice, if dice.once_in(2) { "+0 x1.05" } else { "+0 x0.95" }).await
}

async fn wrong(site: &Site, dice: &Dice, by: &str) -> Result<()> {
    let library = library()?.to_string_lossy().into_owned();
    let role = if dice.once_in(2) { Role::Api } else { Role::Worker };
    let members: Vec<&Member> = site.of(role).collect();
    let member = dice.pick(&members).context("a site has members")?;
    member
        .restart_as(Launch::with(&[
            ("LD_PRELOAD", library),
            ("FAKETIME", by.to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]))
        .await?;
    rest(dice, 10_000, 15_000).await;
    member.restart().await
}

/// The database's clock jumps ahead by an hour while it runs, and some seconds later back.
pub(super) async fn of_database(site: &Site, dice: &Dice) -> Result<()> {
    let folder = tempfile::tempdir()?;
    // The database runs as another user than root.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open)?;
    let file = folder.path().join("offset");
    let set = |offset: &str| std::fs::write(&file, offset).context("the file of the offset");
    set("+0")?;
    let told = [
        ("LD_PRELOAD", library()?.to_string_lossy().into_owned()),
        ("FAKETIME_TIMESTAMP_FILE", file.to_string_lossy().into_owned()),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
    ];
    site.postgres.stop().await?;
    site.postgres.launch_with(&told).await?;
    rest(dice, 500, 1_500).await;
    let before = site.rows.leases_lost().await?;
    set("+1h")?;
    rest(dice, 6_000, 9_000).await;
    let ahead = site.count(AHEAD).await?;
    set("+0")?;
    rest(dice, 4_000, 6_000).await;
    let lost = site.rows.leases_lost().await? - before;
    site.postgres.stop().await?;
    site.postgres.launch().await?;
    site.notes.add(
        "rows changed by a clock an hour ahead",
        ahead.try_into().unwrap_or_default(),
    );
    site.notes
        .add("leases lost by it", lost.try_into().unwrap_or_default());
    ensure!(ahead > 0, "nothing changed while the database was ahead");
    ensure!(
        lost == 0,
        "{lost} leases were lost because the database's clock jumped"
    );
    Ok(())
}
