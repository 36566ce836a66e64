//! Handlers whose effects are counted.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use scheduler_worker::handlers::{AlwaysFail, Flaky, Noop, Sleep};
use scheduler_worker::{Handler, JobContext, JobError, Registry};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::sync::Mutex;

use super::Harness;
use crate::history::{self, Kind, Op, Recorder, Told, WorkerName, fingerprint};

/// The stock handlers, and `effect`.
///
/// # Errors
/// The sink cannot be reached.
pub(super) async fn registry(harness: &Harness) -> Result<Registry> {
    let recorder = &harness.recorder;
    let sink = match &harness.sink {
        None => None,
        Some(path) => {
            let connection = UnixStream::connect(path).await;
            let connection = connection.with_context(|| path.display().to_string())?;
            Some(Arc::new(Mutex::new(connection)))
        }
    };
    let teller = Teller {
        recorder: recorder.clone(),
        worker: Arc::clone(&harness.worker),
        sink,
        stop_every: harness.stop_every,
        begun: Arc::default(),
    };
    Ok(Registry::new()
        .handler(teller.telling(Noop))
        .handler(teller.telling(Sleep))
        .handler(teller.telling(Flaky))
        .handler(teller.telling(AlwaysFail))
        .handler(teller.telling(Effect {
            process: recorder.process().to_owned(),
        })))
}

#[derive(Clone)]
struct Teller {
    recorder: Recorder,
    worker: WorkerName,
    sink: Option<Arc<Mutex<UnixStream>>>,
    stop_every: Option<u64>,
    /// Attempts so far.
    begun: Arc<AtomicU64>,
}

impl Teller {
    fn telling<H>(&self, handler: H) -> Telling<H> {
        Telling {
            handler,
            teller: self.clone(),
        }
    }

    fn worker(&self) -> String {
        // Its claim was told before.
        self.worker.get().cloned().unwrap_or_default()
    }

    /// The point at which nothing can be done about it any more: the lease was looked at, and the effect is made next. A process that is
    /// told to stands still here, as in a long collection of garbage, until somebody lets it go on.
    fn looks_at_its_lease(&self, job: &JobContext) -> Result<(), JobError> {
        if job.is_cancelled() {
            return Err(JobError::retry("the lease was lost before the effect"));
        }
        let begun = self.begun.fetch_add(1, Ordering::Relaxed) + 1;
        if self.stop_every.is_some_and(|every| begun.is_multiple_of(every)) {
            self.tell(Told::note(Op::Remark).code("stops before its effect"), job);
            let stopped =
                rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::STOP);
            stopped.map_err(|error| JobError::retry(format!("it cannot stop itself: {error}")))?;
        }
        Ok(())
    }

    /// The attempt's effect: the sink has it, then it is told.
    async fn effect(&self, job: &JobContext) -> Result<(), JobError> {
        if let Some(sink) = &self.sink {
            let effect = history::Effect {
                job: job.id.0,
                epoch: job.epoch.0,
                worker: self.worker(),
            };
            let written = async {
                let mut line = serde_json::to_vec(&effect)?;
                line.push(b'\n');
                sink.lock().await.write_all(&line).await
            };
            written
                .await
                .map_err(|error| JobError::retry(format!("the sink: {error}")))?;
        }
        self.tell(Told::note(Op::Effect), job);
        Ok(())
    }

    fn tell(&self, told: Told, job: &JobContext) {
        let told = told.job(job.id.0).epoch(job.epoch.0).worker(self.worker());
        self.recorder.tell(told);
    }
}

/// A handler that makes an effect first, and tells what it returned.
struct Telling<H> {
    handler: H,
    teller: Teller,
}

impl<H: Handler> Handler for Telling<H> {
    const TYPE: &'static str = H::TYPE;
    type Payload = H::Payload;
    type Output = Value;

    async fn run(&self, job: JobContext, payload: H::Payload) -> Result<Value, JobError> {
        self.teller.looks_at_its_lease(&job)?;
        self.teller.effect(&job).await?;
        let returned = self.handler.run(job.clone(), payload).await;
        let returned = returned.and_then(|output| {
            serde_json::to_value(output).map_err(|error| JobError::fatal(error.to_string()))
        });
        let told = match &returned {
            Ok(Value::Null) => Told::new(Kind::Note, Op::Handled).code("ok"),
            Ok(value) => {
                let result = fingerprint(value.to_string().as_bytes());
                Told::note(Op::Handled).code("ok").args(json!({"result": result}))
            }
            Err(_) => Told::note(Op::Handled).code("error"),
        };
        self.teller.tell(told, &job);
        returned
    }
}

/// `effect` {"ms", "gate"}: takes its time whatever happens, and returns what no other attempt returns.
struct Effect {
    process: String,
}

/// How often it looks at its gate.
const LOOK: Duration = Duration::from_millis(10);

/// How long: so many milliseconds, and until there is a file with the process's name in this folder, if one is given.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Args {
    #[serde(default)]
    ms: u64,
    #[serde(default)]
    gate: Option<PathBuf>,
}

impl Handler for Effect {
    const TYPE: &'static str = "effect";
    type Payload = Args;
    type Output = Value;

    /// Deaf to cancellation: what it is about to do cannot be taken back.
    async fn run(&self, job: JobContext, args: Args) -> Result<Value, JobError> {
        tokio::time::sleep(Duration::from_millis(args.ms)).await;
        if let Some(gate) = args.gate {
            let gate = gate.join(&self.process);
            while !gate.exists() {
                tokio::time::sleep(LOOK).await;
            }
        }
        Ok(json!({"job": job.id.to_string(), "epoch": job.epoch.0, "attempt": job.attempt}))
    }
}
