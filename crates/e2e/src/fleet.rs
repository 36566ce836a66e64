//! API and worker processes on a database and a Redis name space of their own.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use scheduler_client::{Client, ClientOptions};
use sqlx::Executor as _;

use crate::history::{Folder, Rows};
use crate::{Process, Settings};

/// One system under test: what all its processes share.
#[derive(Debug, Clone)]
pub struct Fleet {
    settings: Settings,
    database: String,
    key_prefix: String,
}

impl Fleet {
    /// A fleet whose database has its schema, with its record of what becomes of its rows.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn found(settings: &Settings, name: &str) -> Result<(Self, Rows)> {
        let fleet = Self::on_empty_database(settings, name).await?;
        fleet.migrate()?;
        let rows = Rows::record(&fleet.database).await?;
        Ok((fleet, rows))
    }

    /// Creates a database called `name` (with this process's number), with nothing in it.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn on_empty_database(settings: &Settings, name: &str) -> Result<Self> {
        let name = format!("e2e_{name}_{}", std::process::id());
        let server = sqlx::PgPool::connect(&settings.database).await?;
        server
            .execute(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .await?;
        server.close().await;
        let (before, after) = settings
            .database
            .split_once("/scheduler_test")
            .context("TEST_DATABASE_URL names another database than scheduler_test")?;
        Ok(Self {
            settings: settings.clone(),
            database: format!("{before}/{name}{after}"),
            key_prefix: format!("{name}:"),
        })
    }

    /// The same system, whose programs are those of another folder.
    #[must_use]
    pub fn of(mut self, bin: PathBuf) -> Self {
        self.settings.bin = bin;
        self
    }

    /// Brings the schema up to date, as the chart's Job does.
    ///
    /// # Errors
    /// `tsctl migrate` fails.
    pub fn migrate(&self) -> Result<()> {
        let migrated = Command::new(self.settings.bin.join("tsctl"))
            .args(["migrate", "--database-url", &self.database])
            .output()?;
        ensure!(
            migrated.status.success(),
            "tsctl migrate: {}",
            String::from_utf8_lossy(&migrated.stderr)
        );
        Ok(())
    }

    /// The URL of its database.
    #[must_use]
    pub fn database(&self) -> &str {
        &self.database
    }

    /// A `scheduler-api` called `name`, for `x-served-by`, on this port of the loopback interface.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn api(&self, name: &str, port: u16) -> Result<Process> {
        Process::start(
            self.command("scheduler-api", name)
                .env("GRPC_PORT", port.to_string()),
        )
    }

    /// A `scheduler-worker` called `name`.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn worker(&self, name: &str) -> Result<Process> {
        Process::start(&mut self.command("scheduler-worker", name))
    }

    /// The harness' `program` (see [`crate::harness`]) called `name`, which tells in `folder`; it can be given more before it is started.
    ///
    /// # Errors
    /// The folder cannot be read or written.
    pub fn harness(&self, program: &str, name: &str, folder: &Folder) -> Result<Command> {
        let setup = folder.setup()?;
        let mut command = self.command(program, name);
        command
            .env("HISTORY_EVENTS", folder.events())
            .env("HISTORY_SINK", folder.sink())
            .env("HISTORY_RUN", setup.run)
            .env("HISTORY_SEED", setup.seed.to_string())
            .stderr(folder.log(name)?);
        Ok(command)
    }

    /// Makes Redis forget everything, of every test.
    ///
    /// # Errors
    /// Redis refuses.
    pub fn flush_redis(&self) -> Result<()> {
        let flushed = Command::new("redis-cli")
            .args(["-u", &self.settings.redis, "flushall"])
            .output()?;
        ensure!(
            flushed.status.success(),
            "flushall: {}",
            String::from_utf8_lossy(&flushed.stderr)
        );
        Ok(())
    }

    /// Starts this one of our programs with what the others of the fleet share. Leases are short enough that a test sees
    /// them end.
    #[must_use]
    pub fn command(&self, program: &str, name: &str) -> Command {
        let mut command = Command::new(self.settings.bin.join(program));
        command
            .env("DATABASE_URL", &self.database)
            .env("REDIS_URL", &self.settings.redis)
            .env("SCHEDULER__REDIS__KEY_PREFIX", &self.key_prefix)
            .env("SCHEDULER__ENGINE__LEASE", "3s")
            .env("SCHEDULER__ENGINE__HEARTBEAT", "500ms")
            .env("SCHEDULER__ENGINE__SWEEP_PERIOD", "1s")
            .env("POD_NAME", name)
            .env("METRICS_PORT", "0")
            .env("LOG_LEVEL", "warn")
            .stdin(Stdio::null());
        command
    }
}

/// A client of the API or gateway on this port of the loopback interface, once it answers.
///
/// # Errors
/// It does not answer within 15 seconds.
pub async fn answering(port: u16) -> Result<Client> {
    let client = Client::connect(ClientOptions::new(format!("http://127.0.0.1:{port}"))).await?;
    for _ in 0..300 {
        if client.queues().await.is_ok() {
            return Ok(client);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    bail!("nothing answers on port {port}")
}
