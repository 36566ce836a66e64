//! A Redis of one's own, that may be mistreated.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::time::Instant;

use crate::{Process, free_port};

const PATIENCE: Duration = Duration::from_secs(30);

/// A server that keeps its content in memory, and its process while it runs.
#[derive(Debug)]
pub struct Redis {
    folder: PathBuf,
    port: u16,
    process: Mutex<Option<Process>>,
}

impl Redis {
    /// Starts one whose files go into `folder`.
    ///
    /// # Errors
    /// Redis is missing, or does not start.
    pub async fn start(folder: &Path) -> Result<Self> {
        let redis = Self {
            folder: folder.to_owned(),
            port: free_port()?,
            process: Mutex::default(),
        };
        redis.launch().await?;
        Ok(redis)
    }

    /// Where it listens on the loopback interface.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its URL, behind a proxy or whoever listens on this port.
    #[must_use]
    pub fn url_through(&self, port: u16) -> String {
        format!("redis://127.0.0.1:{port}/0")
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the server, unless it runs, with what the file holds that [`Redis::save`] wrote, and waits until it answers.
    ///
    /// # Errors
    /// It does not within half a minute.
    pub async fn launch(&self) -> Result<()> {
        let begun = Instant::now();
        loop {
            let runs = self.process().as_mut().map_or(Ok(false), Process::runs)?;
            if !runs {
                let log = File::options()
                    .create(true)
                    .append(true)
                    .open(self.folder.join("redis.log"))?;
                let started = Process::start(
                    Command::new("redis-server")
                        .args(["--bind", "127.0.0.1", "--port", &self.port.to_string()])
                        .args([
                            "--save",
                            "",
                            "--appendonly",
                            "no",
                            "--loglevel",
                            "warning",
                            "--dir",
                        ])
                        .arg(&self.folder)
                        .stdin(Stdio::null())
                        .stdout(log),
                )
                .context("Redis is missing: run ci/install.sh")?;
                *self.process() = Some(started);
            }
            if self.admin(&["PING"]).await.is_ok_and(|said| said == "PONG") {
                return Ok(());
            }
            ensure!(
                begun.elapsed() < PATIENCE,
                "Redis does not start: see {:?}",
                self.folder
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// SIGKILL.
    ///
    /// # Errors
    /// It did not run.
    pub fn kill(&self) -> Result<()> {
        self.process().take().context("Redis does not run")?.kill()
    }

    /// SIGSTOP: it hangs, and its connections stay open.
    ///
    /// # Errors
    /// It does not run.
    pub fn pause(&self) -> Result<()> {
        self.process().as_ref().context("Redis does not run")?.pause()
    }

    /// It goes on.
    ///
    /// # Errors
    /// It does not run.
    pub fn resume(&self) -> Result<()> {
        self.process().as_ref().context("Redis does not run")?.resume()
    }

    /// Writes its content to the file that the next start reads.
    ///
    /// # Errors
    /// It refuses.
    pub async fn save(&self) -> Result<()> {
        self.admin(&["SAVE"]).await.map(drop)
    }

    /// Removes that file, so that the next start is an empty one.
    ///
    /// # Errors
    /// It is there and cannot be removed.
    pub fn forget(&self) -> Result<()> {
        match std::fs::remove_file(self.folder.join("dump.rdb")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Sends one command, past all proxies; its answer as `redis-cli` writes it.
    ///
    /// # Errors
    /// It does not answer, or refuses.
    pub async fn admin(&self, command: &[&str]) -> Result<String> {
        let asked = tokio::process::Command::new("redis-cli")
            .args(["-e", "-p", &self.port.to_string()])
            .args(command)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let answer = tokio::time::timeout(Duration::from_secs(10), asked).await??;
        let said = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
        let why = String::from_utf8_lossy(&answer.stderr);
        ensure!(answer.status.success(), "redis {command:?}: {said}{why}");
        Ok(said)
    }
}
