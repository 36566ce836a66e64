//! Whether the database keeps what it has acknowledged.

use sqlx::{PgConnection, Row as _};

use super::call::Db;
use super::fault::Fault;
use super::tx::{self, Earlier, Scope, Work};
use crate::Error;

/// Without the first two a crash of its machine can destroy the whole database, without the last it loses the newest commits.
/// CockroachDB has none of them, or always on.
pub(super) const DURABILITY: &str = "-- store.durability
    SELECT name FROM pg_settings
    WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off'
    ORDER BY name";

/// The settings that are off and must not be.
pub(super) async fn durability(db: Db) -> Result<Vec<String>, Error> {
    tx::run(&db, &Durability).await
}

struct Durability;

impl Work for Durability {
    const NAME: &'static str = "durability";
    type Answer = Vec<String>;

    fn scope(&self) -> Scope {
        Scope::Read
    }

    async fn run(&self, connection: &mut PgConnection, _: Earlier) -> Result<Vec<String>, Fault> {
        let rows = sqlx::query(DURABILITY).fetch_all(connection).await?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
    }
}
