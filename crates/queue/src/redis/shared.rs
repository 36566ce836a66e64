//! The connection that all callers share, and what takes its place.

use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, Pipeline, RedisResult, Value};

use super::RedisOptions;
use super::leader::Route;

/// What a server said to each command of a pipeline.
pub(super) type Answers = Vec<RedisResult<Value>>;

/// A connection in the making or made. Whoever waits for it waits for the same one, so that however many callers lost a leader,
/// the Sentinels are asked once.
pub(super) type Connection = futures::future::Shared<BoxFuture<'static, RedisResult<ConnectionManager>>>;

/// The place of the connection.
pub(super) struct Shared {
    route: Arc<Route>,
    config: ConnectionManagerConfig,
    current: Mutex<Connection>,
}

impl Shared {
    /// Does not connect before the first command.
    pub(super) fn new(route: Arc<Route>, options: &RedisOptions) -> Self {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(options.connect_timeout))
            .set_response_timeout(Some(options.command_timeout))
            // Callers have backoffs of their own; none should wait for a server that refuses.
            .set_number_of_retries(0)
            .set_pipeline_buffer_size(512);
        let current = Mutex::new(connection(&route, &config));
        Self {
            route,
            config,
            current,
        }
    }

    /// Sends over the present connection; which one that was, and what came back.
    pub(super) async fn send(&self, pipeline: &Pipeline) -> (Connection, RedisResult<Answers>) {
        let used = self
            .current
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let answers = match used.clone().await {
            Ok(mut manager) => pipeline.query_async(&mut manager).await,
            Err(error) => Err(error),
        };
        (used, answers)
    }

    /// Puts a new connection in the place of `used`; false when somebody else has.
    pub(super) fn replace(&self, used: &Connection) -> bool {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = current.ptr_eq(used);
        if mine {
            *current = connection(&self.route, &self.config);
        }
        mine
    }
}

fn connection(route: &Arc<Route>, config: &ConnectionManagerConfig) -> Connection {
    let (route, config) = (Arc::clone(route), config.clone());
    let connecting = async move {
        let client = Client::open(route.address().await?)?;
        ConnectionManager::new_lazy_with_config(client, config)
    };
    connecting.boxed().shared()
}
