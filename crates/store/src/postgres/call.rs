//! A store call: detached from whoever asked for it, bounded in time, measured.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::connections::Connections;
use crate::Error;
use crate::metrics::CALL_DURATION;

/// The connections, and how long a call may take.
#[derive(Clone)]
pub(super) struct Db {
    pub(super) connections: Arc<Connections>,
    pub(super) call_timeout: Duration,
    /// How to reach the database for work that has no time limit.
    pub(super) unbounded: PgConnectOptions,
}

/// Leaves out how to reach the database, because that holds a password.
impl fmt::Debug for Db {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Db")
            .field("call_timeout", &self.call_timeout)
            .finish_non_exhaustive()
    }
}

impl Db {
    /// Runs `work` to its end, or to the end of its time, even when the caller stops waiting.
    ///
    /// An RPC whose client hangs up drops its future. Were that future in the middle of a `BEGIN`, its connection would
    /// go back to the pool inside a transaction (transact-rs/sqlx#4393), so no caller's future ever holds a connection.
    pub(super) async fn call<T, F, Fut>(&self, operation: &'static str, work: F) -> Result<T, Error>
    where
        F: FnOnce(Self) -> Fut,
        Fut: Future<Output = Result<T, Error>> + Send + 'static,
        T: Send + 'static,
    {
        let begun = Instant::now();
        let span = tracing::debug_span!("store.call", operation);
        let bounded = tokio::time::timeout(self.call_timeout, work(self.clone()));
        let answer = match tokio::spawn(bounded.instrument(span)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(elapsed)) => Err(Error::Unavailable {
                context: operation,
                source: elapsed.into(),
            }),
            Err(gone) => Err(Error::Unavailable {
                context: operation,
                source: gone.into(),
            }),
        };
        metrics::histogram!(CALL_DURATION, "operation" => operation).record(begun.elapsed());
        answer
    }
}
