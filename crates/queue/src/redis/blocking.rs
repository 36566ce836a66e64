//! Connections for commands that block: each belongs to one caller at a time, so they come from a pool.

use std::sync::Arc;
use std::time::Duration;

use bb8::ManageConnection;
use bb8_redis::RedisConnectionManager;
use redis::aio::MultiplexedConnection;
use redis::{RedisError, RedisResult, Value};

use super::RedisOptions;
use super::leader::Route;
use super::link::within;

pub(super) type Pool = bb8::Pool<Manager>;

/// Makes connections that remember whether they can be used again.
pub(super) struct Manager {
    route: Arc<Route>,
    connect_timeout: Duration,
    command_timeout: Duration,
}

/// A pooled connection.
pub(super) struct Blocking {
    inner: MultiplexedConnection,
    /// Of the server it leads to.
    manager: RedisConnectionManager,
    /// What the server calls it; another connection names it to end its waiting.
    pub(super) id: i64,
    command_timeout: Duration,
    broken: bool,
}

/// Connects on demand. Must be called inside a runtime.
pub(super) fn pool(route: Arc<Route>, options: &RedisOptions) -> Pool {
    let manager = Manager {
        route,
        connect_timeout: options.connect_timeout,
        command_timeout: options.command_timeout,
    };
    let pool = bb8::Pool::builder()
        .max_size(options.max_connections.max(1))
        .connection_timeout((options.connect_timeout + options.command_timeout).max(Duration::from_millis(1)))
        // The caller backs off; a pool that tried for it would only hide the outage for a while.
        .retry_connection(false)
        // Leaves the rest idle, so that the pool shrinks to what is in use.
        .queue_strategy(bb8::QueueStrategy::Lifo);
    pool.build_unchecked(manager)
}

impl ManageConnection for Manager {
    type Connection = Blocking;
    type Error = RedisError;

    async fn connect(&self) -> Result<Blocking, RedisError> {
        let connecting = async {
            let manager = RedisConnectionManager::new(self.route.address().await?)?;
            let inner = manager.connect().await?;
            Ok((manager, inner))
        };
        let (manager, mut inner) = within(self.connect_timeout, connecting).await?;
        // Half a second, if nothing is said: shorter than every wait.
        inner.set_response_timeout(self.command_timeout);
        let id = redis::cmd("CLIENT").arg("ID").query_async(&mut inner).await?;
        Ok(Blocking {
            inner,
            manager,
            id,
            command_timeout: self.command_timeout,
            broken: false,
        })
    }

    async fn is_valid(&self, connection: &mut Blocking) -> Result<(), RedisError> {
        connection.manager.is_valid(&mut connection.inner).await
    }

    fn has_broken(&self, connection: &mut Blocking) -> bool {
        connection.broken
    }
}

impl Blocking {
    /// The first token of any of these lists, with its list; `Nil` when none came for `longest`.
    ///
    /// The connection counts as broken until the answer is there: if this future is dropped, or the answer is late, it may
    /// still be blocked, and whoever got it from the pool would get that answer.
    pub(super) async fn pop(&mut self, lists: &[String], longest: Duration) -> RedisResult<Value> {
        self.broken = true;
        let mut connection = self.inner.clone();
        connection.set_response_timeout(longest + self.command_timeout);
        // Zero would mean: for ever.
        let seconds = longest.as_secs_f64().max(0.001);
        let answer = redis::cmd("BLPOP")
            .arg(lists)
            .arg(seconds)
            .query_async(&mut connection)
            .await?;
        self.broken = false;
        Ok(answer)
    }
}
