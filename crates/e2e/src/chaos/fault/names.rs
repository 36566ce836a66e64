//! What happens to the names of database and Redis: only on one machine, and with files instead of a name server.

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::rest;
use crate::Dice;
use crate::proxy::{Door, Protocol, Proxy};
use crate::site::{Launch, Member, Role, Site};

const NAMES: &str = "database.chaos redis.chaos";
/// Where they lead at first, and later.
const OLD: [u8; 4] = [127, 0, 0, 1];
const NEW: [u8; 4] = [127, 0, 0, 2];

/// One API and one worker know database and Redis by name. The names cannot be resolved for some seconds; then they lead to another
/// address, and nobody answers at the old one any more.
pub(super) async fn change(site: &Site, dice: &Dice) -> Result<()> {
    let mut named = Vec::new();
    for role in [Role::Api, Role::Worker] {
        let members: Vec<&Member> = site.of(role).collect();
        let member = *dice.pick(&members).context("a site has members")?;
        named.push(Named::start(site, member, dice).await?);
    }
    rest(dice, 1_000, 2_000).await;
    for one in &named {
        one.forget()?;
        one.old_ends(Door::Open);
    }
    rest(dice, 3_000, 6_000).await;
    for one in &named {
        one.leads_to(NEW)?;
        one.old_ends(Door::Refuse);
    }
    rest(dice, 5_000, 8_000).await;
    let moved: u64 = named.iter().map(Named::moved).sum();
    for one in &named {
        one.member.restart().await?;
        one.old_ends(Door::Open);
    }
    site.notes.add("connections to the new address", moved);
    ensure!(
        moved >= 2 * named.len() as u64,
        "{moved} connections went to the new address"
    );
    Ok(())
}

/// A process that goes by names.
struct Named<'a> {
    member: &'a Member,
    folder: TempDir,
    /// The same links at the new address.
    database: Proxy,
    redis: Proxy,
}

impl<'a> Named<'a> {
    async fn start(site: &Site, member: &'a Member, dice: &Dice) -> Result<Self> {
        let at = |proxy: &Proxy| SocketAddr::from((NEW, proxy.port()));
        let server = |port: u16| SocketAddr::from((OLD, port));
        let (database, redis) = (server(site.postgres.port()), server(site.redis.port()));
        let named = Self {
            member,
            folder: tempfile::tempdir()?,
            database: Proxy::start_at(at(&member.database), database, Protocol::Postgres, dice.next())
                .await?,
            redis: Proxy::start_at(at(&member.redis), redis, Protocol::Bytes, dice.next()).await?,
        };
        named.leads_to(OLD)?;
        let database = site.database.replace(
            &format!("127.0.0.1:{}", site.postgres.port()),
            &format!("database.chaos:{}", member.database.port()),
        );
        let redis = site
            .redis
            .url_through(member.redis.port())
            .replace("127.0.0.1", "redis.chaos");
        let launch = Launch {
            hosts: Some(named.hosts()),
            ..Launch::with(&[("DATABASE_URL", database), ("REDIS_URL", redis)])
        };
        member.restart_as(launch).await?;
        Ok(named)
    }

    fn hosts(&self) -> PathBuf {
        self.folder.path().join("hosts")
    }

    fn leads_to(&self, [a, b, c, d]: [u8; 4]) -> Result<()> {
        let lines = format!("127.0.0.1 localhost\n{a}.{b}.{c}.{d} {NAMES}\n");
        std::fs::write(self.hosts(), lines).context("the file of names")
    }

    fn forget(&self) -> Result<()> {
        std::fs::write(self.hosts(), "127.0.0.1 localhost\n").context("the file of names")
    }

    /// Its connections to the old address are reset; what becomes of further ones.
    fn old_ends(&self, door: Door) {
        for link in [&self.member.database, &self.member.redis] {
            link.door(door);
            link.cut();
        }
    }

    fn moved(&self) -> u64 {
        self.database.taken() + self.redis.taken()
    }
}
