//! The parts of the `scheduler-api` process.

use anyhow::Context as _;
use scheduler_engine::{Engine, upkeep};
use scheduler_service::config::Config;
use scheduler_service::run::Context;
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{Deps, Limits, TokenKey, metrics, serve, serve_scaler};

/// Runs until the process is told to stop.
///
/// # Errors
/// When a backend cannot be reached at the start, a port is taken, or a part of the process ends early.
pub async fn run(context: Context) -> anyhow::Result<()> {
    context.serve_side_port().await?;
    let connected = scheduler_engine::connect_process(&context).await;
    let Some(engine) = connected.context("connecting to the database and Redis")? else {
        return Ok(());
    };
    run_engine(context, engine).await
}

/// As [`run`], once it is connected, and with its side port open.
///
/// # Errors
/// When a port is taken, or a part of the process ends early.
pub async fn run_engine(context: Context, engine: Engine) -> anyhow::Result<()> {
    let config = &context.config;
    scheduler_service::metrics::describe(metrics::METRICS);
    let listener = TcpListener::bind((config.api.host, config.api.port))
        .await
        .with_context(|| format!("opening port {}", config.api.port))?;

    let scaler = match config.api.scaler_port {
        Some(port) => {
            let opened = TcpListener::bind((config.api.host, port)).await;
            Some(opened.with_context(|| format!("opening the scaler's port {port}"))?)
        }
        None => None,
    };

    // Jobs that are accepted until the last moment are looked after until then.
    let served = CancellationToken::new();
    let (keeper, owner) = (
        engine.clone(),
        format!("{}-{}", context.instance, engine.entropy().uuid().simple()),
    );
    context
        .tasks
        .spawn("upkeep", upkeep::run(keeper, owner, served.clone()));
    let deps = Deps {
        tokens: token_key(config),
        limits: Limits::from(config),
        instance: context.instance.clone(),
        engine: engine.clone(),
    };
    if let Some(listener) = scaler {
        let (engine, instance) = (engine.clone(), context.instance.clone());
        let (limits, stop) = (Limits::from(config), context.shutdown.stop());
        context.tasks.spawn("scaler", async move {
            serve_scaler(listener, engine, instance, limits, stop).await
        });
    }
    let stop = context.shutdown.stop();
    context.tasks.spawn("grpc", async move {
        let _last = served.drop_guard();
        serve(listener, deps, stop).await
    });
    context.readiness.open(engine.checks_of_api());
    context.tasks.join().await
}

/// All replicas must sign alike, or a page listed by one could not be followed at another: without a secret of their own they
/// use what they share anyway, the database's address and credentials.
fn token_key(config: &Config) -> TokenKey {
    let shared = config.database.connection_url();
    TokenKey::from_secret(
        config
            .api
            .page_token_secret
            .as_ref()
            .unwrap_or(&shared)
            .expose_secret(),
    )
}

impl From<&Config> for Limits {
    fn from(config: &Config) -> Self {
        let api = &config.api;
        Self {
            max_connections: api.max_connections,
            max_concurrent_streams: api.max_concurrent_streams,
            max_message_bytes: usize::try_from(api.max_message_bytes.bytes()).unwrap_or(usize::MAX),
            max_arriving_bytes: api.max_arriving_bytes.bytes(),
            max_header_bytes: u32::try_from(api.max_header_bytes.bytes()).unwrap_or(u32::MAX),
            max_watchers: api.max_watchers,
            request_timeout: api.request_timeout,
            keepalive: api.keepalive,
            drain_grace: api.drain_grace,
            reflection: api.reflection,
        }
    }
}
