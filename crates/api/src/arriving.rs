//! Requests on their way: how many bytes of them this process holds, over all connections, and how many fields one may have.
//!
//! HTTP/2 bounds what a client may send before it is read, and a call is read at once, until its message is whole: without a bound
//! of its own, one connection could leave a thousand messages of 16 MiB here, each short of its last byte. Bytes are counted as they
//! come and not as the message's head announces them, so that whoever wants to take the room from others has to send as much.
//!
//! A call that finds no room is refused at once. Were it to wait, what it has not read would fill the window of its connection, and
//! with it stop every other call there: behind a gateway those are other clients' calls.

mod body;
mod budget;
mod fields;
mod messages;

use std::sync::Arc;
use std::task::{Context, Poll};

use http::Request;
use http_body::Body as _;
use tonic::body::Body;
use tower::{Layer, Service};

use body::Arriving;
pub(crate) use budget::Budget;

use crate::malformed;

/// Puts [`Bounded`] around a service.
#[derive(Clone)]
pub(crate) struct Bound(pub(crate) Arc<Budget>);

impl<S> Layer<S> for Bound {
    type Service = Bounded<S>;

    fn layer(&self, inner: S) -> Bounded<S> {
        Bounded {
            inner,
            budget: Arc::clone(&self.0),
        }
    }
}

/// A service whose requests are counted while they arrive.
#[derive(Clone)]
pub(crate) struct Bounded<S> {
    inner: S,
    budget: Arc<Budget>,
}

impl<S: Service<Request<Body>>> Service<Request<Body>> for Bounded<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> S::Future {
        let jobs = malformed::jobs(request.uri().path());
        let request = request.map(|body| {
            if body.is_end_stream() {
                return body;
            }
            Body::new(Arriving::new(body, Arc::clone(&self.budget), jobs))
        });
        self.inner.call(request)
    }
}
