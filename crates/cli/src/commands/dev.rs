//! `tsctl dev`: API, worker, store and queue in one process, with nothing to install.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use scheduler_api::{Deps, Limits, TokenKey};
use scheduler_engine::{Engine, Keep, upkeep};
use scheduler_queue::Served;
use scheduler_service::config::Config;
use scheduler_service::http::{self, Readiness};
use scheduler_service::metrics;
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
    /// Serve /metrics, /health and /ready on this port; 0 takes any free one.
    #[arg(long, value_name = "PORT")]
    metrics_port: Option<u16>,
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
    let stop = Stop::default();
    let side = SidePort::open(&args, &stop).await?;
    let engine = engine(&args, &config).await?;
    announce(&args, address.port(), side.as_ref(), &registry);

    let upkeep = tokio::spawn(upkeep::run(engine.clone(), "dev".to_owned(), stop.abort.clone()));
    let worker = tokio::spawn(scheduler_worker::run(
        engine.clone(),
        registry,
        Options {
            instance: "dev".to_owned(),
            pool_size: usize::from(args.concurrency),
            claim_batch: 1_000,
            served: Served::All,
            busy: tokio::sync::watch::Sender::new(0),
            drain_grace: Duration::from_secs(5),
        },
        stop.clone(),
    ));
    tokio::spawn(interrupted(stop.clone()));
    if let Some(side) = &side {
        side.readiness.open(engine.checks_of_worker());
    }
    let deps = Deps {
        tokens: TokenKey::from_secret(&engine.entropy().uuid().to_string()),
        engine,
        instance: "dev".to_owned(),
        limits: Limits {
            // Nobody else is there to send calls to.
            drain_grace: Duration::ZERO,
            ..Limits::default()
        },
    };
    scheduler_api::serve(listener, deps, stop.clone()).await?;
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

/// What a whole process serves beside gRPC, if asked for.
struct SidePort {
    address: SocketAddr,
    readiness: Readiness,
}

impl SidePort {
    async fn open(args: &Args, stop: &Stop) -> anyhow::Result<Option<Self>> {
        let Some(port) = args.metrics_port else {
            return Ok(None);
        };
        let recorder = metrics::install()?;
        recorder.build_info("tsctl-dev");
        for metrics in [
            scheduler_api::metrics::METRICS,
            scheduler_worker::metrics::METRICS,
        ] {
            metrics::describe(metrics);
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .with_context(|| format!("metrics port {port} cannot be opened"))?;
        let address = listener.local_addr()?;
        let readiness = Readiness::new(stop.drain.clone());
        let router = http::router(recorder.clone(), readiness.clone());
        tokio::spawn(recorder.upkeep(stop.abort.clone()));
        // Until the process ends.
        tokio::spawn(http::serve(listener, router, CancellationToken::new()));
        Ok(Some(Self { address, readiness }))
    }
}

fn announce(args: &Args, port: u16, side: Option<&SidePort>, registry: &Registry) {
    let place = |url: &Option<String>, name| {
        if url.is_some() {
            name
        } else {
            "in memory, gone when this stops"
        }
    };
    eprintln!("task scheduler {} (dev)", env!("CARGO_PKG_VERSION"));
    eprintln!("  gRPC    localhost:{port}   (grpcurl -plaintext localhost:{port} list)");
    if let Some(side) = side {
        eprintln!("  metrics http://localhost:{}/metrics", side.address.port());
    }
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
    token.cancel();
    // The terminal may be gone, which is a reason to stop and not to panic.
    let _ = writeln!(std::io::stderr(), "stopping");
}

async fn signalled() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        interrupt = tokio::signal::ctrl_c() => interrupt,
        _ = terminate.recv() => Ok(()),
    }
}
