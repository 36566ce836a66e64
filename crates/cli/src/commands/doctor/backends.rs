//! What the scheduler stands on.

use std::error::Error as StdError;
use std::time::Duration;

use scheduler_queue::{Inspect as _, RedisOptions, RedisQueue};
use scheduler_store::{Error, Maintenance as _, PostgresOptions, PostgresStore};

use super::Check;

/// Longest that a backend may keep us waiting.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether the database answers, with the schema that this build needs, and keeps what it acknowledges.
pub(super) async fn database(url: String) -> Vec<Check> {
    let options = PostgresOptions {
        start_timeout: PATIENCE,
        call_timeout: PATIENCE,
        ..PostgresOptions::new(url)
    };
    let looked = async {
        let store = PostgresStore::connect(options).await?;
        store.ping().await?;
        store.weaknesses().await
    };
    let check = match looked.await {
        Ok(off) => {
            let answers = Check::ok("database", "answers, and its schema is up to date");
            return [answers].into_iter().chain(durability(&off)).collect();
        }
        Err(error @ Error::Schema { .. }) => {
            Check::failed("database", error.to_string(), "tsctl migrate --database-url URL")
        }
        Err(error) => Check::failed(
            "database",
            in_full(&error),
            "is it running, and are user and name right? try: psql URL -c 'SELECT 1'",
        ),
    };
    vec![check]
}

/// A warning when settings are off that must not be.
fn durability(off: &[String]) -> Option<Check> {
    let first = off.first()?;
    Some(Check::warning(
        "durability",
        format!(
            "the database may lose acknowledged jobs when its machine fails: {} off",
            off.join(", ")
        ),
        format!("psql URL -c 'ALTER SYSTEM SET {first} = on', and the same for the others; then reload it"),
    ))
}

/// Whether Redis answers.
pub(super) async fn redis(url: String) -> Check {
    let options = RedisOptions {
        url,
        sentinel: None,
        ssl_root_cert: None,
        max_connections: 1,
        connect_timeout: PATIENCE,
        command_timeout: PATIENCE,
        // Neither matters to a ping.
        key_prefix: String::new(),
        aging_step: PATIENCE,
        lease: PATIENCE,
    };
    let looked = async { RedisQueue::connect(options)?.ping().await };
    match looked.await {
        Ok(()) => Check::ok("redis", "answers"),
        Err(error) => Check::failed(
            "redis",
            in_full(&error),
            "is it running? try: redis-cli -u URL ping",
        ),
    }
}

/// An error with its causes, on one line.
fn in_full(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        next = cause.source();
    }
    text.replace('\n', " ")
}
