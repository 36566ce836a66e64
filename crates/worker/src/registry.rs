//! Which handler runs which type.

#[cfg(test)]
mod fuzz;
mod json;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::{self, BoxFuture};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::attempt::Outcome;
use crate::{Handler, JobContext, JobError};

/// JSON text in, JSON text out.
type Erased = Arc<dyn Fn(JobContext, String) -> BoxFuture<'static, Outcome> + Send + Sync>;

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

    /// Adds a function as the handler of `job_type`; it replaces one of the same type.
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
            // All of it inside the future, so that a panic anywhere is the attempt's.
            async move {
                let payload = json::decode(&payload)?;
                json::encode(&function(job, payload).await?)
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
    pub(crate) fn call(&self, job: JobContext, payload: String) -> BoxFuture<'static, Outcome> {
        match self.handlers.get(job.job_type.as_str()) {
            Some(handler) => handler(job, payload),
            None => {
                let known = self.types().collect::<Vec<_>>().join(", ");
                let message = format!(
                    "this worker has no handler for type {}; it has {known}",
                    job.job_type
                );
                future::ready(Err(JobError::fatal(message).kind("unknown_type"))).boxed()
            }
        }
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.types()).finish()
    }
}
