//! What a database is asked about how it keeps things.

use super::{PostgresOptions, TestDatabase, migrated};

#[tokio::test]
async fn a_database_that_may_lose_what_it_acknowledged_says_by_which_setting() {
    let Some(database) = TestDatabase::create("TEST_DATABASE_URL").await.unwrap() else {
        return;
    };
    // The only one of them that a session can choose for itself.
    for (value, weak) in [("on", false), ("off", true)] {
        let url = database.url_with("synchronous_commit", value);
        let store = migrated(PostgresOptions::new(url)).await;
        let off = store.weaknesses().await.unwrap();
        assert_eq!(
            off.iter().any(|name| name == "synchronous_commit"),
            weak,
            "{off:?}"
        );
        store.db.connections.close().await;
    }
    database.drop().await.unwrap();
}
