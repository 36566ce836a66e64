//! The connections: a pool from which each call takes the next one in turn.
//!
//! A connection carries any number of calls at once, so a call does not keep it: it takes the connection's handle and puts
//! the connection back at the end of the line at once.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{self, Manager, Metrics, QueueMode, RecycleResult};
use scheduler_domain::Entropy;
use tokio::time::Instant;
use tonic::Status;
use tonic::transport::{Channel, ClientTlsConfig, Endpoint};

use crate::{ClientOptions, Error};

/// HTTP/2 pings, so that a watch notices that its server is gone without a word.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(10));

/// Share of the greatest age by which connections opened together are spread, so that they are not replaced together.
const AGE_SPREAD: f64 = 0.2;

/// Every connection of a client.
#[derive(Debug, Clone)]
pub(crate) struct Connections(managed::Pool<Opener>);

impl Connections {
    /// As many as the options ask for. None of them is connected before it is used.
    pub(crate) async fn open(options: &ClientOptions, entropy: Arc<dyn Entropy>) -> Result<Self, Error> {
        let opener = Opener {
            endpoint: endpoint(options)?,
            max_age: options.max_connection_age,
            entropy,
        };
        let size = options.connections.max(1);
        let pool = managed::Pool::builder(opener)
            .max_size(size)
            .queue_mode(QueueMode::Fifo)
            .build();
        let connections = Self(pool.map_err(|error| unavailable(&error))?);
        // The pool adds a connection only when all are taken, and here nobody keeps one: take as many as there shall be.
        let mut taken = Vec::with_capacity(size);
        for _ in 0..size {
            taken.push(connections.take().await?);
        }
        Ok(connections)
    }

    /// The connection whose turn it is.
    pub(crate) async fn next(&self) -> Result<Channel, Error> {
        Ok(self.take().await?.channel.clone())
    }

    async fn take(&self) -> Result<managed::Object<Opener>, Error> {
        self.0.get().await.map_err(|error| unavailable(&error))
    }
}

fn unavailable(error: &dyn std::error::Error) -> Error {
    Status::unavailable(format!("no connection to be had from the pool: {error}")).into()
}

fn endpoint(options: &ClientOptions) -> Result<Endpoint, Error> {
    let refused = |source| Error::Address {
        address: options.address.clone(),
        source,
    };
    let (scheme, rest) = options
        .address
        .split_once("://")
        .unwrap_or(("http", &options.address));
    let endpoint = Endpoint::from_shared(format!("{scheme}://{rest}"))
        .and_then(|endpoint| endpoint.user_agent(options.user_agent.clone()))
        .map_err(|error| refused(Some(error)))?
        .connect_timeout(options.connect_timeout)
        .tcp_nodelay(true)
        // An answer that comes after its call was given up counts as an error of the connection, over its whole life, and by
        // default the 1,025th ends it, with all calls on it. The limit is there for servers that mean harm; ours is only late.
        .http2_max_local_error_reset_streams(None)
        .http2_keep_alive_interval(KEEP_ALIVE.0)
        .keep_alive_timeout(KEEP_ALIVE.1);
    match scheme {
        "http" => Ok(endpoint),
        "https" => {
            let tls = ClientTlsConfig::new().with_native_roots();
            endpoint.tls_config(tls).map_err(|error| refused(Some(error)))
        }
        _ => Err(refused(None)),
    }
}

/// Opens connections and replaces old ones.
#[derive(Debug)]
struct Opener {
    endpoint: Endpoint,
    max_age: Option<Duration>,
    entropy: Arc<dyn Entropy>,
}

/// One connection.
#[derive(Debug)]
struct Connection {
    channel: Channel,
    expires: Option<Instant>,
}

impl Opener {
    fn connection(&self) -> Connection {
        let expires = self.max_age.map(|age| {
            let spread = 1.0 - AGE_SPREAD * self.entropy.unit();
            Instant::now() + age.mul_f64(spread)
        });
        Connection {
            channel: self.endpoint.connect_lazy(),
            expires,
        }
    }
}

impl Manager for Opener {
    type Type = Connection;
    type Error = Infallible;

    async fn create(&self) -> Result<Connection, Infallible> {
        Ok(self.connection())
    }

    /// An old connection is replaced in its place: refusing it would leave the pool one short. Calls that run on it keep
    /// it until they end.
    async fn recycle(&self, connection: &mut Connection, _: &Metrics) -> RecycleResult<Infallible> {
        if connection.expires.is_some_and(|at| at <= Instant::now()) {
            *connection = self.connection();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use scheduler_domain::SeededEntropy;

    use super::*;

    async fn open(address: &str) -> Result<Connections, Error> {
        Connections::open(&ClientOptions::new(address), Arc::new(SeededEntropy::new(1))).await
    }

    #[tokio::test]
    async fn an_address_may_leave_out_its_scheme() {
        for good in [
            "http://localhost:8080",
            "https://example.org",
            "localhost:8080",
            "10.0.0.1:80",
            "[::1]:8080",
        ] {
            assert!(open(good).await.is_ok(), "{good}");
        }
        for bad in [
            "",
            "http://",
            "ftp://localhost",
            "unix:///tmp/x",
            "a b",
            "http://[::1",
        ] {
            assert!(matches!(open(bad).await, Err(Error::Address { .. })), "{bad:?}");
        }
    }

    #[tokio::test]
    async fn all_connections_are_there_from_the_start() {
        let options = ClientOptions {
            connections: 3,
            ..ClientOptions::new("http://localhost:1")
        };
        let connections = Connections::open(&options, Arc::new(SeededEntropy::new(1)))
            .await
            .unwrap();
        assert_eq!(connections.0.status().size, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_connection_is_replaced_and_the_pool_stays_full() {
        let max_age = Some(Duration::from_secs(60));
        let options = ClientOptions {
            connections: 2,
            max_connection_age: max_age,
            ..ClientOptions::new("http://localhost:1")
        };
        let connections = Connections::open(&options, Arc::new(SeededEntropy::new(1)))
            .await
            .unwrap();
        let before = connections.take().await.unwrap().expires;
        tokio::time::advance(Duration::from_secs(61)).await;
        for _ in 0..2 {
            let expires = connections.take().await.unwrap().expires;
            assert!(expires > before && expires > Some(Instant::now()));
        }
        assert_eq!(connections.0.status().size, 2);
    }
}
