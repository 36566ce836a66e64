//! Asks whether the database answers, and with a schema that this build can work with.

use sqlx::{PgConnection, Row as _};

use super::call::Db;
use super::fault::{self, Fault};
use super::migrate::newest;
use super::tx::{self, Earlier, Scope, Work};
use crate::Error;

pub(super) const PING: &str = "-- store.ping
    SELECT COALESCE(max(version), 0) FROM _sqlx_migrations WHERE success";

pub(super) async fn ping(db: Db) -> Result<(), Error> {
    let found = tx::run(&db, &Ping).await?;
    let needed = newest();
    // A newer schema is fine: migrations only add, so that old and new processes can run side by side in an upgrade.
    if found < needed {
        Err(Error::Schema { found, needed })
    } else {
        Ok(())
    }
}

struct Ping;

impl Work for Ping {
    const NAME: &'static str = "ping";
    type Answer = i64;

    fn scope(&self) -> Scope {
        Scope::Read
    }

    async fn run(&self, connection: &mut PgConnection, _: Earlier) -> Result<i64, Fault> {
        match sqlx::query(PING).fetch_one(connection).await {
            Ok(row) => Ok(row.try_get(0)?),
            Err(error) if fault::is_missing_table(&error) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }
}
