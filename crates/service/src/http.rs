//! The HTTP side port: `/metrics`, `/health`, `/ready`.
//!
//! `/health` answers as long as the process does, and asks nobody else: a database that is down must not get every pod
//! restarted. `/ready` asks everything that work depends on. Neither is logged.

mod readiness;

use std::future::{Future, IntoFuture};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;

pub use readiness::{Check, Checks, NotReady, Readiness, check};

/// Longest that open connections may delay the end.
const LINGER: Duration = Duration::from_millis(500);

/// The routes of the side port, for a process that serves more on it.
pub fn router(metrics: Metrics, readiness: Readiness) -> Router {
    Router::new()
        .route("/metrics", get(render))
        .with_state(metrics)
        .route("/health", get(async || "OK"))
        .route("/ready", get(ready))
        .with_state(readiness)
}

/// Serves `router` on `listener` until `stop`, and then open requests for half a second at most.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) -> std::io::Result<()> {
    let lingered = {
        let stop = stop.clone();
        async move {
            stop.cancelled().await;
            tokio::time::sleep(LINGER).await;
        }
    };
    first(
        axum::serve(listener, router)
            .with_graceful_shutdown(stop.cancelled_owned())
            .into_future(),
        lingered,
    )
    .await
}

/// `work`'s result, or `Ok` if `limit` comes first.
async fn first(
    work: impl Future<Output = std::io::Result<()>>,
    limit: impl Future<Output = ()>,
) -> std::io::Result<()> {
    tokio::select! {
        result = work => result,
        () = limit => Ok(()),
    }
}

async fn render(State(metrics): State<Metrics>) -> Response {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        metrics.render(),
    )
        .into_response()
}

async fn ready(State(readiness): State<Readiness>) -> Response {
    match readiness.ask().await {
        Ok(()) => "Ready".into_response(),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, why.to_string()).into_response(),
    }
}
