//! The parts of a worker process.

use anyhow::Context as _;
use scheduler_engine::Keep;
use scheduler_queue::Served;
use scheduler_service::run::Context;

use crate::{Options, Registry, Stop, runner};

/// Runs a worker process with these handlers until it is told to stop.
///
/// # Errors
/// When a backend cannot be reached at the start, or a part of the process ends early.
pub async fn run_process(context: Context, registry: Registry) -> anyhow::Result<()> {
    let config = &context.config;
    let served = Served::parse(&config.worker.queues).context("worker.queues")?;
    context.serve_side_port().await?;
    let engine = scheduler_engine::connect(config, Keep::Configured, Keep::Configured, &context.instance)
        .await
        .context("connecting to the database and Redis")?;
    let options = Options {
        instance: context.instance.clone(),
        pool_size: config.worker.pool_size,
        served,
        drain_grace: config.worker.drain_grace,
    };
    let stop = Stop {
        drain: context.shutdown.drain_token(),
        abort: context.shutdown.abort_token(),
    };
    context
        .tasks
        .spawn("worker", runner::run(engine.clone(), registry, options, stop));
    context.readiness.open(engine.checks());
    context.tasks.join().await
}
