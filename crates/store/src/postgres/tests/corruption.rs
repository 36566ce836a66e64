//! A row that cannot be read does no harm to its neighbours.

use scheduler_domain::Shard;

use super::Database;
use crate::conformance::jobs::{a_job, at, id_in, submit_all};
use crate::{Error, Filter, Jobs as _, ListQuery, Maintenance as _};

const BROKEN: [(&str, &str); 6] = [
    ("state", "UPDATE jobs SET state = 99 WHERE id = $1"),
    ("priority", "UPDATE jobs SET priority = 0 WHERE id = $1"),
    (
        "payload",
        "UPDATE jobs SET payload = '\\xff'::BYTEA WHERE id = $1",
    ),
    ("options", "UPDATE jobs SET options = '{' WHERE id = $1"),
    ("error", "UPDATE jobs SET error = '[]' WHERE id = $1"),
    ("attempts", "UPDATE jobs SET attempts = -1 WHERE id = $1"),
];

#[tokio::test]
async fn unreadable_rows_are_named_when_asked_for_and_skipped_in_walks() {
    let Some(database) = Database::start("TEST_DATABASE_URL", "serializable").await else {
        return;
    };
    let store = &database.store;
    let shard = Shard::wrapping(0);
    let new = (0..12)
        .map(|n| scheduler_domain::NewJob {
            id: id_in(shard, n),
            ..a_job(0)
        })
        .collect();
    let jobs = submit_all(store, at(0), new).await;
    let (broken, whole) = jobs.split_at(BROKEN.len());
    for (job, (column, statement)) in broken.iter().zip(BROKEN) {
        sqlx::query(statement)
            .bind(job.id.0)
            .execute(&store.db.connections.pool)
            .await
            .unwrap();
        let answer = store.get(&[job.id]).await;
        let named = matches!(&answer, Err(Error::Corrupt { table: "jobs", column: c, id }) if *c == column && *id == job.id.to_string());
        assert!(named, "{answer:?}");
    }

    let claimed: Vec<_> = jobs.iter().map(|job| (job.id, job.epoch)).collect();
    let mut loaded = store.load(&claimed, usize::MAX).await.unwrap().jobs;
    loaded.sort_by_key(|job| job.id);
    assert_eq!(loaded, whole);

    let query = ListQuery {
        filter: Filter::default(),
        before: None,
        limit: 5,
    };
    let first = store.list(at(1), query.clone()).await.unwrap();
    let second = store
        .list(
            at(1),
            ListQuery {
                before: first.next,
                limit: 100,
                ..query
            },
        )
        .await
        .unwrap();
    let listed: Vec<_> = first
        .jobs
        .into_iter()
        .chain(second.jobs)
        .map(|job| job.id)
        .collect();
    assert_eq!(listed, whole.iter().rev().map(|job| job.id).collect::<Vec<_>>());

    // What `due` reads of these rows is readable but for state and priority. A full page must stay full.
    let due = store.due(shard, None, at(9), 8).await.unwrap();
    let found: Vec<_> = due.iter().map(|due| due.entry.id).collect();
    assert_eq!(found, jobs[2..10].iter().map(|job| job.id).collect::<Vec<_>>());
    database.stop().await;
}
