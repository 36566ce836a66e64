//! The conformance suite on PostgreSQL and CockroachDB, and what is particular to them.

mod ambiguity;
mod contention;
mod corruption;
mod durability;
mod migrations;
mod outage;
mod plans;
mod sql;

use super::testing::TestDatabase;
use super::{PostgresOptions, PostgresStore};
use crate::Maintenance as _;
use crate::conformance::Harness;

/// A store with its tables made.
async fn migrated(options: PostgresOptions) -> PostgresStore {
    let store = PostgresStore::connect(options).await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// One schema per test, at an isolation level.
struct Database {
    store: PostgresStore,
    database: TestDatabase,
}

impl Database {
    async fn start(variable: &str, isolation: &str) -> Option<Self> {
        let database = TestDatabase::create(variable).await.unwrap()?;
        let url = database.url_with("default_transaction_isolation", isolation);
        let store = migrated(PostgresOptions::new(url)).await;
        Some(Self { store, database })
    }

    async fn stop(self) {
        self.store.db.connections.close().await;
        self.database.drop().await.unwrap();
    }
}

macro_rules! stamp {
    ($module:ident, $variable:literal, $isolation:literal) => {
        mod $module {
            struct Here(super::Database);

            impl super::Harness for Here {
                type Store = super::PostgresStore;

                async fn start() -> Option<Self> {
                    super::Database::start($variable, $isolation)
                        .await
                        .map(Self)
                }

                fn store(&self) -> &super::PostgresStore {
                    &self.0.store
                }

                async fn stop(self) {
                    self.0.stop().await;
                }
            }

            crate::conformance!(Here);
        }
    };
}

// `read committed` with its space escaped twice, for the URL and for the server's option parser.
stamp!(read_committed, "TEST_DATABASE_URL", "read%5C%20committed");
stamp!(serializable, "TEST_DATABASE_URL", "serializable");
stamp!(cockroachdb, "TEST_COCKROACHDB_URL", "serializable");
