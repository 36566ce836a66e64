//! The processes under test as the shipped ones are, but for three things: what they do is written down, the calls on their store
//! and queue pass through [`Gates`], and a [`Bug`] can be planted in them.
//!
//! Told by the environment, besides what the shipped ones are told:
//! - `HISTORY_EVENTS`, `HISTORY_RUN`, `HISTORY_SEED`, `POD_NAME`: where events are written, and in whose name;
//! - `HISTORY_SINK`: the socket of the effects;
//! - `HARNESS_GATES`: `store.submit:after=abort, queue.ack:before=hang, store.finish:before=sleep:500`;
//! - `HARNESS_REPLAYS`: `store.finish, queue.ack`: calls that are carried out a second time, now or seconds later;
//! - `HARNESS_FAIL_EVERY`: every so manyth read of jobs fails at once;
//! - `HARNESS_STOP_EVERY`: every so manyth attempt the process stops itself between the look at its lease and its effect (SIGSTOP);
//! - `HARNESS_BUG`: the bug's name.
//!
//! All of it is in this crate alone, so nothing of it can be in what is shipped.

mod bug;
mod failures;
mod gates;
mod handlers;
mod queue;
mod replays;
mod store;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use scheduler_engine::{Backends, Engine, Keep};
use scheduler_service::config::Role;
use scheduler_service::run::{Context, run_observed};

use crate::history::{Listener, Recorder, WorkerName};
pub use bug::Bug;
use bug::Planted;
use failures::Failures;
pub use gates::Gates;
use replays::Replays;

/// What a process of the harness is told.
struct Harness {
    recorder: Recorder,
    worker: WorkerName,
    sink: Option<PathBuf>,
    gates: Gates,
    replays: Replays,
    failures: Failures,
    stop_every: Option<u64>,
    bug: Option<(Bug, String)>,
}

/// The whole of `harness-api`.
#[must_use]
pub fn api() -> ExitCode {
    start("harness-api", Role::Api, async |harness, context| {
        context.serve_side_port().await?;
        let engine = harness.engine(&context).await?;
        scheduler_api::run_engine(context, engine).await
    })
}

/// The whole of `harness-worker`.
#[must_use]
pub fn worker() -> ExitCode {
    start("harness-worker", Role::Worker, async |harness, context| {
        context.serve_side_port().await?;
        let engine = harness.engine(&context).await?;
        let registry = handlers::registry(&harness).await?;
        scheduler_worker::run_engine(context, registry, engine).await
    })
}

fn start<F>(name: &'static str, role: Role, main: F) -> ExitCode
where
    F: AsyncFnOnce(Harness, Context) -> Result<()>,
{
    let harness = match Harness::of_environment() {
        Ok(harness) => harness,
        Err(error) => {
            eprintln!("{name}: {error:#}");
            return ExitCode::from(2);
        }
    };
    let observer = Listener::observer(harness.recorder.clone(), Arc::clone(&harness.worker));
    run_observed(name, role, observer, async move |context| {
        main(harness, context).await
    })
}

impl Harness {
    fn of_environment() -> Result<Self> {
        let needed = |name| variable(name).ok_or_else(|| anyhow!("{name} is not set"));
        let events = PathBuf::from(needed("HISTORY_EVENTS")?);
        let seed = needed("HISTORY_SEED")?.parse().context("HISTORY_SEED")?;
        let recorder = Recorder::open(&events, &needed("HISTORY_RUN")?, seed, &needed("POD_NAME")?)?;
        let gates = Gates::parse(&variable("HARNESS_GATES").unwrap_or_default()).context("HARNESS_GATES")?;
        let replays = Replays::parse(&variable("HARNESS_REPLAYS").unwrap_or_default(), seed)
            .context("HARNESS_REPLAYS")?;
        let every = |name: &'static str| {
            variable(name)
                .map(|text| text.parse::<u64>().context(name))
                .transpose()
        };
        let stop_every = every("HARNESS_STOP_EVERY")?;
        let failures = Failures::new(every("HARNESS_FAIL_EVERY")?);
        let bug = match variable("HARNESS_BUG") {
            None => None,
            Some(name) => Some((name.parse().context("HARNESS_BUG")?, needed("DATABASE_URL")?)),
        };
        Ok(Self {
            recorder,
            worker: WorkerName::default(),
            sink: variable("HISTORY_SINK").map(PathBuf::from),
            gates,
            replays,
            failures,
            stop_every,
            bug,
        })
    }

    /// An engine over the real backends, with gates and bug in between.
    async fn engine(&self, context: &Context) -> Result<Engine> {
        let config = &context.config;
        let Backends { store, queue } =
            scheduler_engine::connect_backends(config, Keep::Configured, Keep::Configured, &context.instance)
                .await
                .context("connecting to the database and Redis")?;
        let planted = match &self.bug {
            None => None,
            Some((bug, database)) => {
                tracing::warn!(?bug, "a bug is planted in this process");
                Some(Arc::new(Planted::connect(*bug, database, &store, &queue).await?))
            }
        };
        let gates = Arc::new(self.gates.clone());
        let between = Backends {
            store: Arc::new(store::Between {
                store,
                gates: Arc::clone(&gates),
                replays: self.replays.clone(),
                failures: self.failures.clone(),
                planted: planted.clone(),
            }),
            queue: Arc::new(queue::Between {
                queue,
                gates,
                replays: self.replays.clone(),
                planted,
            }),
        };
        Ok(between.engine(config))
    }
}

#[expect(clippy::disallowed_methods, reason = "the harness is told by the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
