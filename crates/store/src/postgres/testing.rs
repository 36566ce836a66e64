//! A database for a test: a schema of its own, dropped at the end.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::str::FromStr as _;
use std::sync::{Mutex, PoisonError};

use scheduler_domain::{Entropy as _, SystemEntropy};
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

/// One empty schema in a PostgreSQL or CockroachDB that an environment variable points to.
#[derive(Debug)]
pub struct TestDatabase {
    server: PgConnectOptions,
    schema: String,
    url: String,
}

impl TestDatabase {
    /// Makes one in the database whose URL is in `variable`; `None`, after a loud word about it, when that is not set.
    ///
    /// # Errors
    /// What the database says against it.
    pub async fn create(variable: &str) -> Result<Option<Self>, sqlx::Error> {
        #[expect(
            clippy::disallowed_methods,
            reason = "where the test database is, only the environment can tell"
        )]
        let Ok(server_url) = std::env::var(variable) else {
            say_skipped(variable);
            return Ok(None);
        };
        let server = PgConnectOptions::from_str(&server_url)?;
        let schema = format!("test_{}", SystemEntropy.uuid().simple());
        let mut connection = PgConnection::connect_with(&server).await?;
        sqlx::query(AssertSqlSafe(format!("CREATE SCHEMA {schema}")))
            .execute(&mut connection)
            .await?;
        connection.close().await?;
        let url = with_setting(&server_url, "search_path", &schema);
        Ok(Some(Self { server, schema, url }))
    }

    /// The URL under which only this schema is seen.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL with another session setting, such as `default_transaction_isolation`.
    #[must_use]
    pub fn url_with(&self, setting: &str, value: &str) -> String {
        with_setting(&self.url, setting, value)
    }

    /// Drops it.
    ///
    /// # Errors
    /// What the database says against it.
    pub async fn drop(self) -> Result<(), sqlx::Error> {
        let mut connection = PgConnection::connect_with(&self.server).await?;
        let drop = AssertSqlSafe(format!("DROP SCHEMA {} CASCADE", self.schema));
        sqlx::query(drop).execute(&mut connection).await?;
        connection.close().await
    }
}

/// Once per variable, and past the test harness, which swallows what passing tests print.
fn say_skipped(variable: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if SAID
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .insert(variable.to_owned())
    {
        // Where nobody can hear it, nobody misses it.
        drop(writeln!(std::io::stderr(), "SKIPPED: {variable} is not set"));
    }
}

fn with_setting(url: &str, setting: &str, value: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}options=-c%20{setting}%3D{value}")
}
