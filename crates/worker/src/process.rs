//! The parts of a worker process.

use std::process::ExitCode;

use anyhow::Context as _;
use scheduler_engine::Keep;
use scheduler_service::config::Role;
use scheduler_service::run::{self, Context};

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
        run_process(context, registry).await
    })
}

/// Runs a worker process with these handlers until it is told to stop.
///
/// # Errors
/// When a backend cannot be reached at the start, or a part of the process ends early.
pub async fn run_process(context: Context, registry: Registry) -> anyhow::Result<()> {
    let config = &context.config;
    scheduler_service::metrics::describe(metrics::METRICS);
    let options = Options::from_config(&config.worker, &context.instance).context("worker.queues")?;
    context.serve_side_port().await?;
    let engine = scheduler_engine::connect(config, Keep::Configured, Keep::Configured, &context.instance)
        .await
        .context("connecting to the database and Redis")?;
    let stop = context.shutdown.stop();
    context
        .tasks
        .spawn("worker", runner::run(engine.clone(), registry, options, stop));
    context.readiness.open(engine.checks());
    context.tasks.join().await
}
