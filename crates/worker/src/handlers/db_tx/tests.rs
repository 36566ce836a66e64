//! The handler: what it refuses by itself, and what PostgreSQL makes of the rest.

use scheduler_store::postgres::testing::TestDatabase;
use serde_json::{Value, json};

use super::*;
use crate::error::Then;
use crate::{Registry, testing};

fn configured(url: Option<&str>) -> Registry {
    let statements = BTreeMap::from([("touch".to_owned(), "SELECT $1".to_owned())]);
    let config = config::DbTx {
        url: url.map(Into::into),
        statements,
    };
    Registry::new().handler(DbTx::new(&config).unwrap())
}

#[tokio::test]
async fn it_is_off_until_it_has_a_database_of_its_own() {
    let error = testing::first_attempt(&configured(None), "db_tx", &json!({"statement": "touch"}))
        .await
        .unwrap_err();
    assert_eq!((error.kind.as_str(), error.then), ("not_configured", Then::Stop));
}

#[tokio::test]
async fn only_statements_of_the_configuration_run() {
    let registry = configured(Some("postgres://nobody@127.0.0.1:1/none"));
    let payload = json!({"statement": "DROP TABLE jobs"});
    let error = testing::first_attempt(&registry, "db_tx", &payload)
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind.as_str(), error.then),
        ("unknown_statement", Then::Stop)
    );
    assert!(error.message.contains("touch"));
}

#[tokio::test(start_paused = true)]
async fn a_database_that_is_down_is_worth_another_try() {
    let registry = configured(Some("postgres://nobody@127.0.0.1:1/none"));
    let payload = json!({"statement": "touch", "params": ["x"]});
    let error = testing::first_attempt(&registry, "db_tx", &payload)
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind.as_str(), error.then),
        ("database", Then::Retry),
        "{error}"
    );
}

#[test]
fn what_is_wrong_with_the_statement_is_final_and_conflicts_are_not() {
    for code in ["22P02", "23505", "42601", "42501", "08P01"] {
        assert!(is_final(code), "{code}");
    }
    for code in ["40001", "40P01", "53300", "57014", "08006", "XX000", ""] {
        assert!(!is_final(code), "{code}");
    }
}

#[test]
fn a_url_that_cannot_be_read_is_found_at_the_start() {
    let config = config::DbTx {
        url: Some("postgres://[::1/x".into()),
        ..config::DbTx::default()
    };
    assert!(DbTx::new(&config).is_err());
}

/// With a table of all kinds of columns, in a schema of its own.
async fn with_table(database: &TestDatabase) -> Registry {
    let statements = [
        (
            "insert",
            "INSERT INTO things (key, count, price, done, note) VALUES ($1::uuid, $2, $3, $4, $5)",
        ),
        ("touch", "UPDATE things SET count = count + $1"),
        ("count", "SELECT 1 FROM things WHERE count IS NULL AND note = $1"),
        ("two", "DELETE FROM things; DELETE FROM things"),
        ("typo", "DELET FROM things"),
    ];
    let pool = PgPool::connect(database.url()).await.unwrap();
    let columns = "key UUID PRIMARY KEY, count INT4 CHECK (count > 0), price NUMERIC, done BOOL, note TEXT";
    let create = AssertSqlSafe(format!("CREATE TABLE things ({columns})"));
    sqlx::query(create).execute(&pool).await.unwrap();
    pool.close().await;
    let config = config::DbTx {
        url: Some(database.url().into()),
        statements: statements
            .map(|(name, sql)| (name.to_owned(), sql.to_owned()))
            .into(),
    };
    Registry::new().handler(DbTx::new(&config).unwrap())
}

async fn run(registry: &Registry, statement: &str, params: Value) -> Result<String, (String, Then)> {
    let payload = json!({"statement": statement, "params": params});
    match testing::first_attempt(registry, "db_tx", &payload).await {
        Ok(done) => Ok(done.unwrap()),
        Err(error) => Err((error.kind, error.then)),
    }
}

#[tokio::test]
async fn values_reach_columns_of_every_kind_and_what_the_database_refuses_is_final() {
    let Some(database) = TestDatabase::create("TEST_DATABASE_URL").await.unwrap() else {
        return;
    };
    let registry = with_table(&database).await;
    let rows = |n: u32| Ok(format!(r#"{{"rows_affected":{n}}}"#));
    let refused = || Err(("database".to_owned(), Then::Stop));
    let (first, second) = (
        "6f1b9cde-0000-4000-8000-000000000001",
        "6f1b9cde-0000-4000-8000-000000000002",
    );

    let hostile = "x'); DROP TABLE things; --";
    assert_eq!(
        run(&registry, "insert", json!([first, 1, 1.5, true, hostile])).await,
        rows(1)
    );
    assert_eq!(
        run(&registry, "insert", json!([second, null, null, null, hostile])).await,
        rows(1)
    );
    assert_eq!(run(&registry, "count", json!([hostile])).await, rows(1));
    assert_eq!(run(&registry, "touch", json!([2])).await, rows(2));

    assert_eq!(
        run(&registry, "insert", json!([first, 1, 1, true, "again"])).await,
        refused(),
        "the key is taken"
    );
    assert_eq!(
        run(&registry, "touch", json!([-100])).await,
        refused(),
        "the check fails"
    );
    assert_eq!(
        run(&registry, "insert", json!(["x", 1, 1, true, ""])).await,
        refused(),
        "that is no key"
    );
    assert_eq!(
        run(&registry, "touch", json!([])).await,
        refused(),
        "that is one value too few"
    );
    assert_eq!(
        run(&registry, "two", json!([])).await,
        refused(),
        "one statement is one transaction"
    );
    assert_eq!(run(&registry, "typo", json!([])).await, refused());
    database.drop().await.unwrap();
}
