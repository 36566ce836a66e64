//! A whole system that may be mistreated: three APIs behind Envoy, three workers, a PostgreSQL and a Redis that nobody shares,
//! and a chaos proxy in each link between them.
//!
//! ```text
//! clients ──▶ Envoy ─(front)─▶ api-1 … api-3 ───┬─(database)─▶ PostgreSQL
//!                              worker-1 … -3 ───┴─(redis)────▶ Redis
//! ```

mod disk;
mod launch;
mod member;
mod memory;
mod notes;
mod postgres;
mod redis;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use scheduler_client::ClientOptions;
use sqlx::{Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;

pub use self::disk::SmallDisk;
pub use self::launch::Launch;
pub use self::member::{Member, Role};
pub use self::memory::MemoryGroup;
pub use self::notes::Notes;
pub use self::postgres::Postgres;
pub use self::redis::Redis;
use crate::history::{Folder, RecordingClient, Rows};
use crate::proxy::{Protocol, Proxy};
use crate::{Dice, Envoy, Fleet, Settings, answering};

/// How a site is built.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Attempts that one worker runs at once.
    pub pool_size: usize,
    /// What transactions get that ask for no isolation.
    pub isolation: &'static str,
    /// Settings that all processes get besides, as environment variables.
    pub settings: Vec<(String, String)>,
    /// Whether the gateway reaches the APIs past the proxies: a proxy takes connections for an API that is gone, and resets
    /// them, where a machine would have refused them.
    pub direct: bool,
    /// Where the database's data lies, if not in a folder of its own.
    pub data: Option<PathBuf>,
    /// Jobs that are due at once where that is the fault.
    pub due: usize,
    /// A folder of older programs, where two versions at once are the fault.
    pub old: Option<PathBuf>,
    /// Whether the processes are those of the harness, which tell what they do: for a run that is judged, not for one that is
    /// measured.
    pub tells: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            pool_size: 10,
            isolation: "read committed",
            settings: Vec::new(),
            direct: false,
            data: None,
            due: 0,
            old: None,
            tells: false,
        }
    }
}

/// One running system.
#[derive(Debug)]
pub struct Site {
    /// The record.
    pub postgres: Postgres,
    /// The dispatch index.
    pub redis: Redis,
    /// The gateway.
    pub envoy: Envoy,
    /// APIs and workers.
    pub members: Vec<Member>,
    /// What the database accepted.
    pub rows: Rows,
    /// The URL of the jobs' database, past all proxies.
    pub database: String,
    /// What faults counted.
    pub notes: Notes,
    /// Jobs that are due at once where that is the fault.
    pub due: usize,
    /// A folder of older programs, where two versions at once are the fault.
    pub old: Option<PathBuf>,
    fleet: Fleet,
    record: Folder,
    callers: AtomicU64,
    _folder: TempDir,
}

impl Site {
    /// Starts everything, and waits until the gateway answers. What processes say goes into `folder`.
    ///
    /// # Errors
    /// A part is missing, or does not start.
    pub async fn start(bin: &Path, envoy: &Path, plan: &Plan, folder: &Folder, dice: &Dice) -> Result<Self> {
        let own = tempfile::Builder::new().prefix("scheduler-site-").tempdir()?;
        let data = plan.data.clone().unwrap_or_else(|| own.path().join("postgres"));
        let redis_folder = own.path().join("redis");
        std::fs::create_dir_all(&data)?;
        std::fs::create_dir_all(&redis_folder)?;
        // The database runs as another user than root.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(own.path(), open)?;
        let postgres = Postgres::start(&data, plan.isolation).await?;
        let redis = Redis::start(&redis_folder).await?;
        let settings = Settings {
            bin: bin.to_owned(),
            database: postgres.url_through(postgres.port()),
            redis: redis.url_through(redis.port()),
            envoy: envoy.to_owned(),
        };
        let (fleet, rows) = Fleet::found(&settings, "chaos").await?;
        let database = fleet.database().to_owned();

        let mut members = Vec::new();
        for role in [Role::Api, Role::Worker] {
            for number in 1..=3 {
                let through = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
                let to_database =
                    Proxy::start(through(postgres.port()), Protocol::Postgres, dice.next()).await?;
                let to_redis = Proxy::start(through(redis.port()), Protocol::Bytes, dice.next()).await?;
                let url = database.replace(
                    &format!(":{}/", postgres.port()),
                    &format!(":{}/", to_database.port()),
                );
                let redis_url = redis.url_through(to_redis.port());
                let mut settings = vec![
                    ("DATABASE_URL".to_owned(), url),
                    ("REDIS_URL".to_owned(), redis_url),
                    // Otherwise made from the database's URL, which differs by proxy.
                    (
                        "SCHEDULER__API__PAGE_TOKEN_SECRET".to_owned(),
                        "of all replicas the same".to_owned(),
                    ),
                    ("SCHEDULER__API__DRAIN_GRACE".to_owned(), "5s".to_owned()),
                    ("SCHEDULER__API__SHUTDOWN_TIMEOUT".to_owned(), "12s".to_owned()),
                    ("SCHEDULER__WORKER__DRAIN_GRACE".to_owned(), "2s".to_owned()),
                    ("SCHEDULER__WORKER__SHUTDOWN_TIMEOUT".to_owned(), "8s".to_owned()),
                    ("WORKER_POOL_SIZE".to_owned(), plan.pool_size.to_string()),
                ];
                settings.extend(plan.settings.iter().cloned());
                let links = (to_database, to_redis);
                let member = Member::new(role, number, links, settings, plan.tells, dice).await?;
                member.launch(&fleet, folder)?;
                members.push(member);
            }
        }
        let front = |member: &Member| match (plan.direct, &member.front) {
            (false, Some(front)) => Some(front.port()),
            _ => member.port,
        };
        let fronts: Vec<u16> = members.iter().filter_map(front).collect();
        let fronts = fronts.try_into().ok().context("three APIs")?;
        let envoy = Envoy::start(&settings, fronts)?;
        let site = Self {
            postgres,
            redis,
            envoy,
            members,
            rows,
            database,
            notes: Notes::default(),
            due: plan.due,
            old: plan.old.clone(),
            fleet: fleet.clone(),
            record: folder.clone(),
            callers: AtomicU64::new(1),
            _folder: own,
        };
        for member in &site.members {
            member.keep(fleet.clone(), folder.clone());
        }
        answering(site.envoy.port).await?;
        Ok(site)
    }

    /// Those of one role.
    pub fn of(&self, role: Role) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(move |member| member.role == role)
    }

    /// Every link to the database.
    pub fn database_links(&self) -> impl Iterator<Item = &Proxy> {
        self.members.iter().map(|member| &member.database)
    }

    /// Every link there is.
    pub fn links(&self) -> impl Iterator<Item = &Proxy> {
        self.members
            .iter()
            .flat_map(|member| [&member.database, &member.redis].into_iter().chain(&member.front))
    }

    /// Where clients call.
    pub fn gateway(&self) -> String {
        format!("http://127.0.0.1:{}", self.envoy.port)
    }

    /// A client whose calls are part of the run's history; `name` says what for.
    ///
    /// # Errors
    /// Nothing can be recorded.
    pub async fn caller(&self, name: &str) -> Result<RecordingClient> {
        let number = self.callers.fetch_add(1, Ordering::Relaxed);
        let options = ClientOptions {
            connections: 2,
            ..ClientOptions::new(self.gateway())
        };
        RecordingClient::connect(&self.record, &format!("{name}-{number}"), options).await
    }

    /// Brings the schema up to date once more.
    ///
    /// # Errors
    /// `tsctl migrate` fails.
    pub fn migrate(&self) -> Result<()> {
        self.fleet.migrate()
    }

    /// How often our processes logged this so far.
    ///
    /// # Errors
    /// A log cannot be read.
    pub fn logged(&self, sign: &str) -> Result<usize> {
        let mut times = 0;
        for log in std::fs::read_dir(self.record.logs())? {
            times += String::from_utf8_lossy(&std::fs::read(log?.path())?)
                .matches(sign)
                .count();
        }
        Ok(times)
    }

    /// A connection to the database itself, past every link, whose statements are no part of what conflicts are about.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn aside(&self) -> Result<PgConnection> {
        let mut connection = PgConnection::connect(&self.database).await?;
        connection
            .execute("SET default_transaction_isolation TO 'read committed'")
            .await?;
        Ok(connection)
    }

    /// What a query counts in the database itself, past every link.
    pub async fn count(&self, query: &'static str) -> Result<i64> {
        let mut connection = self.aside().await?;
        let count = sqlx::query_scalar(query).fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(count)
    }

    /// Makes everything run and every link pass, whatever was done to it.
    ///
    /// # Errors
    /// A part does not start again.
    pub async fn heal(&self) -> Result<()> {
        let _ = self.postgres.resume();
        let _ = self.redis.resume();
        self.links().for_each(Proxy::heal);
        self.postgres.launch().await?;
        self.redis.launch().await?;
        for member in &self.members {
            member.revive()?;
        }
        for _ in 0..3 {
            if answering(self.envoy.port).await.is_ok() {
                return Ok(());
            }
            self.envoy.kill()?;
            self.envoy.launch()?;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        answering(self.envoy.port).await.map(drop)
    }
}
