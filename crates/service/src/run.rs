//! The life of a process, from its arguments to its exit code.
//!
//! A `main.rs` is one call of [`run`] with a function from a [`Context`] to a result:
//!
//! ```no_run
//! use scheduler_service::config::Role;
//! use scheduler_service::run::{Context, run};
//!
//! fn main() -> std::process::ExitCode {
//!     run("scheduler-api", Role::Api, |context: Context| async move {
//!         context.serve_side_port().await?;
//!         context.tasks.spawn("idle", context.shutdown.drain_token().cancelled_owned());
//!         context.readiness.open(Vec::new());
//!         context.tasks.join().await
//!     })
//! }
//! ```

mod args;
mod context;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::runtime::{Builder, Runtime};

use crate::config::{Config, Environment, Loaded, Role};
use crate::telemetry::{self, Dropped, Identity, Observer};
use crate::version::{REVISION, VERSION};
use crate::{metrics, shutdown::Shutdown};

pub use args::ConfigArgs;
pub use context::Context;

/// The configuration is no good: EX_CONFIG of sysexits.h.
const BAD_CONFIGURATION: u8 = 78;
/// What aborted work has to hand itself back, before the process leaves without it.
const AFTER_ABORT: Duration = Duration::from_secs(2);
/// What blocking calls have, once everything else has ended.
const BLOCKING: Duration = Duration::from_millis(500);

/// Runs `main` as the process called `name`, from its arguments to its exit code: 0 when it ended well, 1 when not, 2 for
/// bad arguments, 78 for a bad configuration.
///
/// SIGTERM and SIGINT drain; see [`Shutdown`]. The process ends when `main` and every role it spawned have ended, or
/// after an abort whether they have or not: two seconds for them, one for background tasks, one and a quarter for the
/// last spans, a quarter for the last lines of the log, half a second for blocking calls, five at most.
pub fn run<M, F>(name: &'static str, role: Role, main: M) -> ExitCode
where
    M: FnOnce(Context) -> F,
    F: Future<Output = anyhow::Result<()>>,
{
    let (args, env) = (std::env::args_os(), Environment::of_process());
    run_from(args, env, name, role, None, main).into()
}

/// As [`run`], with one more that hears what the process tells: how the end-to-end tests record it.
pub fn run_observed<M, F>(name: &'static str, role: Role, observer: Observer, main: M) -> ExitCode
where
    M: FnOnce(Context) -> F,
    F: Future<Output = anyhow::Result<()>>,
{
    let (args, env) = (std::env::args_os(), Environment::of_process());
    run_from(args, env, name, role, Some(observer), main).into()
}

/// As [`run`], with arguments and environment handed in.
pub(crate) fn run_from<M, F>(
    args: impl IntoIterator<Item = OsString>,
    env: Environment,
    name: &'static str,
    role: Role,
    observer: Option<Observer>,
    main: M,
) -> u8
where
    M: FnOnce(Context) -> F,
    F: Future<Output = anyhow::Result<()>>,
{
    let args = match args::parse(args, name) {
        Ok(args) => args,
        Err(error) => {
            // The terminal is gone if this fails, and nobody is left to tell.
            let _ = error.print();
            return u8::try_from(error.exit_code()).unwrap_or(2);
        }
    };
    let loaded = match Config::load(role, &args.config.sources(env)) {
        Ok(loaded) => loaded,
        Err(errors) => {
            eprintln!("{name}: {errors}");
            return BAD_CONFIGURATION;
        }
    };
    if args.print_config {
        print!("{}", loaded.config.to_toml_masked());
        return 0;
    }
    match runtime(name).and_then(|runtime| within(runtime, name, role, loaded, observer, main)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{name}: {error:#}");
            1
        }
    }
}

fn runtime(name: &str) -> anyhow::Result<Runtime> {
    Builder::new_multi_thread()
        .thread_name(name)
        .enable_all()
        .build()
        .context("starting the runtime")
}

/// # Errors
/// When telemetry cannot be set up; later failures are logged, and are in the exit code.
fn within<M, F>(
    runtime: Runtime,
    name: &'static str,
    role: Role,
    loaded: Loaded,
    observer: Option<Observer>,
    main: M,
) -> anyhow::Result<u8>
where
    M: FnOnce(Context) -> F,
    F: Future<Output = anyhow::Result<()>>,
{
    let identity = Identity {
        service: name,
        instance: loaded.config.telemetry.instance_name(),
    };
    let telemetry = {
        let _runtime = runtime.enter();
        telemetry::init(&loaded.config.telemetry, &identity, observer)?
    };
    telemetry::log_panics();
    let outcome = runtime.block_on(Box::pin(supervise(
        role,
        loaded,
        identity,
        telemetry.dropped(),
        main,
    )));
    let code = match outcome {
        Ok(()) => {
            tracing::info!("stopped");
            0
        }
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "stopped after a failure");
            1
        }
    };
    telemetry.flush();
    runtime.shutdown_timeout(BLOCKING);
    Ok(code)
}

async fn supervise<M, F>(
    role: Role,
    loaded: Loaded,
    identity: Identity,
    dropped: Dropped,
    main: M,
) -> anyhow::Result<()>
where
    M: FnOnce(Context) -> F,
    F: Future<Output = anyhow::Result<()>>,
{
    let config = &loaded.config;
    tracing::info!(
        version = VERSION,
        revision = REVISION,
        instance = identity.instance,
        threads = tokio::runtime::Handle::current().metrics().num_workers(),
        database = config.database.endpoint(),
        redis = config.redis.endpoint(),
        "starting"
    );
    loaded.log();
    let metrics = metrics::install()?;
    metrics.build_info(identity.service);
    let shutdown = Shutdown::new(match role {
        Role::Api => config.api.shutdown_timeout,
        Role::Worker => config.worker.shutdown_timeout,
        Role::All => config.api.shutdown_timeout.max(config.worker.shutdown_timeout),
    });
    shutdown.listen().context("installing signal handlers")?;

    let (context, background) =
        context::new(role, loaded.config, identity, shutdown.clone(), metrics, dropped);
    let tasks = context.tasks.clone();
    let work = async {
        let ended = main(context).await;
        shutdown.drain("the main function ended");
        // Waited for in any case: roles may still be finishing what they have.
        let roles = tasks.join().await;
        ended.and(roles)
    };
    let overdue = async {
        shutdown.abort_token().cancelled().await;
        tokio::time::sleep(AFTER_ABORT).await;
    };
    let outcome = tokio::select! {
        outcome = work => outcome,
        () = overdue => Err(anyhow!("work was still running {} s after it was aborted", AFTER_ABORT.as_secs())),
    };
    background.stop().await;
    outcome
}
