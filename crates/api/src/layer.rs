//! Headers that every response carries: `x-request-id` (the caller's, or a new one) and `x-served-by` (this replica).

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderName, HeaderValue, Request, Response};
use scheduler_domain::Entropy;
use tower::{Layer, Service};
use tracing::Instrument as _;

use crate::malformed;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const SERVED_BY: HeaderName = HeaderName::from_static("x-served-by");
/// A longer request id from outside is replaced.
const LONGEST_ID: usize = 128;

/// Puts [`Marked`] around a service.
#[derive(Clone)]
pub(crate) struct Mark {
    served_by: HeaderValue,
    entropy: Arc<dyn Entropy>,
}

impl Mark {
    pub(crate) fn new(instance: &str, entropy: Arc<dyn Entropy>) -> Self {
        let served_by = HeaderValue::from_str(instance).unwrap_or(HeaderValue::from_static("unnamed"));
        Self { served_by, entropy }
    }
}

impl<S> Layer<S> for Mark {
    type Service = Marked<S>;

    fn layer(&self, inner: S) -> Marked<S> {
        Marked {
            inner,
            mark: self.clone(),
        }
    }
}

/// A service whose responses are marked.
#[derive(Clone)]
pub(crate) struct Marked<S> {
    inner: S,
    mark: Mark,
}

impl<S, B, R> Service<Request<B>> for Marked<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: 'static,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let given = request
            .headers()
            .get(REQUEST_ID)
            .filter(|id| id.len() <= LONGEST_ID && id.to_str().is_ok());
        let request_id = given.cloned().unwrap_or_else(|| {
            let id = self.mark.entropy.uuid().to_string();
            HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("none"))
        });
        let served_by = self.mark.served_by.clone();
        let span = tracing::info_span!(
            "rpc",
            request.id = request_id.to_str().unwrap_or_default(),
            path = request.uri().path()
        );
        let submits = malformed::submits(request.uri().path());
        let answer = self.inner.call(request).instrument(span);
        Box::pin(async move {
            let mut response = answer.await?;
            malformed::rewrite(submits, response.headers_mut());
            response.headers_mut().insert(REQUEST_ID, request_id);
            response.headers_mut().insert(SERVED_BY, served_by);
            Ok(response)
        })
    }
}
