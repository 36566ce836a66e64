//! The parts of a worker process.

use std::process::ExitCode;

use anyhow::Context as _;
use scheduler_engine::Engine;
use scheduler_service::config::Role;
use scheduler_service::run::{self, Context};

use crate::deletion_cost::DeletionCost;
use crate::{Options, Registry, metrics, runner};

/// A whole worker process called `name`, from its arguments to its exit code: `handlers` makes the registry.
///
/// It is configured like the stock worker (see `docs/CONFIG.md`), serves `/metrics`, `/health` and `/ready`, and drains at SIGTERM.
pub fn main<F>(name: &'static str, handlers: F) -> ExitCode
where
    F: AsyncFnOnce(&Context) -> anyhow::Result<Registry>,
{
    run::run(name, Role::Worker, async |context: Context| {
        let registry = handlers(&context).await.context("preparing the handlers")?;
        Box::pin(run_process(context, registry)).await
    })
}

/// Runs a worker process with these handlers until it is told to stop.
///
/// # Errors
/// When a backend cannot be reached at the start, or a part of the process ends early.
pub async fn run_process(context: Context, registry: Registry) -> anyhow::Result<()> {
    context.serve_side_port().await?;
    let connected = scheduler_engine::connect_process(&context).await;
    let Some(engine) = connected.context("connecting to the database and Redis")? else {
        return Ok(());
    };
    run_engine(context, registry, engine).await
}

/// As [`run_process`], once it is connected, and with its side port open.
///
/// # Errors
/// When a part of the process ends early.
pub async fn run_engine(context: Context, registry: Registry, engine: Engine) -> anyhow::Result<()> {
    scheduler_service::metrics::describe(metrics::METRICS);
    let options = Options::from_config(&context.config.worker, &context.instance).context("worker.queues")?;
    let stop = context.shutdown.stop();
    let cost = DeletionCost::new(&context.config.worker.deletion_cost).context("worker.deletion_cost")?;
    if let Some(cost) = cost {
        // Beside the worker, not one of the parts without which the process is not whole; ends with the drain, for a pod that is on
        // its way out is not chosen again.
        tokio::spawn(cost.keep(options.busy.subscribe(), stop.drain.clone()));
    }
    context
        .tasks
        .spawn("worker", runner::run(engine.clone(), registry, options, stop));
    context.readiness.open(engine.checks_of_worker());
    context.tasks.join().await
}
