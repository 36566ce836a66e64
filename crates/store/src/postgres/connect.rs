//! Reaching the database.

use std::fmt;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use scheduler_domain::{Entropy as _, SystemEntropy};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgConnection};
use tokio::time::Instant;
use tracing::{debug, warn};

use super::PostgresStore;
use super::call::Db;
use super::connections::Connections;
use super::fault;
use crate::{DEFAULT_CALL_TIMEOUT, Error};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How to reach the database, and how hard to try.
#[derive(Clone)]
pub struct PostgresOptions {
    /// `postgres://user:password@host:port/database?…`. Session settings such as `search_path` go into its `options`.
    pub url: String,
    /// Most connections held at once. In all processes together about four per core of the database.
    pub max_connections: u32,
    /// Connections kept open when there is nothing to do.
    pub min_connections: u32,
    /// How long one try to connect at the start may take.
    pub connect_timeout: Duration,
    /// How long [`PostgresStore::connect`] keeps trying.
    pub start_timeout: Duration,
    /// Longest that one store call may take, retries and waiting for a connection included.
    pub call_timeout: Duration,
    /// Longest that the database may work on one statement.
    pub statement_timeout: Duration,
    /// A connection is replaced after this time, so that load follows when database nodes come and go.
    pub max_lifetime: Duration,
    /// Our name in the database's own views.
    pub application_name: String,
}

impl PostgresOptions {
    /// The defaults, with the database at `url`.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            ..Self::default()
        }
    }
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            url: "postgres://root@127.0.0.1:26257/scheduler?sslmode=disable".to_owned(),
            max_connections: 8,
            min_connections: 1,
            connect_timeout: Duration::from_secs(5),
            start_timeout: Duration::from_secs(30),
            call_timeout: DEFAULT_CALL_TIMEOUT,
            statement_timeout: DEFAULT_CALL_TIMEOUT,
            max_lifetime: Duration::from_secs(1800),
            application_name: "scheduler".to_owned(),
        }
    }
}

/// Leaves the URL out, because it holds a password.
impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("max_connections", &self.max_connections)
            .field("min_connections", &self.min_connections)
            .field("connect_timeout", &self.connect_timeout)
            .field("start_timeout", &self.start_timeout)
            .field("call_timeout", &self.call_timeout)
            .field("statement_timeout", &self.statement_timeout)
            .field("max_lifetime", &self.max_lifetime)
            .field("application_name", &self.application_name)
            .finish_non_exhaustive()
    }
}

impl PostgresStore {
    /// Connects, trying again until [`PostgresOptions::start_timeout`]: at start-up the database is often the later one.
    ///
    /// Does not look at the schema; see [`crate::Maintenance::ping`] and [`crate::Maintenance::migrate`].
    ///
    /// # Errors
    /// [`Error::Refused`] for a URL that cannot be read and for a user or password that the database does not take: waiting does not
    /// mend that. [`Error::Unavailable`] when the time is up.
    pub async fn connect(options: PostgresOptions) -> Result<Self, Error> {
        let refused = |error: sqlx::Error| Error::Refused {
            context: "connect",
            source: error.into(),
        };
        let unbounded = PgConnectOptions::from_str(&options.url)
            .map_err(refused)?
            .application_name(&options.application_name);
        let statement_timeout = options.statement_timeout.as_millis();
        let bounded = unbounded.clone().options([
            ("statement_timeout", statement_timeout),
            ("idle_in_transaction_session_timeout", statement_timeout),
        ]);
        reach(&bounded, options.connect_timeout, options.start_timeout).await?;
        let pool = PgPoolOptions::new()
            .max_connections(options.max_connections)
            .min_connections(options.min_connections)
            .max_lifetime(options.max_lifetime)
            .acquire_timeout(options.call_timeout)
            // A dead connection is noticed by the statement that meets it, and the try repeated.
            .test_before_acquire(false)
            .after_connect(|connection, _| Box::pin(find_by_key(connection)))
            .connect_lazy_with(bounded);
        Ok(Self {
            db: Db {
                connections: Arc::new(Connections::new(pool)),
                call_timeout: options.call_timeout,
                unbounded,
            },
        })
    }
}

/// PostgreSQL's planner goes by the sizes of tables, and keeps its plan. Made while there are few jobs, it would read all of them for
/// each batch until statistics are made anew: for a minute or more after the first million came.
const FIND_BY_KEY: &str = "-- store.find_by_key
    SELECT set_config(name, 'off', false) FROM pg_settings
    WHERE name IN ('enable_bitmapscan', 'enable_hashjoin', 'enable_material', 'enable_mergejoin', 'enable_seqscan')";

/// Has rows found by key, whatever the planner makes of the sizes of the tables. What does not know these settings does without.
async fn find_by_key(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    match sqlx::raw_sql(FIND_BY_KEY).execute(connection).await {
        Ok(_) => Ok(()),
        Err(sqlx::Error::Database(error)) => {
            debug!(
                error = &*error as &dyn std::error::Error,
                "plans are left to the database"
            );
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Opens one connection outside the pool, whose own errors say only that it timed out.
async fn reach(options: &PgConnectOptions, longest: Duration, patience: Duration) -> Result<(), Error> {
    let deadline = Instant::now() + patience;
    let mut backoff = Duration::from_millis(50);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let connecting = PgConnection::connect_with(options);
        let source: BoxError = match tokio::time::timeout(left.min(longest), connecting).await {
            Ok(Ok(connection)) => {
                drop(connection.close().await);
                return Ok(());
            }
            Ok(Err(error)) if fault::is_who_we_are(&error) => {
                return Err(Error::Refused {
                    context: "connect",
                    source: error.into(),
                });
            }
            Ok(Err(error)) => error.into(),
            Err(elapsed) => elapsed.into(),
        };
        if Instant::now() + backoff >= deadline {
            return Err(Error::Unavailable {
                context: "connect",
                source,
            });
        }
        warn!(
            error = &*source as &dyn std::error::Error,
            "the database does not answer, trying again"
        );
        tokio::time::sleep(backoff.mul_f64(0.5 + SystemEntropy.unit() / 2.0)).await;
        backoff = (backoff * 2).min(Duration::from_secs(2));
    }
}
