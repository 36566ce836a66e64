//! The scaler's own port.

use anyhow::Context as _;
use scheduler_engine::Engine;
use scheduler_proto::externalscaler::external_scaler_server::ExternalScalerServer;
use scheduler_service::shutdown::Stop;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::Scaler;
use crate::Limits;
use crate::arriving::Budget;
use crate::connections::{Bounds, accept};
use crate::http2;
use crate::layer::Mark;
use crate::serve::{bounded, closes};

/// Connections at once: KEDA opens one to each replica.
const MOST_CONNECTIONS: usize = 1_000;
/// Metadata is small.
const MOST_BYTES: usize = 1 << 20;
/// Bytes of requests on their way at once.
const MOST_ARRIVING: u64 = 8 << 20;

/// Serves KEDA on `listener` until `stop` says so, as [`serve`](crate::serve) serves clients: health says so first.
///
/// # Errors
/// When the listener fails.
pub async fn serve_scaler(
    listener: TcpListener,
    engine: Engine,
    instance: String,
    limits: Limits,
    stop: Stop,
) -> anyhow::Result<()> {
    let (health, health_service) = tonic_health::server::health_reporter();
    let mark = Mark::new(&instance, engine.entropy().clone());
    let closing = CancellationToken::new();
    let scaler = Scaler::new(engine, limits.request_timeout, closing.clone());
    let calls = scaler.calls.clone();
    let scaler = ExternalScalerServer::new(scaler).max_decoding_message_size(MOST_BYTES);
    health.set_serving::<ExternalScalerServer<Scaler>>().await;
    let budget = Budget::new(MOST_ARRIVING, MOST_BYTES as u64);
    let router = http2::server(&limits, mark, budget)
        .add_service(health_service)
        .add_service(scaler);
    let address = listener.local_addr().context("reading the scaler's address")?;
    info!(%address, "serving KEDA");
    let told =
        closes::<ExternalScalerServer<Scaler>>(health, stop.clone(), limits.drain_grace, closing.clone());
    let incoming = accept(
        listener,
        Bounds {
            at_once: MOST_CONNECTIONS,
            silence: limits.keepalive,
            closing: closing.clone(),
        },
    );
    let server = router.serve_with_incoming_shutdown(incoming, told);
    bounded(server, closing, stop.abort, calls, limits.request_timeout).await
}
