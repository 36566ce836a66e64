//! What a process' main function is given.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{Config, Role};
use crate::http::{self, Readiness};
use crate::metrics::Metrics;
use crate::shutdown::{Shutdown, Tasks};
use crate::telemetry::{Dropped, Identity};

/// What background tasks have to end.
const LINGER: Duration = Duration::from_secs(1);

/// Everything that a process has when its main function begins. Clones are the same process.
#[derive(Debug, Clone)]
pub struct Context {
    /// The configuration, checked.
    pub config: Config,
    /// Which process this is.
    pub role: Role,
    /// What this process is called: its pod's name, or its host's.
    pub instance: String,
    /// When to stop.
    pub shutdown: Shutdown,
    /// Where roles are spawned.
    pub tasks: Tasks,
    /// The metrics recorder.
    pub metrics: Metrics,
    /// Whether to send work here. Not, until it is opened.
    pub readiness: Readiness,
    background: Background,
}

/// What outlives the drain: a process that is finishing its work is still scraped and asked whether it is ready.
#[derive(Debug, Clone)]
pub(super) struct Background {
    stop: CancellationToken,
    tracker: TaskTracker,
}

pub(super) fn new(
    role: Role,
    config: Config,
    identity: Identity,
    shutdown: Shutdown,
    metrics: Metrics,
    dropped: Dropped,
) -> (Context, Background) {
    let background = Background {
        stop: CancellationToken::new(),
        tracker: TaskTracker::new(),
    };
    background
        .tracker
        .spawn(metrics.clone().upkeep(background.stop.clone()));
    background.tracker.spawn(dropped.tell(background.stop.clone()));
    let context = Context {
        config,
        role,
        instance: identity.instance,
        tasks: Tasks::new(shutdown.clone()),
        readiness: Readiness::new(shutdown.drain_token()),
        shutdown,
        metrics,
        background: background.clone(),
    };
    (context, background)
}

impl Context {
    /// Opens the role's metrics port, and serves `/metrics`, `/health` and `/ready` on it until the very end. Returns
    /// the address, with the port that was chosen if the configured one is 0.
    ///
    /// Call it first, so that a slow start is seen to be alive.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn serve_side_port(&self) -> anyhow::Result<SocketAddr> {
        let address = match self.role {
            Role::Api | Role::All => (self.config.api.host, self.config.api.metrics_port),
            Role::Worker => (self.config.worker.host, self.config.worker.metrics_port),
        };
        let address = SocketAddr::from(address);
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("opening metrics port {address}"))?;
        let address = listener
            .local_addr()
            .context("reading the metrics port's address")?;
        let router = http::router(self.metrics.clone(), self.readiness.clone());
        let server = http::serve(listener, router, self.background.stop.clone());
        let shutdown = self.shutdown.clone();
        self.background.tracker.spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(%error, "metrics port failed");
                shutdown.drain("the metrics port failed");
            }
        });
        tracing::info!(%address, "metrics port open");
        Ok(address)
    }
}

impl Context {
    /// What `start` comes to; `None` when the process was told to stop before: what has not begun needs no drain.
    ///
    /// # Errors
    /// What `start` fails with.
    pub async fn unless_stopped<T, E>(
        &self,
        start: impl Future<Output = Result<T, E>>,
    ) -> Result<Option<T>, E> {
        self.shutdown
            .drain_token()
            .run_until_cancelled(start)
            .await
            .transpose()
    }
}

impl Background {
    /// Ends it, which is done after everything else.
    pub(super) async fn stop(self) {
        self.stop.cancel();
        self.tracker.close();
        if tokio::time::timeout(LINGER, self.tracker.wait()).await.is_err() {
            tracing::warn!("background tasks did not end in time");
        }
    }
}
