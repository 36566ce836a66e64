//! From configuration to an engine: the one place where the real backends are chosen and joined.

use std::mem::discriminant;
use std::sync::Arc;
use std::time::Duration;

use scheduler_domain::{SystemClock, SystemEntropy};
use scheduler_queue::{MemoryQueue, RedisOptions, RedisQueue, SentinelOptions, SharedQueue};
use scheduler_service::config::Config;
use scheduler_service::http::{Checks, check};
use scheduler_service::run::Context;
use scheduler_store::{Maintenance as _, MemoryStore, PostgresOptions, PostgresStore, SharedStore};
use secrecy::ExposeSecret as _;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use crate::{Engine, Error, Options};

/// How often a process that does not migrate looks whether somebody else has.
const SCHEMA_PERIOD: Duration = Duration::from_millis(500);
/// How long it does, before it ends with an error that says what is missing.
const SCHEMA_PATIENCE: Duration = Duration::from_mins(10);

/// Where jobs are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// In the database or Redis that the configuration names.
    Configured,
    /// In this process's memory.
    InMemory,
}

/// An engine over the backends chosen, with the system's clock. Brings the schema up to date if so configured, and describes the
/// metrics of what it connects.
///
/// # Errors
/// When the database cannot be reached within its start timeout or does not take who we say we are, or the schema is not the one this
/// build needs.
pub async fn connect(config: &Config, store: Keep, queue: Keep, instance: &str) -> Result<Engine, Error> {
    Ok(connect_backends(config, store, queue, instance)
        .await?
        .engine(config))
}

/// As [`connect`], over the backends that a process is configured with; `None` when it was told to stop before.
///
/// # Errors
/// As [`connect`].
pub async fn connect_process(context: &Context) -> Result<Option<Engine>, Error> {
    let connecting = connect(
        &context.config,
        Keep::Configured,
        Keep::Configured,
        &context.instance,
    );
    context.unless_stopped(Box::pin(connecting)).await
}

/// Where jobs are kept, and the index of them. An engine is made of it; tests put something in between.
#[derive(Clone)]
pub struct Backends {
    /// The record.
    pub store: SharedStore,
    /// The dispatch index.
    pub queue: SharedQueue,
}

impl Backends {
    /// An engine over them, with the system's clock.
    #[must_use]
    pub fn engine(self, config: &Config) -> Engine {
        Engine::new(
            self.store,
            self.queue,
            Arc::new(SystemClock),
            Arc::new(SystemEntropy),
            Options::from(config),
        )
    }
}

/// As [`connect`], without the engine.
///
/// # Errors
/// As [`connect`].
pub async fn connect_backends(
    config: &Config,
    store: Keep,
    queue: Keep,
    instance: &str,
) -> Result<Backends, Error> {
    crate::metrics::describe();
    let store = match store {
        Keep::InMemory => Arc::new(MemoryStore::new()) as SharedStore,
        Keep::Configured => connect_store(config, instance).await?,
    };
    let queue = match queue {
        Keep::InMemory => {
            let clock = Arc::new(SystemClock);
            Arc::new(MemoryQueue::new(
                clock,
                config.engine.aging_step,
                config.engine.lease,
            )) as SharedQueue
        }
        Keep::Configured => connect_queue(config)?,
    };
    Ok(Backends { store, queue })
}

impl Engine {
    /// What a process needs that takes jobs: the store alone. Without the queue jobs are accepted, and wait; were every API process
    /// taken out of service with it, nobody could submit any.
    #[must_use]
    pub fn checks_of_api(&self) -> Checks {
        let engine = self.clone();
        vec![check("store", move || {
            let engine = engine.clone();
            async move { Ok(engine.ping_store().await?) }
        })]
    }

    /// What a process needs that runs jobs.
    #[must_use]
    pub fn checks_of_worker(&self) -> Checks {
        let engine = self.clone();
        let queue = check("queue", move || {
            let engine = engine.clone();
            async move { Ok(engine.ping_queue().await?) }
        });
        self.checks_of_api().into_iter().chain([queue]).collect()
    }
}

async fn connect_store(config: &Config, instance: &str) -> Result<SharedStore, Error> {
    let database = &config.database;
    let begun = Instant::now();
    let store = PostgresStore::connect(PostgresOptions {
        url: database.connection_url().expose_secret().to_owned(),
        max_connections: database.max_connections,
        min_connections: database.min_connections,
        connect_timeout: database.connect_timeout,
        start_timeout: database.start_timeout,
        call_timeout: database.statement_timeout,
        statement_timeout: database.statement_timeout,
        max_lifetime: database.max_lifetime,
        application_name: instance.to_owned(),
    })
    .await?;
    let patience = database.start_timeout.saturating_sub(begun.elapsed());
    schema(&store, database.migrate_on_start, patience).await?;
    warn_of_weaknesses(&store).await;
    Ok(Arc::new(store))
}

/// A database that forgets is nothing a scheduler can make up for: whoever runs one is to know.
async fn warn_of_weaknesses(store: &PostgresStore) {
    match store.weaknesses().await {
        Ok(off) if off.is_empty() => {}
        Ok(off) => warn!(
            off = off.join(", "),
            "the database may lose jobs that it has acknowledged when its machine fails: it runs with these settings off"
        ),
        Err(error) => debug!(%error, "the database does not say how it keeps what it acknowledges"),
    }
}

/// Brings the schema up to date if told so, else waits until somebody else has: in a cluster that is a Job which starts with the pods.
///
/// A database that does not answer is waited for with `patience`: it was there a moment ago, and who is restarted for that finds it no
/// sooner.
async fn schema(
    store: &PostgresStore,
    migrates: bool,
    patience: Duration,
) -> Result<(), scheduler_store::Error> {
    let begun = Instant::now();
    let mut told = None;
    while let Err(error) = up_to_date(store, migrates).await {
        let patience = match error {
            scheduler_store::Error::Unavailable { .. } => patience,
            scheduler_store::Error::Schema { .. } if !migrates => SCHEMA_PATIENCE,
            _ => Duration::ZERO,
        };
        if begun.elapsed() >= patience {
            return Err(error);
        }
        let kind = discriminant(&error);
        if told.replace(kind) != Some(kind) {
            say_waiting(&error);
        }
        tokio::time::sleep(SCHEMA_PERIOD).await;
    }
    Ok(())
}

fn say_waiting(error: &scheduler_store::Error) {
    if matches!(error, scheduler_store::Error::Schema { .. }) {
        info!(%error, "waiting for the schema, which `tsctl migrate` brings up to date");
    } else {
        warn!(
            error = error as &dyn std::error::Error,
            "the database is not ready, trying again"
        );
    }
}

async fn up_to_date(store: &PostgresStore, migrates: bool) -> Result<(), scheduler_store::Error> {
    if migrates {
        store.migrate().await?;
    }
    store.ping().await
}

fn connect_queue(config: &Config) -> Result<SharedQueue, Error> {
    let redis = &config.redis;
    let sentinel = (!redis.sentinels.is_empty()).then(|| SentinelOptions {
        addresses: redis.sentinel_addresses().unwrap_or_default(),
        master: redis.sentinel_master.clone(),
        password: redis
            .sentinel_password
            .as_ref()
            .map(|password| password.expose_secret().to_owned()),
    });
    let queue = RedisQueue::connect(RedisOptions {
        url: redis.connection_url().expose_secret().to_owned(),
        sentinel,
        ssl_root_cert: redis.ssl_root_cert.clone().map(Into::into),
        max_connections: redis.max_connections,
        connect_timeout: redis.connect_timeout,
        command_timeout: redis.command_timeout,
        key_prefix: redis.key_prefix.clone(),
        aging_step: config.engine.aging_step,
        lease: config.engine.lease,
    })?;
    Ok(Arc::new(queue))
}

impl From<&Config> for Options {
    fn from(config: &Config) -> Self {
        let engine = &config.engine;
        Self {
            lease: engine.lease,
            heartbeat: engine.heartbeat,
            sweep_period: engine.sweep_period,
            sweep_grace: engine.sweep_grace,
            lookahead: engine.lookahead,
            crash_budget: engine.crash_budget,
            default_timeout: engine.default_timeout,
            retention: engine.retention,
            retention_batch: engine.retention_batch,
            max_waiting_jobs: config.api.max_in_flight,
            max_waiting_bytes: usize::try_from(config.api.max_in_flight_bytes.bytes()).unwrap_or(usize::MAX),
            submit_lanes: config.database.submit_lanes,
            finish_lanes: config.database.finish_lanes,
        }
    }
}
