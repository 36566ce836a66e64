//! `db_tx` {"statement", "params"}: one statement of the operator's, in a transaction of its own.
//!
//! A job names a statement and gives values; the SQL is the configuration's, and the database is not the scheduler's. A single
//! statement is a transaction by itself: whether it takes effect and whether it is committed are one question.

mod param;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use scheduler_service::config;
use secrecy::ExposeSecret as _;
use sqlx::error::DatabaseError;
use sqlx::postgres::{PgArguments, PgPool, PgPoolOptions};
use sqlx::{Arguments as _, AssertSqlSafe};

use crate::{Handler, JobContext, JobError};
use param::Param;

/// Connections, at most. More would only move the queue into the database.
const MOST_CONNECTIONS: u32 = 10;
/// Longest wait for one.
const ACQUIRE: Duration = Duration::from_secs(5);

/// Runs configured statements.
#[derive(Debug)]
pub struct DbTx {
    /// Nothing runs without a database of its own.
    database: Option<PgPool>,
    statements: BTreeMap<String, Arc<str>>,
}

/// Which statement to run, with what.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Args {
    statement: String,
    /// For `$1`, `$2` …
    #[serde(default)]
    params: Vec<Param>,
}

/// What it did.
#[derive(Debug, PartialEq, Eq, serde::Serialize)]
pub struct Done {
    rows_affected: u64,
}

impl DbTx {
    /// As configured. Connects when the first job needs it. Must be called inside a runtime.
    ///
    /// # Errors
    /// When the URL cannot be read.
    pub fn new(config: &config::DbTx) -> anyhow::Result<Self> {
        let pool = PgPoolOptions::new()
            .max_connections(MOST_CONNECTIONS)
            .acquire_timeout(ACQUIRE);
        let connect = |url: &str| pool.connect_lazy(url).context("reading worker.db_tx.url");
        let database = config
            .url
            .as_ref()
            .map(|url| connect(url.expose_secret()))
            .transpose()?;
        let statements = config
            .statements
            .iter()
            .map(|(name, sql)| (name.clone(), sql.as_str().into()))
            .collect();
        Ok(Self { database, statements })
    }

    async fn execute(&self, args: Args) -> Result<Done, JobError> {
        let Some(database) = &self.database else {
            return Err(
                JobError::fatal("db_tx is off: worker.db_tx.url is not configured").kind("not_configured"),
            );
        };
        let Some(sql) = self.statements.get(&args.statement) else {
            let known = self
                .statements
                .keys()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", ");
            let message = format!("there is no statement {:?}; there are: {known}", args.statement);
            return Err(JobError::fatal(message).kind("unknown_statement"));
        };
        let mut arguments = PgArguments::default();
        for param in args.params {
            arguments
                .add(param)
                .map_err(|error| JobError::fatal(error.to_string()).kind("invalid_payload"))?;
        }
        // Safe: the text is the operator's, and values are bound.
        let query = sqlx::query_with(AssertSqlSafe(Arc::clone(sql)), arguments);
        let done = query
            .execute(database)
            .await
            .map_err(|error| failed(&args.statement, error))?;
        Ok(Done {
            rows_affected: done.rows_affected(),
        })
    }
}

impl Handler for DbTx {
    const TYPE: &'static str = "db_tx";
    type Payload = Args;
    type Output = Done;

    async fn run(&self, job: JobContext, args: Args) -> Result<Done, JobError> {
        tokio::select! {
            done = self.execute(args) => done,
            () = job.cancelled() => Err(JobError::cancelled()),
        }
    }
}

/// What the database refuses because of the statement or its values it will refuse again.
fn failed(statement: &str, error: sqlx::Error) -> JobError {
    let refused = error
        .as_database_error()
        .and_then(DatabaseError::code)
        .is_some_and(|code| is_final(&code));
    let message = format!("statement {statement}: {}", JobError::from(error).message);
    let error = if refused {
        JobError::fatal(message)
    } else {
        JobError::retry(message)
    };
    error.kind("database")
}

/// Whether an SQLSTATE says that trying again is useless: bad data, a broken constraint, a statement that cannot be run or may not be,
/// too few values.
fn is_final(code: &str) -> bool {
    ["22", "23", "42", "08P01"]
        .iter()
        .any(|class| code.starts_with(class))
}

#[cfg(test)]
mod tests;
