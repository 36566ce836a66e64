//! The database goes away, stalls, or was never there.

use std::time::Duration;

use futures::future::join_all;
use sqlx::Connection as _;
use tokio::time::Instant;

use super::{Database, migrated};
use crate::conformance::jobs::{a_job, at, chosen, get, id, submit, submit_all};
use crate::postgres::testing::TestDatabase;
use crate::postgres::{PostgresOptions, PostgresStore};
use crate::{Cancelled, Error, Jobs as _, Maintenance as _};

#[tokio::test]
async fn sessions_run_at_the_isolation_that_the_suite_claims() {
    for (isolation, spelt) in [
        ("read committed", "read%5C%20committed"),
        ("serializable", "serializable"),
    ] {
        let Some(database) = Database::start("TEST_DATABASE_URL", spelt).await else {
            return;
        };
        let shown: String = sqlx::query_scalar("SHOW transaction_isolation")
            .fetch_one(&database.store.db.connections.pool)
            .await
            .unwrap();
        assert_eq!(shown, isolation);
        database.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_survive_the_loss_of_every_connection() {
    let Some(database) = Database::start("TEST_DATABASE_URL", "serializable").await else {
        return;
    };
    let store = &database.store;
    for round in 0..5 {
        // All connections of the pool are open and idle, then all are dead.
        for answer in join_all((0..8).map(|n| store.get(std::slice::from_ref(&IDS[n])))).await {
            answer.unwrap();
        }
        sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%store.get%'",
        )
        .execute(
            &mut sqlx::PgConnection::connect_with(&store.db.unbounded)
                .await
                .unwrap(),
        )
        .await
        .unwrap();
        submit_all(store, at(0), (0..10).map(|n| a_job(round * 10 + n)).collect()).await;
        assert!(matches!(
            store.cancel(at(1), id(round * 10)).await.unwrap(),
            Cancelled::Done(_)
        ));
    }
    database.stop().await;
}

const IDS: [scheduler_domain::JobId; 8] = [scheduler_domain::JobId(uuid::Uuid::nil()); 8];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stalled_call_ends_in_time_and_gives_up_its_connection() {
    let Some(test) = TestDatabase::create("TEST_DATABASE_URL").await.unwrap() else {
        return;
    };
    let options = PostgresOptions {
        call_timeout: Duration::from_millis(400),
        max_connections: 2,
        ..PostgresOptions::new(test.url())
    };
    let store = migrated(options).await;
    submit(&store, at(0), chosen(1)).await;
    let mut blocker = sqlx::PgConnection::connect_with(&store.db.unbounded)
        .await
        .unwrap();
    let mut blocking = blocker.begin().await.unwrap();
    sqlx::query("UPDATE jobs SET priority = priority")
        .execute(&mut *blocking)
        .await
        .unwrap();

    let begun = Instant::now();
    for answer in join_all((0..4).map(|_| store.delete(id(1)))).await {
        assert!(answer.is_ok(), "an open job is only looked at: {answer:?}");
    }
    for answer in join_all((0..4).map(|_| store.cancel(at(1), id(1)))).await {
        assert!(
            matches!(
                answer,
                Err(Error::Unavailable {
                    context: "cancel",
                    ..
                })
            ),
            "{answer:?}"
        );
    }
    assert!(begun.elapsed() < Duration::from_secs(3));
    // The database still works on what was given up, on connections that are no longer ours: the pool has others.
    for n in 2..20 {
        submit(&store, at(0), chosen(n)).await;
        assert_eq!(get(&store, id(n)).await.id, id(n));
    }
    blocking.rollback().await.unwrap();
    assert!(matches!(
        store.cancel(at(1), id(1)).await,
        Ok(Cancelled::Done(_) | Cancelled::AlreadyFinal(_))
    ));
    store.db.connections.close().await;
    test.drop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_stops_waiting_leaves_no_transaction_behind() {
    let Some(database) = Database::start("TEST_DATABASE_URL", "serializable").await else {
        return;
    };
    let store = &database.store;
    for n in 0..200 {
        let impatient = Duration::from_micros(20 * (n % 50));
        drop(tokio::time::timeout(impatient, store.submit(at(0), vec![chosen(n)])).await);
    }
    for n in 0..200 {
        // Whether or not the submit was begun, it is done or not, and never half.
        let answer = store.submit(at(1), vec![chosen(n)]).await.unwrap();
        assert_eq!(answer.len(), 1);
    }
    database.stop().await;
}

#[tokio::test]
async fn a_database_that_is_not_there_is_unavailable_in_good_time() {
    let options = PostgresOptions {
        start_timeout: Duration::from_millis(300),
        ..PostgresOptions::new("postgres://nobody@127.0.0.1:1/none?sslmode=disable")
    };
    let begun = Instant::now();
    let connected = PostgresStore::connect(options).await;
    assert!(
        matches!(
            connected,
            Err(Error::Unavailable {
                context: "connect",
                ..
            })
        ),
        "{connected:?}"
    );
    assert!(begun.elapsed() < Duration::from_secs(2));
    let connected = PostgresStore::connect(PostgresOptions::new("not a url")).await;
    assert!(matches!(connected, Err(Error::Refused { .. })), "{connected:?}");
}

#[tokio::test]
async fn a_call_without_tables_is_refused_and_not_called_an_outage() {
    let Some(test) = TestDatabase::create("TEST_DATABASE_URL").await.unwrap() else {
        return;
    };
    let store = PostgresStore::connect(PostgresOptions::new(test.url()))
        .await
        .unwrap();
    let answer = store.get(&[id(1)]).await;
    assert!(
        matches!(answer, Err(Error::Refused { context: "get", .. })),
        "{answer:?}"
    );
    assert!(matches!(store.ping().await, Err(Error::Schema { found: 0, .. })));
    test.drop().await.unwrap();
}
