//! One API or worker of a site, with its links.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::launch::{Launch, with_hosts};
use crate::history::Folder;
use crate::process::signal;
use crate::proxy::{Protocol, Proxy};
use crate::{Dice, Fleet, Process, free_port};

/// A process is given this long after SIGTERM; its own bound is shorter.
const GRACE: Duration = Duration::from_secs(20);

/// What a process is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Answers calls.
    Api,
    /// Runs jobs.
    Worker,
}

/// A process that can be killed, paused and started again, and its links.
#[derive(Debug)]
pub struct Member {
    /// What it is for.
    pub role: Role,
    /// `api-1`, `worker-3`.
    pub name: String,
    /// Its link to the database.
    pub database: Proxy,
    /// Its link to Redis.
    pub redis: Proxy,
    /// Where it takes calls, if it is an API.
    pub port: Option<u16>,
    /// The gateway's link to it, of an API.
    pub front: Option<Proxy>,
    settings: Vec<(String, String)>,
    tells: bool,
    lives: AtomicU32,
    started_by: OnceLock<(Fleet, Folder)>,
    process: Mutex<Option<Process>>,
}

impl Member {
    pub(super) async fn new(
        role: Role,
        number: u16,
        (database, redis): (Proxy, Proxy),
        mut settings: Vec<(String, String)>,
        tells: bool,
        dice: &Dice,
    ) -> Result<Self> {
        let kind = match role {
            Role::Api => "api",
            Role::Worker => "worker",
        };
        let (mut api, mut front) = (None, None);
        if role == Role::Api {
            let port = free_port()?;
            settings.push(("GRPC_PORT".to_owned(), port.to_string()));
            api = Some(port);
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            front = Some(Proxy::start(address, Protocol::Bytes, dice.next()).await?);
        }
        Ok(Self {
            role,
            name: format!("{kind}-{number}"),
            database,
            redis,
            port: api,
            front,
            settings,
            tells,
            lives: AtomicU32::new(0),
            started_by: OnceLock::new(),
            process: Mutex::default(),
        })
    }

    /// By whom it is started from now on.
    pub(super) fn keep(&self, fleet: Fleet, folder: Folder) {
        let _ = self.started_by.set((fleet, folder));
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn launch(&self, fleet: &Fleet, folder: &Folder) -> Result<()> {
        self.launch_with(fleet, folder, Launch::default())
    }

    fn launch_with(&self, fleet: &Fleet, folder: &Folder, launch: Launch) -> Result<()> {
        let program = match (self.role, self.tells) {
            (Role::Api, false) => "scheduler-api",
            (Role::Worker, false) => "scheduler-worker",
            (Role::Api, true) => "harness-api",
            (Role::Worker, true) => "harness-worker",
        };
        let fleet = match launch.bin {
            Some(bin) => fleet.clone().of(bin),
            None => fleet.clone(),
        };
        let mut command = if self.tells {
            // Each life tells in a file of its own.
            let life = self.lives.fetch_add(1, Ordering::Relaxed) + 1;
            let name = format!("{}-{life}", self.name);
            let mut command = fleet.harness(program, &name, folder)?;
            command.env_remove("HISTORY_SINK");
            command
        } else {
            fleet.command(program, &self.name)
        };
        command.envs(self.settings.iter().cloned()).envs(launch.variables);
        if let Some(hosts) = launch.hosts {
            command = with_hosts(&command, &hosts);
        }
        let (out, error) = match launch.says {
            Some(says) => says,
            None => (folder.log(&self.name)?.into(), folder.log(&self.name)?.into()),
        };
        command.stdout(out).stderr(error);
        *self.process() = Some(Process::start(&mut command)?);
        Ok(())
    }

    /// Starts it, unless it runs.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn launch_again(&self) -> Result<()> {
        self.launch_again_as(Launch::default())
    }

    /// Starts it so, unless it runs.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn launch_again_as(&self, launch: Launch) -> Result<()> {
        if self.runs() {
            return Ok(());
        }
        let (fleet, folder) = self.started_by.get().context("it has never run")?;
        self.launch_with(fleet, folder, launch)
    }

    /// Ends it as a rollout does, and starts it as always.
    ///
    /// # Errors
    /// It does not end, or cannot be started.
    pub async fn restart(&self) -> Result<()> {
        self.restart_as(Launch::default()).await
    }

    /// Ends it as a rollout does, and starts it so.
    ///
    /// # Errors
    /// It does not end, or cannot be started.
    pub async fn restart_as(&self, launch: Launch) -> Result<()> {
        let ended = self.terminate(GRACE).await;
        self.launch_again_as(launch)?;
        ended.map(drop)
    }

    /// How many files it has open, and how much of it is in memory (KiB); `None` when it does not run.
    #[must_use]
    pub fn usage(&self) -> Option<(usize, u64)> {
        let id = self.id()?;
        let files = std::fs::read_dir(format!("/proc/{id}/fd")).ok()?.count();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        Some((files, line.split_whitespace().nth(1)?.parse().ok()?))
    }

    /// Whether it runs, if only on paper: it may be paused.
    #[must_use]
    pub fn runs(&self) -> bool {
        let mut process = self.process();
        process.as_mut().is_some_and(|p| p.runs().unwrap_or(false))
    }

    /// Its number, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.process().as_ref().map(Process::id)
    }

    /// Whether it stands still (SIGSTOP).
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        let status = self
            .id()
            .and_then(|id| std::fs::read_to_string(format!("/proc/{id}/status")).ok());
        status.is_some_and(|status| status.lines().any(|line| line.starts_with("State:\tT")))
    }

    /// SIGKILL, if it runs.
    ///
    /// # Errors
    /// The signal could not be sent.
    pub fn kill(&self) -> Result<()> {
        let process = self.process().take();
        process.map_or(Ok(()), Process::kill)
    }

    /// SIGTERM, and so long to end; `None` when it did not run.
    ///
    /// # Errors
    /// It still runs after that.
    pub async fn terminate(&self, within: Duration) -> Result<Option<std::process::ExitStatus>> {
        let process = self.process().take();
        match process {
            Some(process) => process.terminate(within).await.map(Some),
            None => Ok(None),
        }
    }

    /// SIGSTOP, if it runs.
    ///
    /// # Errors
    /// The signal could not be sent.
    pub fn pause(&self) -> Result<()> {
        self.process().as_ref().map_or(Ok(()), Process::pause)
    }

    /// SIGCONT, if it runs.
    ///
    /// # Errors
    /// The signal could not be sent.
    pub fn resume(&self) -> Result<()> {
        self.process().as_ref().map_or(Ok(()), Process::resume)
    }

    /// Sends a signal, if it runs.
    ///
    /// # Errors
    /// The signal could not be sent.
    pub fn signal(&self, name: &str) -> Result<()> {
        self.id().map_or(Ok(()), |id| signal(name, &[id]))
    }

    /// Starts it again if it has ended by itself, as whatever looks after a container does. Says whether that was so.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn supervise(&self) -> Result<bool> {
        let ended = match self.process().as_mut() {
            Some(process) => !process.runs()?,
            None => false,
        };
        if ended {
            self.launch_again()?;
        }
        Ok(ended)
    }

    /// Makes it run.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn revive(&self) -> Result<()> {
        if self.runs() {
            return self.resume();
        }
        self.launch_again()
    }
}
