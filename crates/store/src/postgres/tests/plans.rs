//! Statements find their rows by the index that was made for them, on a large table with little that is open, on one where
//! everything is, and on a small one: a plan is kept while the table grows.

use sqlx::{AssertSqlSafe, Executor as _, PgConnection, Row as _};

use super::Database;
use crate::postgres::{
    attempts, calls, cancel, delete, due, finish, get, hand_out, list, load, mark_running, note, purge,
    redrive, row, submit,
};

/// Statements by the index that they must use.
const PLANS: [(&str, &[&str]); 6] = [
    (
        "jobs_pkey",
        &[
            calls::CALLS,
            cancel::CANCEL,
            delete::DELETE,
            delete::STATE,
            finish::FINISH,
            finish::RECORDED,
            get::GET,
            hand_out::causes::FORGOTTEN,
            hand_out::causes::LEASE_EXPIRED,
            hand_out::causes::RELEASED,
            load::LOAD,
            mark_running::MARK_RUNNING,
            mark_running::STILL_OPEN,
            note::NOTE,
            purge::PURGE,
            redrive::REDRIVE,
        ],
    ),
    ("jobs_open", &[due::DUE]),
    ("jobs_listed", &[list::scan::SCAN, purge::OLDEST]),
    ("jobs_failed", &[list::scan::SCAN_FAILED]),
    (
        "job_keys_pkey",
        &[submit::keyed::READ_KEYS, submit::keyed::DROP_KEYS],
    ),
    ("job_attempts_pkey", &[attempts::ATTEMPTS, attempts::FORGET]),
];

#[tokio::test]
async fn statements_use_the_index_that_was_made_for_them() {
    let Some(database) = Database::start("TEST_DATABASE_URL", "serializable").await else {
        return;
    };
    let mut connection = database.store.db.connections.pool.acquire().await.unwrap();
    for (jobs, open_of_1000) in [
        (120_000, 1),
        (120_000, 1_000),
        (1_000, 1_000),
        (60, 1_000),
        (60, 1),
        (20, 1_000),
        (8, 1_000),
        (8, 1),
        (1, 1),
        (0, 1),
    ] {
        fill(&mut connection, jobs, open_of_1000).await;
        for (index, statements) in PLANS {
            for statement in statements {
                let sizes: &[_] = if statement.contains("unnest(") {
                    &[None, Some(1), Some(row::MOST_FOUND)]
                } else {
                    &[None]
                };
                for rows in sizes.iter().copied() {
                    let plan = plan(&mut connection, statement, rows).await;
                    let used =
                        plan.contains(&format!("using {index} ")) || plan.contains(&format!("on {index} "));
                    let strays = ["jobs_pkey", "jobs_open", "jobs_listed", "jobs_failed"]
                        .iter()
                        .any(|other| *other != index && plan.contains(&format!("{other} ")));
                    let right = used && !strays && !plan.contains("Seq Scan");
                    assert!(
                        right,
                        "{jobs} jobs, {open_of_1000} of 1000 open, {rows:?} rows, not by {index}:\n{statement}\n{plan}"
                    );
                }
            }
        }
    }
    drop(connection);
    database.stop().await;
}

/// So many jobs, of each thousand so many open, with statistics.
async fn fill(connection: &mut PgConnection, jobs: i32, open_of_1000: i32) {
    for statement in [
        "TRUNCATE jobs, job_keys, job_attempts".to_owned(),
        format!(
            "INSERT INTO jobs (shard, id, type, queue, priority, state, max_attempts, run_at, payload, created_at,
                updated_at, finished_at, epoch, attempts, crashes, sequence)
             SELECT n % 8, md5(n::TEXT)::UUID, 'noop', 'default', 3,
                CASE WHEN n % 1000 < {open_of_1000} THEN 1 WHEN n % 97 = 0 THEN 4 ELSE 3 END, 3,
                TIMESTAMPTZ '2026-01-01' + n * INTERVAL '1 ms', '{{}}', TIMESTAMPTZ '2026-01-01' + n * INTERVAL '1 ms',
                TIMESTAMPTZ '2026-01-01', CASE WHEN n % 1000 < {open_of_1000} THEN NULL ELSE TIMESTAMPTZ '2026-01-02' END,
                1, 0, 0, 1
             FROM generate_series(1, {jobs}) AS n"
        ),
        format!("INSERT INTO job_keys SELECT n % 8, md5(n::TEXT)::UUID, md5(n::TEXT)::UUID FROM generate_series(1, {jobs}) AS n"),
        format!(
            "INSERT INTO job_attempts (shard, id, epoch, number, outcome)
             SELECT n % 8, md5(n::TEXT)::UUID, 1, 1, 3 FROM generate_series(1, {jobs}) AS n"
        ),
        "ANALYZE".to_owned(),
    ] {
        connection.execute(AssertSqlSafe(statement)).await.unwrap();
    }
}

/// How PostgreSQL would run `statement`: for arrays of so many rows, or prepared for all.
async fn plan(connection: &mut PgConnection, statement: &'static str, rows: Option<usize>) -> String {
    let mode = if rows.is_some() {
        "force_custom_plan"
    } else {
        "force_generic_plan"
    };
    let arguments: Vec<String> = (1..).map_while(|n| argument(statement, n, rows)).collect();
    for step in [
        format!("SET plan_cache_mode = {mode}"),
        format!("PREPARE p AS {statement}"),
    ] {
        connection.execute(AssertSqlSafe(step)).await.unwrap();
    }
    let explain = format!("EXPLAIN EXECUTE p({})", arguments.join(", "));
    let lines = sqlx::raw_sql(AssertSqlSafe(explain))
        .fetch_all(&mut *connection)
        .await
        .unwrap();
    connection.execute("DEALLOCATE p").await.unwrap();
    lines.iter().map(|line| line.get::<String, _>(0) + "\n").collect()
}

/// Something that the `n`-th parameter takes; none when there is no such parameter.
fn argument(statement: &str, n: usize, rows: Option<usize>) -> Option<String> {
    let is_other = |after: &&str| after.starts_with(|c: char| c.is_ascii_digit());
    let after = statement
        .split(&format!("${n}"))
        .skip(1)
        .find(|after| !is_other(after))?;
    let Some(rows) = rows else {
        return Some("NULL".to_owned());
    };
    let kind: String = after
        .chars()
        .skip(2)
        .take_while(char::is_ascii_alphanumeric)
        .collect();
    let elements: Vec<String> = match kind.as_str() {
        "UUID" => (0..rows)
            .map(|n| uuid::Uuid::from_u64_pair(n as u64, 7).to_string())
            .collect(),
        "TIMESTAMPTZ" => vec!["2026-01-01".to_owned(); rows],
        _ => vec!["1".to_owned(); rows],
    };
    let is_array = after.starts_with(&format!("::{kind}[]"));
    // What is no array, in a statement over arrays, is the time.
    Some(if is_array {
        format!("'{{{}}}'", elements.join(","))
    } else {
        "'2026-01-01'".to_owned()
    })
}
