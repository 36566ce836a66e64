//! The schema comes to be, whoever is first.

use futures::future::join_all;
use sqlx::Row as _;

use crate::postgres::migrate::newest;
use crate::postgres::testing::TestDatabase;
use crate::postgres::{PostgresOptions, PostgresStore};
use crate::{Error, Maintenance as _};

async fn empty_database(stores: usize) -> Option<(TestDatabase, Vec<PostgresStore>)> {
    let database = TestDatabase::create("TEST_DATABASE_URL").await.unwrap()?;
    let mut connected = Vec::new();
    for _ in 0..stores {
        connected.push(
            PostgresStore::connect(PostgresOptions::new(database.url()))
                .await
                .unwrap(),
        );
    }
    Some((database, connected))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_processes_may_migrate_an_empty_database_at_once() {
    let Some((database, stores)) = empty_database(8).await else {
        return;
    };
    for outcome in join_all(stores.iter().map(PostgresStore::migrate)).await {
        outcome.unwrap();
    }
    for store in &stores {
        store.migrate().await.unwrap();
        store.ping().await.unwrap();
    }
    let applied = sqlx::query("SELECT count(*), count(DISTINCT version) FROM _sqlx_migrations WHERE success")
        .fetch_one(&stores[0].db.connections.pool)
        .await
        .unwrap();
    let counts: (i64, i64) = (applied.get(0), applied.get(1));
    assert_eq!(counts, (newest(), newest()), "each migration is recorded once");
    database.drop().await.unwrap();
}

#[tokio::test]
async fn a_missing_or_old_schema_is_told_apart_from_an_outage() {
    let Some((database, stores)) = empty_database(1).await else {
        return;
    };
    let store = &stores[0];
    let ping = store.ping().await;
    assert!(
        matches!(ping, Err(Error::Schema { found: 0, needed }) if needed == newest()),
        "{ping:?}"
    );
    store.migrate().await.unwrap();
    sqlx::query("DELETE FROM _sqlx_migrations WHERE version = $1")
        .bind(newest())
        .execute(&store.db.connections.pool)
        .await
        .unwrap();
    let ping = store.ping().await;
    assert!(
        matches!(ping, Err(Error::Schema { found, .. }) if found == newest() - 1),
        "{ping:?}"
    );
    store.migrate().await.unwrap();
    store.ping().await.unwrap();
    database.drop().await.unwrap();
}

#[tokio::test]
async fn a_newer_schema_serves_an_older_build() {
    let Some((database, stores)) = empty_database(1).await else {
        return;
    };
    let store = &stores[0];
    store.migrate().await.unwrap();
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
         VALUES (9000, 'from the future', true, '', 0)",
    )
    .execute(&store.db.connections.pool)
    .await
    .unwrap();
    store.ping().await.unwrap();
    store.migrate().await.unwrap();
    database.drop().await.unwrap();
}
