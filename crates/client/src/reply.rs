//! An answer, and who gave it.

use std::ops::Deref;

use tonic::Response;
use tonic::metadata::MetadataMap;

/// Header in which the server names the replica that answered.
const SERVED_BY: &str = "x-served-by";
/// Header in which the server says under which id it logged the request.
pub(crate) const REQUEST_ID: &str = "x-request-id";
/// Header that says that a submit found its job there already.
pub(crate) const REPLAY: &str = "x-idempotent-replay";

/// The server's answer. Reads as the `T` inside.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply<T> {
    /// The answer itself.
    pub inner: T,
    /// The replica that gave it.
    pub served_by: Option<String>,
    /// The id to look for in the server's log.
    pub request_id: Option<String>,
}

impl<T> Reply<T> {
    /// The answer alone.
    pub fn into_inner(self) -> T {
        self.inner
    }

    pub(crate) fn map<U>(self, f: impl FnOnce(T) -> U) -> Reply<U> {
        Reply {
            inner: f(self.inner),
            served_by: self.served_by,
            request_id: self.request_id,
        }
    }
}

impl<T> Deref for Reply<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.inner
    }
}

impl<T> From<Response<T>> for Reply<T> {
    fn from(response: Response<T>) -> Self {
        let (headers, inner, _) = response.into_parts();
        Self {
            inner,
            served_by: text(&headers, SERVED_BY),
            request_id: text(&headers, REQUEST_ID),
        }
    }
}

/// A header's value.
pub(crate) fn text(headers: &MetadataMap, name: &str) -> Option<String> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
}
