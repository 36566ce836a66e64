//! A PostgreSQL of one's own, that may be mistreated.

use std::fs::File;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use tokio::time::Instant;

use crate::process::signal;
use crate::{Process, free_port};

/// How long it may take to answer after a start: a crash is recovered from first.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything a commit has said stays, also after SIGKILL: what was written is the kernel's. Only power loss would need fsync.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 150
superuser_reserved_connections = 10
shared_buffers = 64MB
fsync = off
synchronous_commit = on
timezone = 'UTC'
";

/// A server, its data, and its process while it runs.
#[derive(Debug)]
pub struct Postgres {
    programs: PathBuf,
    folder: PathBuf,
    port: u16,
    owner: Option<(u32, u32)>,
    process: Mutex<Option<Process>>,
}

impl Postgres {
    /// Makes a cluster in `folder`, which must be empty, and starts it. `isolation` is what transactions get that ask for none.
    ///
    /// # Errors
    /// PostgreSQL is missing, or does not start.
    pub async fn start(folder: &Path, isolation: &str) -> Result<Self> {
        let postgres = Self {
            programs: programs()?,
            folder: folder.join("data"),
            port: free_port()?,
            owner: unprivileged()?,
            process: Mutex::default(),
        };
        if let Some((user, group)) = postgres.owner {
            chown(folder, Some(user), Some(group)).context("the database's folder")?;
        }
        let made = postgres
            .program("initdb")
            .args([
                "--username=scheduler",
                "--auth=trust",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
            ])
            .arg("--no-sync")
            .arg("--pgdata")
            .arg(&postgres.folder)
            .output()?;
        ensure!(
            made.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        let settings = format!("{SETTINGS}default_transaction_isolation = '{isolation}'\n");
        let file = postgres.folder.join("postgresql.auto.conf");
        std::fs::write(&file, settings).context("postgresql.auto.conf")?;
        postgres.launch().await?;
        postgres.admin("CREATE DATABASE scheduler_test").await?;
        Ok(postgres)
    }

    /// Where it listens on the loopback interface.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its URL, behind a proxy or whoever listens on this port.
    #[must_use]
    pub fn url_through(&self, port: u16) -> String {
        format!("postgres://scheduler@127.0.0.1:{port}/scheduler_test?sslmode=disable")
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        if let Some((user, group)) = self.owner {
            command.uid(user).gid(group);
        }
        // The unprivileged user may not enter the caller's folder.
        command.current_dir("/").stdin(Stdio::null());
        command
    }

    /// Starts the server, unless it runs, and waits until it answers.
    ///
    /// # Errors
    /// It does not within a minute.
    pub async fn launch(&self) -> Result<()> {
        self.launch_with(&[]).await
    }

    /// As [`Postgres::launch`], with these variables besides.
    ///
    /// # Errors
    /// It does not within a minute.
    pub async fn launch_with(&self, besides: &[(&str, String)]) -> Result<()> {
        let begun = Instant::now();
        loop {
            let runs = self.process().as_mut().map_or(Ok(false), Process::runs)?;
            if !runs {
                // At first the memory of one that was killed may still be in use.
                let log = File::options()
                    .create(true)
                    .append(true)
                    .open(self.folder.with_extension("log"))?;
                let started = Process::start(
                    self.program("postgres")
                        .arg("-D")
                        .arg(&self.folder)
                        .args(["-p", &self.port.to_string()])
                        .envs(besides.iter().map(|(name, value)| (*name, value)))
                        .stdout(Stdio::null())
                        .stderr(log),
                )?;
                *self.process() = Some(started);
            }
            if self.connect().await.is_ok() {
                return Ok(());
            }
            ensure!(
                begun.elapsed() < PATIENCE,
                "PostgreSQL does not start: see {:?}",
                self.folder
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// SIGKILL for the server and all of its processes.
    ///
    /// # Errors
    /// It did not run.
    pub fn kill(&self) -> Result<()> {
        let server = self.process().take().context("PostgreSQL does not run")?;
        let children = server.children();
        server.kill()?;
        // Some notice by themselves that the server is gone.
        let _ = signal("KILL", &children);
        Ok(())
    }

    /// SIGSTOP for the server and all of its processes: it hangs, and its connections stay open.
    ///
    /// # Errors
    /// It does not run.
    pub fn pause(&self) -> Result<()> {
        let process = self.process();
        let server = process.as_ref().context("PostgreSQL does not run")?;
        server.pause()?;
        let _ = signal("STOP", &server.children());
        Ok(())
    }

    /// It goes on.
    ///
    /// # Errors
    /// It does not run.
    pub fn resume(&self) -> Result<()> {
        let process = self.process();
        let server = process.as_ref().context("PostgreSQL does not run")?;
        let _ = signal("CONT", &server.children());
        server.resume()
    }

    /// A fast shutdown, as an administrator does it: sessions are ended, transactions rolled back, everything written.
    ///
    /// # Errors
    /// It still runs after a minute.
    pub async fn stop(&self) -> Result<()> {
        let mut server = self.process().take().context("PostgreSQL does not run")?;
        signal("INT", &[server.id()])?;
        let begun = Instant::now();
        while server.runs()? {
            ensure!(begun.elapsed() < PATIENCE, "PostgreSQL does not stop");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// How many lines of its log say this.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn said(&self, what: &str) -> Result<usize> {
        let log = std::fs::read(self.folder.with_extension("log"))?;
        let log = String::from_utf8_lossy(&log);
        Ok(log.lines().filter(|line| line.contains(what)).count())
    }

    /// A connection as its administrator, past all proxies and past the connection cap.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn connect(&self) -> Result<PgConnection> {
        let url = format!(
            "postgres://scheduler@127.0.0.1:{}/postgres?sslmode=disable",
            self.port
        );
        let connected = tokio::time::timeout(Duration::from_secs(5), PgConnection::connect(&url));
        Ok(connected.await??)
    }

    /// Runs SQL as its administrator.
    ///
    /// # Errors
    /// It does not answer, or refuses.
    pub async fn admin(&self, sql: &str) -> Result<()> {
        let mut connection = self.connect().await?;
        connection.execute(AssertSqlSafe(sql.to_owned())).await?;
        connection.close().await?;
        Ok(())
    }
}

/// The folder of the newest PostgreSQL's programs. Debian keeps the server's off the PATH.
fn programs() -> Result<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut found: Vec<PathBuf> = versions
        .filter_map(|version| Some(version.ok()?.path().join("bin")))
        .filter(|bin| bin.join("initdb").exists())
        .collect();
    found.sort();
    if let Some(newest) = found.pop() {
        return Ok(newest);
    }
    let which = Command::new("which").arg("initdb").output()?;
    let path = PathBuf::from(String::from_utf8_lossy(&which.stdout).trim());
    match path.parent() {
        Some(bin) if path.exists() => Ok(bin.to_owned()),
        _ => bail!("PostgreSQL is missing: run ci/install.sh"),
    }
}

/// As whom to run it: it refuses root.
fn unprivileged() -> Result<Option<(u32, u32)>> {
    let id = |arguments: &[&str]| -> Result<u32> {
        let said = Command::new("id").args(arguments).output()?;
        Ok(String::from_utf8_lossy(&said.stdout).trim().parse()?)
    };
    if id(&["-u"])? != 0 {
        return Ok(None);
    }
    Ok(Some((id(&["-u", "postgres"])?, id(&["-g", "postgres"])?)))
}
