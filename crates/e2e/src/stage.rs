//! A short run that is recorded: harness processes on a database and a folder of their own.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use scheduler_client::{Client, ClientOptions, JobRequest};
use uuid::Uuid;

use crate::harness::Bug;
use crate::history::{self, Event, FaultMark, Folder, Recorder, RecordingClient, Rows, Setup, Sink, Told};
use crate::{Fleet, Process, Settings, answering, free_port};

/// How long something may be waited for.
const PATIENCE: Duration = Duration::from_secs(90);

/// One run.
#[derive(Debug)]
pub struct Stage {
    fleet: Fleet,
    /// The database's record.
    pub rows: Rows,
    /// Where it is recorded.
    pub folder: Folder,
    faults: Recorder,
    port: u16,
}

impl Stage {
    /// Sets up a run called `name`, with its folder in `parent`.
    ///
    /// # Errors
    /// The database refuses, or the folder cannot be written.
    pub async fn set(settings: &Settings, parent: &std::path::Path, setup: &Setup) -> Result<Self> {
        let (fleet, rows) = Fleet::found(settings, &setup.run).await?;
        let folder = Folder::create(parent.join(&setup.run), setup)?;
        Sink::start(&folder)?;
        let faults = Recorder::create(&folder, "faults")?;
        faults.phase("load");
        Ok(Self {
            fleet,
            rows,
            folder,
            faults,
            port: free_port()?,
        })
    }

    /// A `harness-api` with these gates and this bug. There can be one at a time.
    ///
    /// # Errors
    /// It cannot be started, or does not answer.
    pub async fn api(&self, name: &str, gates: &str, bug: Option<Bug>) -> Result<Process> {
        let mut command = self.fleet.harness("harness-api", name, &self.folder)?;
        command.env("GRPC_PORT", self.port.to_string());
        let process = start(&mut command, gates, bug)?;
        answering(self.port).await?;
        Ok(process)
    }

    /// A `harness-worker` with these gates and this bug.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn worker(&self, name: &str, gates: &str, bug: Option<Bug>) -> Result<Process> {
        let mut command = self.fleet.harness("harness-worker", name, &self.folder)?;
        start(&mut command, gates, bug)
    }

    /// A client that is recorded as `name`.
    ///
    /// # Errors
    /// Its file is there already.
    pub async fn client(&self, name: &str) -> Result<RecordingClient> {
        RecordingClient::connect(&self.folder, name, self.options()).await
    }

    fn options(&self) -> ClientOptions {
        ClientOptions::new(format!("http://127.0.0.1:{}", self.port))
    }

    /// A job that hears nothing, and goes on in each process until [`Stage::lets`] says so: then a schedule needs no time in which
    /// one thing has to happen before another.
    #[must_use]
    pub fn held(&self) -> JobRequest {
        let gate = serde_json::json!({"gate": self.gate()});
        JobRequest::new("effect").payload_json(gate.to_string())
    }

    /// Lets the process called `name` end the jobs that are [`Stage::held`].
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn lets(&self, name: &str) -> Result<()> {
        std::fs::create_dir_all(self.gate())?;
        Ok(std::fs::write(self.gate().join(name), "")?)
    }

    fn gate(&self) -> PathBuf {
        self.folder.path().join("gate")
    }

    /// A fault begins, and lasts until the mark ends.
    pub fn fault(&self, name: &str) -> FaultMark {
        self.faults.fault(name, serde_json::json!({}))
    }

    /// Waits until `process` has told something that `is` so.
    ///
    /// # Errors
    /// It does not.
    pub async fn told(&self, process: &str, what: &str, is: impl Fn(&Told) -> bool) -> Result<Told> {
        let file = self.folder.events().join(format!("{process}.jsonl"));
        let mut found = None;
        until(&format!("{process} tells {what}"), async || {
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            let events = text
                .lines()
                .filter_map(|line| serde_json::from_str::<Event>(line).ok());
            found = events.map(|event| event.told).find(|told| is(told));
            Ok(found.is_some())
        })
        .await?;
        found.context("it was found")
    }

    /// Waits until the job's row `is` so.
    ///
    /// # Errors
    /// It does not come to that.
    pub async fn row(&self, job: Uuid, what: &str, is: impl Fn(&history::Row) -> bool) -> Result<()> {
        until(&format!("the row is {what}"), async || {
            Ok(self.rows.row(job).await?.as_ref().is_some_and(&is))
        })
        .await
    }

    /// Nothing more is asked for: waits until nothing is leased and no job is open.
    ///
    /// # Errors
    /// It does not come to that.
    pub async fn rest(&self) -> Result<()> {
        self.faults.phase("drain");
        let client = Client::connect(self.options()).await?;
        until("nothing is leased and no job is open", async || {
            // Both, for that is what is leased. What runs alone is not enough: of an attempt that ended the lease may still be
            // there, for its worker died before it could drop it, and the reaper has yet to find it.
            let queues = client.queues().await;
            let none_leased = queues.is_ok_and(|queues| queues.running + queues.buffered == 0);
            // In this order: what is taken from the one is in the other first.
            Ok(none_leased && self.rows.open_jobs().await? == 0)
        })
        .await
    }

    /// Ends the run: reads what there is at the end, by way of `api`.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn close(&self) -> Result<()> {
        self.faults.phase("done");
        let client = Client::connect(self.options()).await?;
        history::show(&client, &self.folder).await?;
        self.rows.dump(&self.folder).await
    }
}

fn start(command: &mut std::process::Command, gates: &str, bug: Option<Bug>) -> Result<Process> {
    command.env("HARNESS_GATES", gates);
    if let Some(bug) = bug {
        command.env("HARNESS_BUG", bug.name());
    }
    Process::start(command)
}

/// Waits until it is so.
///
/// # Errors
/// It is not within 90 seconds, or cannot be found out.
#[expect(
    clippy::disallowed_methods,
    reason = "the harness watches real processes in real time"
)]
pub async fn until(what: &str, mut is: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    let since = std::time::Instant::now();
    while !is().await? {
        if since.elapsed() > PATIENCE {
            bail!("not within {PATIENCE:?}: {what}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}
