//! What every gRPC server of this process has in common: the limits of HTTP/2, and the layers around its services.

use std::sync::Arc;

use tonic::transport::Server;
use tower::layer::util::{Identity, Stack};
use tower_http::catch_panic::CatchPanicLayer;

use crate::Limits;
use crate::arriving::{Bound, Budget};
use crate::layer::Mark;

/// Streams that were reset before they were looked at; more end their connection. A gateway puts the calls of many clients on one, and
/// each may hang up: with h2's 20, the calls of the others were lost with theirs.
const MOST_RESETS: usize = 1_000;
/// What may be on its way on one connection before it is read.
const CONNECTION_WINDOW: u32 = 4 << 20;
/// What may be on its way on one stream.
const STREAM_WINDOW: u32 = 1 << 20;

/// The layers, the innermost first.
pub(crate) type Layers = Stack<Bound, Stack<CatchPanicLayer<Panicked>, Stack<Mark, Identity>>>;

/// A server within `limits`, whose requests have `budget` to arrive in.
pub(crate) fn server(limits: &Limits, mark: Mark, budget: Budget) -> Server<Layers> {
    Server::builder()
        .max_concurrent_streams(limits.max_concurrent_streams)
        .http2_max_header_list_size(limits.max_header_bytes)
        .http2_max_pending_accept_reset_streams(Some(MOST_RESETS))
        .http2_keepalive_interval(Some(limits.keepalive))
        .http2_keepalive_timeout(Some(limits.keepalive))
        .initial_connection_window_size(CONNECTION_WINDOW)
        .initial_stream_window_size(STREAM_WINDOW)
        // A request that does not arrive whole has no handler yet that could bound it.
        .timeout(limits.request_timeout * 2)
        .layer(mark)
        .layer(CatchPanicLayer::custom(Panicked))
        .layer(Bound(Arc::new(budget)))
}

/// A call that panics is an error, not the end of its connection: it is answered INTERNAL, without detail.
#[derive(Clone, Copy)]
pub(crate) struct Panicked;

impl tower_http::catch_panic::ResponseForPanic for Panicked {
    type ResponseBody = tonic::body::Body;

    fn response_for_panic(
        &mut self,
        panic: Box<dyn std::any::Any + Send + 'static>,
    ) -> http::Response<tonic::body::Body> {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or(panic.downcast_ref::<&str>().copied());
        tracing::error!(panic = text.unwrap_or("not text"), "a request panicked");
        tonic::Status::internal("internal error; the request id is in x-request-id").into_http()
    }
}
