use std::str::FromStr as _;

use scheduler_domain::{Entropy as _, SystemEntropy};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};

use crate::Settings;
use crate::proxy::{On, Protocol, Proxy, Trouble};

/// A proxy in front of a real PostgreSQL, and a table of its own.
struct Table {
    proxy: Proxy,
    options: PgConnectOptions,
    name: String,
    direct: PgConnection,
}

impl Table {
    async fn make() -> Option<Self> {
        let settings = Settings::read()?;
        let options = PgConnectOptions::from_str(&settings.database).unwrap();
        let address = format!("127.0.0.1:{}", options.get_port()).parse().unwrap();
        let proxy = Proxy::start(address, Protocol::Postgres, 1).await.unwrap();
        let mut direct = PgConnection::connect_with(&options).await.unwrap();
        // Not after the port: the system hands out that of a test which has ended again.
        let name = format!("proxy_{}", SystemEntropy.uuid().simple());
        let create = format!("CREATE TABLE {name} (n INT4)");
        direct.execute(AssertSqlSafe(create)).await.unwrap();
        Some(Self {
            options: options.port(proxy.port()),
            proxy,
            name,
            direct,
        })
    }

    async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        PgConnection::connect_with(&self.options).await
    }

    /// One statement with an argument, so that it is prepared.
    async fn insert(&self, connection: &mut PgConnection) -> Result<(), sqlx::Error> {
        let insert = format!("-- test.insert\nINSERT INTO {} VALUES ($1)", self.name);
        let insert = sqlx::query(AssertSqlSafe(insert)).bind(7);
        insert.execute(connection).await.map(drop)
    }

    async fn rows(&mut self) -> i64 {
        let count = format!("SELECT count(*) FROM {}", self.name);
        sqlx::query_scalar(AssertSqlSafe(count))
            .fetch_one(&mut self.direct)
            .await
            .unwrap()
    }

    fn trouble(&self, on: On, trouble: Trouble) {
        self.proxy.statements().next(on, trouble, 1);
    }
}

fn code(error: &sqlx::Error) -> String {
    let database = error.as_database_error().expect("the database's answer");
    database.code().unwrap_or_default().into_owned()
}

#[tokio::test]
async fn statements_and_transactions_pass() {
    let Some(mut table) = Table::make().await else {
        return;
    };
    let mut connection = table.connect().await.unwrap();
    for _ in 0..3 {
        table.insert(&mut connection).await.unwrap();
    }
    let mut tx = connection.begin().await.unwrap();
    table.insert(&mut tx).await.unwrap();
    drop(tx);
    let mut tx = connection.begin().await.unwrap();
    table.insert(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    connection.close().await.unwrap();
    assert_eq!(table.rows().await, 4);
}

#[tokio::test]
async fn a_statement_whose_reply_is_lost_was_carried_out() {
    let Some(mut table) = Table::make().await else {
        return;
    };
    let mut connection = table.connect().await.unwrap();
    table.trouble(On::Commit, Trouble::LoseReply);
    let lost = table.insert(&mut connection).await.unwrap_err();
    assert!(lost.as_database_error().is_none(), "{lost}");
    assert_eq!(table.rows().await, 1);

    let mut connection = table.connect().await.unwrap();
    table.trouble(On::Commit, Trouble::LoseReply);
    let mut tx = connection.begin().await.unwrap();
    table.insert(&mut tx).await.unwrap();
    let lost = tx.commit().await.unwrap_err();
    assert!(lost.as_database_error().is_none(), "{lost}");
    assert_eq!(table.rows().await, 2);
}

#[tokio::test]
async fn a_statement_that_is_cut_off_before_the_server_was_not_carried_out() {
    let Some(mut table) = Table::make().await else {
        return;
    };
    let mut connection = table.connect().await.unwrap();
    table.trouble(On::Named("test.insert"), Trouble::LoseRequest);
    table.insert(&mut connection).await.unwrap_err();
    assert_eq!(table.rows().await, 0);
    let done = table.proxy.statements().done();
    assert_eq!(done, [(Trouble::LoseRequest, "test.insert".to_owned(), 1)]);
}

#[tokio::test]
async fn an_injected_conflict_leaves_the_connection_usable() {
    let Some(mut table) = Table::make().await else {
        return;
    };
    let mut connection = table.connect().await.unwrap();
    table.trouble(On::Named("test.insert"), Trouble::Refuse("40001"));
    let refused = table.insert(&mut connection).await.unwrap_err();
    assert_eq!(code(&refused), "40001");
    table.insert(&mut connection).await.unwrap();
    assert_eq!(table.rows().await, 1);
}

#[tokio::test]
async fn a_conflict_at_commit_rolls_back() {
    let Some(mut table) = Table::make().await else {
        return;
    };
    let mut connection = table.connect().await.unwrap();
    table.trouble(On::Commit, Trouble::Refuse("40001"));
    let mut tx = connection.begin().await.unwrap();
    table.insert(&mut tx).await.unwrap();
    assert_eq!(code(&tx.commit().await.unwrap_err()), "40001");
    assert_eq!(table.rows().await, 0);
    table.insert(&mut connection).await.unwrap();
    assert_eq!(table.rows().await, 1);
}

#[tokio::test]
async fn an_ambiguous_answer_can_hide_a_success() {
    let Some(mut table) = Table::make().await else {
        return;
    };
    let mut connection = table.connect().await.unwrap();
    table.trouble(On::Commit, Trouble::DenyAfter("40003"));
    assert_eq!(code(&table.insert(&mut connection).await.unwrap_err()), "40003");
    assert_eq!(table.rows().await, 1);
}

#[tokio::test]
async fn a_server_that_shuts_down_says_so_and_closes() {
    let Some(table) = Table::make().await else {
        return;
    };
    let mut connection = table.connect().await.unwrap();
    table.trouble(On::Any, Trouble::Refuse("57P01"));
    assert_eq!(code(&table.insert(&mut connection).await.unwrap_err()), "57P01");
    assert!(table.insert(&mut connection).await.is_err());
    table.trouble(On::Connect, Trouble::Refuse("53300"));
    assert_eq!(code(&table.connect().await.unwrap_err()), "53300");
    table.connect().await.unwrap();
}
