//! The gRPC server: limits set explicitly, and a drain that ends.

use std::future::Future;
use std::time::Duration;

use scheduler_engine::Engine;
use scheduler_proto::v1::scheduler_service_server::SchedulerServiceServer;
use scheduler_service::shutdown::Stop;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::server::NamedService;
use tonic_health::server::HealthReporter;
use tracing::{info, warn};

use crate::arriving::Budget;
use crate::connections::{Bounds, accept};
use crate::http2::{self, Layers};
use crate::layer::Mark;
use crate::{Service, TokenKey, metrics};

/// After the last call was answered, clients have so long to take the answer and hang up.
const LINGER: Duration = Duration::from_secs(1);

/// How the server is bounded.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections at once; further ones wait to be accepted.
    pub max_connections: usize,
    /// Streams at once on one connection.
    pub max_concurrent_streams: u32,
    /// Largest request, bytes. A batch of 1,000 small jobs and a job of 1 MiB fit the default.
    pub max_message_bytes: usize,
    /// Bytes of requests on their way at once, over all connections.
    pub max_arriving_bytes: u64,
    /// Largest header list, bytes.
    pub max_header_bytes: u32,
    /// Watch streams at once.
    pub max_watchers: usize,
    /// Every call but a watch is answered within this.
    pub request_timeout: Duration,
    /// A connection that is silent for so long is asked whether it lives.
    pub keepalive: Duration,
    /// After the drain began, calls are still taken for so long: whoever sends them needs the time to notice.
    pub drain_grace: Duration,
    /// Whether the reflection service is served.
    pub reflection: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            max_concurrent_streams: 1_000,
            max_message_bytes: 16 << 20,
            max_arriving_bytes: 128 << 20,
            max_header_bytes: 16 << 10,
            max_watchers: 10_000,
            request_timeout: Duration::from_secs(10),
            keepalive: Duration::from_secs(30),
            drain_grace: Duration::from_secs(10),
            reflection: true,
        }
    }
}

/// What the server serves with.
pub struct Deps {
    /// The engine.
    pub engine: Engine,
    /// Signs page tokens.
    pub tokens: TokenKey,
    /// This replica's name, for `x-served-by`.
    pub instance: String,
    /// Bounds.
    pub limits: Limits,
}

/// Serves on `listener` until `stop` says so.
///
/// When the drain begins, calls are still taken for the grace, and health says NOT_SERVING before it is over (see [`closes`]). Then
/// nothing more is accepted, watches end, and calls in flight finish, for which they have as long as any call. An abort ends all
/// that at once.
///
/// # Errors
/// When the listener fails, or the descriptor set cannot be served.
pub async fn serve(listener: TcpListener, deps: Deps, stop: Stop) -> anyhow::Result<()> {
    let Deps {
        engine,
        tokens,
        instance,
        limits,
    } = deps;
    metrics::begin();
    let (health, health_service) = tonic_health::server::health_reporter();
    let mark = Mark::new(&instance, engine.entropy().clone());
    let closing = CancellationToken::new();
    let service = Service::new(
        engine,
        tokens,
        limits.max_watchers,
        limits.request_timeout,
        closing.clone(),
    );
    let calls = service.calls.clone();
    let service = SchedulerServiceServer::new(service).max_decoding_message_size(limits.max_message_bytes);
    health.set_serving::<SchedulerServiceServer<Service>>().await;

    let largest = u64::try_from(limits.max_message_bytes).unwrap_or(u64::MAX);
    let budget = Budget::new(limits.max_arriving_bytes, largest);
    let router = http2::server(&limits, mark, budget)
        .add_service(health_service)
        .add_service(service);
    let router = if limits.reflection {
        reflect(router)?
    } else {
        router
    };

    let address = listener.local_addr()?;
    info!(%address, "serving gRPC");
    let told =
        closes::<SchedulerServiceServer<Service>>(health, stop.clone(), limits.drain_grace, closing.clone());
    let incoming = accept(
        listener,
        Bounds {
            at_once: limits.max_connections,
            silence: limits.keepalive,
            closing: closing.clone(),
        },
    );
    bounded(
        router.serve_with_incoming_shutdown(incoming, told),
        closing,
        stop.abort,
        calls,
        limits.request_timeout,
    )
    .await
}

/// Completes when calls are no longer taken, at the end of the grace.
///
/// Health says that none should be sent only for the last third of it. A gateway that finds replicas by name learns in one answer
/// which ones go and which ones have come, but later than it would learn by asking for health: told so at once, it would take out
/// those that go before it knows the others, and have nobody to send calls to. Where nothing changes in the name, the third is what
/// it has.
pub(crate) async fn closes<S: NamedService>(
    health: HealthReporter,
    stop: Stop,
    grace: Duration,
    closing: CancellationToken,
) {
    stop.drain.cancelled().await;
    // Only that the time is over is of interest, not why.
    let _ = tokio::time::timeout(grace * 2 / 3, stop.abort.cancelled()).await;
    health.set_not_serving::<S>().await;
    health
        .set_service_status("", tonic_health::ServingStatus::NotServing)
        .await;
    let _ = tokio::time::timeout(grace / 3, stop.abort.cancelled()).await;
    info!("taking no more calls");
    closing.cancel();
}

/// `serve_with_shutdown` alone can wait for ever for a client that does not hang up (hyperium/hyper#4170).
pub(crate) async fn bounded(
    server: impl Future<Output = Result<(), tonic::transport::Error>>,
    closing: CancellationToken,
    abort: CancellationToken,
    calls: TaskTracker,
    longest: Duration,
) -> anyhow::Result<()> {
    let overdue = async {
        closing.cancelled().await;
        calls.close();
        let answered = async {
            calls.wait().await;
            tokio::time::sleep(LINGER).await;
        };
        let answered = tokio::time::timeout(longest, answered);
        abort.run_until_cancelled(answered).await;
    };
    tokio::select! {
        served = server => served?,
        () = overdue => warn!("connections are still open, closing them"),
    }
    Ok(())
}

fn reflect(
    router: tonic::transport::server::Router<Layers>,
) -> anyhow::Result<tonic::transport::server::Router<Layers>> {
    let builder = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(scheduler_proto::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    Ok(router
        .add_service(builder().build_v1()?)
        .add_service(builder().build_v1alpha()?))
}
