//! What happens to single statements on their way.

use anyhow::Result;

use super::rest;
use crate::Dice;
use crate::proxy::{On, Proxy, Trouble};
use crate::site::Site;

/// What happens in every run, so that each strike hits: whatever commits, and completions most of all.
const MEANT: [On; 3] = [On::Commit, On::Commit, On::Named("store.finish")];

/// One in some of the statements meant gets this trouble, everywhere, for a while.
async fn befall(site: &Site, dice: &Dice, on: On, trouble: Trouble) -> Result<()> {
    for link in site.database_links() {
        let one_in = 1 + dice.below(6) as u64;
        link.statements().one_in(one_in, on, trouble, 40);
    }
    rest(dice, 2_000, 5_000).await;
    site.database_links().for_each(Proxy::heal);
    Ok(())
}

fn meant(dice: &Dice) -> On {
    MEANT[dice.below(MEANT.len())]
}

pub(super) async fn reply_lost(site: &Site, dice: &Dice) -> Result<()> {
    befall(site, dice, meant(dice), Trouble::LoseReply).await
}

pub(super) async fn request_lost(site: &Site, dice: &Dice) -> Result<()> {
    befall(site, dice, meant(dice), Trouble::LoseRequest).await
}

pub(super) async fn serialization_once(site: &Site, dice: &Dice) -> Result<()> {
    befall(site, dice, On::Any, Trouble::Refuse("40001")).await
}

/// Nothing gets through for some seconds.
pub(super) async fn serialization_endless(site: &Site, dice: &Dice) -> Result<()> {
    for link in site.database_links() {
        link.statements().always(On::Commit, Trouble::Refuse("40001"));
    }
    rest(dice, 4_000, 8_000).await;
    site.database_links().for_each(Proxy::heal);
    Ok(())
}

/// The database does not know whether it committed; sometimes it did.
pub(super) async fn ambiguous(site: &Site, dice: &Dice) -> Result<()> {
    befall(site, dice, On::Commit, Trouble::DenyAfter("40003")).await?;
    befall(site, dice, On::Commit, Trouble::Refuse("40003")).await
}

pub(super) async fn other_codes(site: &Site, dice: &Dice) -> Result<()> {
    for code in ["57P01", "53300", "08006", "25006", "40P01", "57014"] {
        befall(site, dice, On::Any, Trouble::Refuse(code)).await?;
    }
    befall(site, dice, On::Connect, Trouble::Refuse("53300")).await
}
