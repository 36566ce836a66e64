//! What happens to the network.

use std::time::Duration;

use anyhow::{Context as _, Result};

use super::rest;
use crate::Dice;
use crate::proxy::{Direction, Door, Proxy, Shape};
use crate::site::{Role, Site};

fn any<'a>(links: impl Iterator<Item = &'a Proxy>, dice: &Dice) -> Result<&'a Proxy> {
    let links: Vec<&Proxy> = links.collect();
    dice.pick(&links).copied().context("a site has links")
}

pub(super) async fn resets(site: &Site, dice: &Dice) -> Result<()> {
    for _ in 0..20 {
        any(site.links(), dice)?.cut();
        rest(dice, 100, 500).await;
    }
    Ok(())
}

/// Both directions, past the lease and back.
async fn parted(link: &Proxy, dice: &Dice) -> Result<()> {
    link.partition();
    rest(dice, 4_000, 9_000).await;
    link.heal();
    Ok(())
}

pub(super) async fn worker_database(site: &Site, dice: &Dice) -> Result<()> {
    parted(any(site.of(Role::Worker).map(|m| &m.database), dice)?, dice).await
}

pub(super) async fn worker_redis(site: &Site, dice: &Dice) -> Result<()> {
    parted(any(site.of(Role::Worker).map(|m| &m.redis), dice)?, dice).await
}

pub(super) async fn api_database(site: &Site, dice: &Dice) -> Result<()> {
    parted(any(site.of(Role::Api).map(|m| &m.database), dice)?, dice).await
}

pub(super) async fn api_redis(site: &Site, dice: &Dice) -> Result<()> {
    parted(any(site.of(Role::Api).map(|m| &m.redis), dice)?, dice).await
}

pub(super) async fn gateway_api(site: &Site, dice: &Dice) -> Result<()> {
    parted(
        any(site.of(Role::Api).filter_map(|m| m.front.as_ref()), dice)?,
        dice,
    )
    .await
}

/// What is asked arrives, and the answer does not; or the reverse.
pub(super) async fn one_way(site: &Site, dice: &Dice) -> Result<()> {
    let link = any(site.links(), dice)?;
    let direction = if dice.once_in(2) {
        Direction::TowardServer
    } else {
        Direction::TowardClient
    };
    link.shape(direction, Shape::held());
    rest(dice, 4_000, 9_000).await;
    link.heal();
    Ok(())
}

pub(super) async fn flapping(site: &Site, dice: &Dice) -> Result<()> {
    let link = any(site.links(), dice)?;
    for _ in 0..4 {
        link.partition();
        rest(dice, 2_000, 3_000).await;
        link.heal();
        rest(dice, 2_000, 3_000).await;
    }
    Ok(())
}

/// The peer is gone and nobody has said so; new connections work.
pub(super) async fn half_open(site: &Site, dice: &Dice) -> Result<()> {
    let link = any(site.links(), dice)?;
    link.shape_both(Shape::lost());
    rest(dice, 500, 2_000).await;
    link.heal();
    rest(dice, 1_000, 4_000).await;
    Ok(())
}

pub(super) async fn latency(site: &Site, dice: &Dice) -> Result<()> {
    for link in site.links() {
        let delay = dice.within(Duration::ZERO..Duration::from_millis(150));
        link.shape_both(Shape::slow(delay, Duration::from_millis(100)));
    }
    rest(dice, 4_000, 8_000).await;
    site.links().for_each(Proxy::heal);
    Ok(())
}

/// Some bytes a second, and new connections refused.
pub(super) async fn drip(site: &Site, dice: &Dice) -> Result<()> {
    let link = any(site.links(), dice)?;
    link.shape_both(Shape::narrow(50));
    link.door(Door::Refuse);
    rest(dice, 4_000, 8_000).await;
    link.heal();
    // A statement cut in two by the heal goes on; a connection that is not used any more is closed by whoever holds it.
    Ok(())
}
