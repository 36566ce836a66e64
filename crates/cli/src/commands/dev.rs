//! `tsctl dev`: API, worker, store and queue in one process, with nothing to install.

use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use scheduler_api::{Deps, Limits, TokenKey};
use scheduler_engine::{Engine, Keep, upkeep};
use scheduler_queue::Served;
use scheduler_service::config::Config;
use scheduler_worker::{Options, Registry, Stop, handlers};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Run a whole scheduler in this process: API, worker, store and queue.
///
/// Without further options nothing is kept: the jobs are gone when it stops.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  tsctl dev\n  tsctl dev --port 0\n  \
    tsctl dev --database-url postgres://root@localhost:26257/scheduler --redis-url redis://localhost:6379")]
pub(crate) struct Args {
    /// Port to serve gRPC on; 0 takes any free one.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Keep jobs in this CockroachDB or PostgreSQL instead of in memory.
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Dispatch jobs through this Redis instead of in memory.
    #[arg(long, value_name = "URL", env = "REDIS_URL", hide_env_values = true)]
    redis_url: Option<String>,
    /// Jobs that run at once.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    concurrency: u16,
}

/// Runs until interrupted.
///
/// # Errors
/// When the port is taken or a backend cannot be reached.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let port = args.port;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| format!("port {port} cannot be opened; is another one running? try --port 0"))?;
    let address = listener.local_addr()?;
    let config = config(&args);
    let registry = handlers::built_in(&config.worker)?;
    let engine = engine(&args, &config).await?;
    announce(&args, address.port(), &registry);

    let stop = Stop::default();
    let upkeep = tokio::spawn(upkeep::run(engine.clone(), "dev".to_owned(), stop.abort.clone()));
    let worker = tokio::spawn(scheduler_worker::run(
        engine.clone(),
        registry,
        Options {
            instance: "dev".to_owned(),
            pool_size: usize::from(args.concurrency),
            claim_batch: 1_000,
            served: Served::All,
            drain_grace: Duration::from_secs(5),
        },
        stop.clone(),
    ));
    tokio::spawn(interrupted(stop.clone()));
    let deps = Deps {
        tokens: TokenKey::from_secret(&engine.entropy().uuid().to_string()),
        engine,
        instance: "dev".to_owned(),
        limits: Limits {
            drain_grace: Duration::from_secs(2),
            ..Limits::default()
        },
    };
    scheduler_api::serve(listener, deps, stop.drain.clone()).await?;
    worker.await.context("the worker panicked")?;
    stop.abort.cancel();
    upkeep.await.context("the upkeep panicked")?;
    Ok(ExitCode::SUCCESS)
}

fn config(args: &Args) -> Config {
    let mut config = Config::default();
    config.database.url = args.database_url.clone().map(Into::into);
    config.redis.url = args.redis_url.clone().map(Into::into);
    config
}

async fn engine(args: &Args, config: &Config) -> anyhow::Result<Engine> {
    let keep = |url: &Option<String>| {
        if url.is_some() {
            Keep::Configured
        } else {
            Keep::InMemory
        }
    };
    scheduler_engine::connect(config, keep(&args.database_url), keep(&args.redis_url), "dev")
        .await
        .context("connecting to the backends named")
}

fn announce(args: &Args, port: u16, registry: &Registry) {
    let place = |url: &Option<String>, name| {
        if url.is_some() {
            name
        } else {
            "in memory, gone when this stops"
        }
    };
    eprintln!("task scheduler {} (dev)", env!("CARGO_PKG_VERSION"));
    eprintln!("  gRPC    localhost:{port}   (grpcurl -plaintext localhost:{port} list)");
    eprintln!("  jobs    {}", place(&args.database_url, "in the database"));
    eprintln!("  queue   {}", place(&args.redis_url, "in Redis"));
    eprintln!(
        "  worker  {} at once; types {}",
        args.concurrency,
        registry.types().collect::<Vec<_>>().join(", ")
    );
    eprintln!("next, in another terminal:");
    let address = if port == 8080 {
        String::new()
    } else {
        format!(" --address http://localhost:{port}")
    };
    eprintln!("  tsctl{address} jobs submit noop --watch");
    eprintln!("Ctrl-C stops it.");
}

/// The first interrupt drains, the second stops at once.
async fn interrupted(stop: Stop) {
    for token in [&stop.drain, &stop.abort] {
        if signalled().await.is_err() {
            return;
        }
        cancel(token);
    }
}

fn cancel(token: &CancellationToken) {
    eprintln!("stopping");
    token.cancel();
}

async fn signalled() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupt = tokio::signal::ctrl_c() => interrupt,
        _ = terminate.recv() => Ok(()),
    }
}
