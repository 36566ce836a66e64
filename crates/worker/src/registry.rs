//! Which handler runs which type.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use scheduler_domain::limits;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Handler, JobContext, JobError};

/// JSON text in, JSON text out.
type Erased =
    Arc<dyn Fn(JobContext, String) -> BoxFuture<'static, Result<Option<String>, JobError>> + Send + Sync>;

/// Handlers by type.
#[derive(Clone, Default)]
pub struct Registry {
    handlers: BTreeMap<String, Erased>,
}

impl Registry {
    /// No handlers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a handler; it replaces one of the same type.
    #[must_use]
    pub fn handler<H: Handler>(self, handler: H) -> Self {
        let handler = Arc::new(handler);
        self.function(H::TYPE, move |job, payload| {
            let handler = Arc::clone(&handler);
            async move { handler.run(job, payload).await }
        })
    }

    /// Adds a function as the handler of `job_type`.
    #[must_use]
    pub fn function<P, R, F, Fut>(mut self, job_type: &str, function: F) -> Self
    where
        P: DeserializeOwned + Send + 'static,
        R: Serialize,
        F: Fn(JobContext, P) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<R, JobError>> + Send + 'static,
    {
        let function = Arc::new(function);
        let erased: Erased = Arc::new(move |job, payload| {
            let function = Arc::clone(&function);
            async move {
                let payload = serde_json::from_str(&payload).map_err(|error| {
                    JobError::fatal(format!("the payload does not fit: {error}")).kind("invalid_payload")
                })?;
                encode(&function(job, payload).await?)
            }
            .boxed()
        });
        self.handlers.insert(job_type.to_owned(), erased);
        self
    }

    /// The types that have a handler.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        self.handlers.keys().map(String::as_str)
    }

    /// Calls the handler of the job's type.
    pub(crate) async fn call(&self, job: JobContext, payload: String) -> Result<Option<String>, JobError> {
        match self.handlers.get(job.job_type.as_str()) {
            Some(handler) => handler(job, payload).await,
            None => {
                let known = self.types().collect::<Vec<_>>().join(", ");
                let message = format!(
                    "this worker has no handler for type {}; it has {known}",
                    job.job_type
                );
                Err(JobError::fatal(message).kind("unknown_type"))
            }
        }
    }
}

fn encode<R: Serialize>(result: &R) -> Result<Option<String>, JobError> {
    let text = serde_json::to_string(result).map_err(|error| {
        JobError::fatal(format!("the result is not JSON: {error}")).kind("invalid_result")
    })?;
    if text.len() > limits::MAX_RESULT_BYTES {
        let size = text.len();
        return Err(
            JobError::fatal(format!("the result has {size} bytes, more than 64 KiB"))
                .kind("result_too_large"),
        );
    }
    Ok((text != "null").then_some(text))
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.types()).finish()
    }
}
