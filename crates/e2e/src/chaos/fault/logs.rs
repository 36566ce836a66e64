//! What happens to what processes write.

use std::fs::File;
use std::io::{PipeReader, PipeWriter, Write as _};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures::future::join_all;

use super::rest;
use crate::chaos::run::serves;
use crate::site::{Launch, Member, Site};
use crate::{Dice, answering};

/// Jobs run, and each process answers, within this.
const SERVES: Duration = Duration::from_secs(20);

/// Nobody reads what any process writes, and its pipe is full from the beginning. They serve nevertheless, and stop when they are told to.
pub(super) async fn unread(site: &Site, dice: &Dice) -> Result<()> {
    let mut readers = Vec::new();
    stalled(site, dice, || {
        let (reader, writer) = full_pipe()?;
        readers.push(reader);
        Ok(writer)
    })
    .await
}

/// The disk that they write to is full.
pub(super) async fn disk_full(site: &Site, dice: &Dice) -> Result<()> {
    stalled(site, dice, || {
        File::options().write(true).open("/dev/full").context("/dev/full")
    })
    .await
}

async fn stalled<W>(site: &Site, dice: &Dice, mut into: impl FnMut() -> Result<W>) -> Result<()>
where
    std::process::Stdio: From<W>,
{
    // As much as there is to be said.
    let chatty = [("LOG_LEVEL", "debug".to_owned())];
    all_end_well(site).await?;
    for member in &site.members {
        let (out, error) = (into()?, into()?);
        member.launch_again_as(Launch {
            says: Some((out.into(), error.into())),
            ..Launch::with(&chatty)
        })?;
    }
    let held = async {
        serves(site, SERVES)
            .await
            .context("no job ran while nobody read what processes wrote")?;
        for port in site.members.iter().filter_map(|member| member.port) {
            answering(port).await.context("an API whose log is not read")?;
        }
        rest(dice, 5_000, 8_000).await;
        serves(site, SERVES)
            .await
            .context("no job ran after a while in which nobody read what processes wrote")
    };
    let held = held.await;
    let ended = all_end_well(site).await;
    site.members.iter().try_for_each(Member::launch_again)?;
    held?;
    ended?;
    site.notes
        .add("processes whose log was stalled", site.members.len() as u64);
    Ok(())
}

async fn all_end_well(site: &Site) -> Result<()> {
    let ended = join_all(site.members.iter().map(ends_well)).await;
    ended.into_iter().collect()
}

async fn ends_well(member: &Member) -> Result<()> {
    let ended = member.terminate(Duration::from_secs(20)).await;
    let ended = ended.with_context(|| member.name.clone())?;
    let failed = ended.filter(|status| !status.success());
    ensure!(
        failed.is_none(),
        "{} ended with {failed:?} after SIGTERM",
        member.name
    );
    Ok(())
}

/// A pipe into which not one more byte goes.
fn full_pipe() -> Result<(PipeReader, PipeWriter)> {
    let (reader, mut writer) = std::io::pipe()?;
    let size = rustix::pipe::fcntl_getpipe_size(&writer)?;
    writer.write_all(&vec![b'\n'; size])?;
    Ok((reader, writer))
}
