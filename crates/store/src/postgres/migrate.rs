//! Brings the schema up to date.
//!
//! sqlx would take an advisory lock first, which CockroachDB has not (transact-rs/sqlx#1762). Instead any number of
//! processes may run the migrations at once: every one is a single idempotent schema change, and a process that trips
//! over another begins again. Whoever comes first does the work, and the others find it done.

use std::time::Duration;

use scheduler_domain::{Entropy as _, SystemEntropy};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{Connection as _, PgConnection};
use tracing::{debug, info};

use super::call::Db;
use super::fault::{Fault, Remedy};
use crate::Error;

/// Tries before giving up. One is used up each time that another process was in the way.
const TRIES: u32 = 60;
const LONGEST_WAIT: Duration = Duration::from_millis(500);

fn migrations() -> Migrator {
    let mut migrations = sqlx::migrate!();
    migrations.set_locking(false);
    // A newer build has been here: its schema serves this one too.
    migrations.set_ignore_missing(true);
    migrations
}

/// The newest migration that this build knows.
pub(super) fn newest() -> i64 {
    migrations()
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or_default()
}

/// Without a limit on the time of a statement: an index on a large table takes as long as it takes.
pub(super) async fn migrate(db: &Db) -> Result<(), Error> {
    let options = db.unbounded.clone();
    let working = tokio::spawn(async move {
        let mut tries = 1;
        loop {
            let Err(error) = once(&options).await else {
                break Ok(());
            };
            if tries == TRIES || !is_passing(&error) {
                break Err(into_error(error));
            }
            debug!(tries, %error, "another process migrates too, looking again");
            tokio::time::sleep(LONGEST_WAIT.mul_f64(SystemEntropy.unit())).await;
            tries += 1;
        }
    });
    working.await.unwrap_or_else(|gone| {
        Err(Error::Unavailable {
            context: "migrate",
            source: gone.into(),
        })
    })?;
    info!(version = newest(), "the schema is up to date");
    Ok(())
}

async fn once(options: &sqlx::postgres::PgConnectOptions) -> Result<(), MigrateError> {
    let mut connection = PgConnection::connect_with(options).await?;
    let outcome = migrations().run_direct(None, &mut connection, false).await;
    drop(connection.close().await);
    outcome
}

fn database_error(error: &MigrateError) -> Option<&sqlx::Error> {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => Some(error),
        _ => None,
    }
}

/// Whether the error is what two processes that create the same things do to each other.
fn is_passing(error: &MigrateError) -> bool {
    let Some(error) = database_error(error) else {
        return false;
    };
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    match code.as_deref() {
        // unique_violation (in `_sqlx_migrations`, or in PostgreSQL's own catalogue), duplicate_table, duplicate_object
        Some("23505" | "42P07" | "42710") => true,
        // internal_error: "tuple concurrently updated"
        Some("XX000") => true,
        _ => matches!(super::fault::remedy(error), Remedy::Retry | Remedy::Reconnect),
    }
}

fn into_error(error: MigrateError) -> Error {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            Fault::Database(error).into_error("migrate")
        }
        other => Error::Refused {
            context: "migrate",
            source: other.into(),
        },
    }
}
