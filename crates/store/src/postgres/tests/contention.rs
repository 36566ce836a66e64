//! Batches that others keep in the way.

use scheduler_domain::{Job, Progress};
use sqlx::Executor as _;

use super::Database;
use crate::conformance::jobs::{at, keyed, lease_expired, report, retry, running, success};
use crate::{Jobs as _, Maintenance as _, Note, Submitted, Verdict};

/// Most rows that a statement on `jobs` may write here. A larger one meets a conflict in each of its tries, as under
/// `serializable` one does that always lasts longer than it takes others to commit.
const MOST: usize = 6;
const BATCH: u64 = 50;

/// A database in which large statements lose.
async fn start() -> Option<Database> {
    let database = Database::start("TEST_DATABASE_URL", "serializable").await?;
    let refuse = format!(
        "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF (SELECT count(*) FROM written) > {MOST} THEN
                 RAISE EXCEPTION 'others were faster' USING ERRCODE = '40001';
             END IF;
             RETURN NULL;
         END $$;
         CREATE TRIGGER lose_updates AFTER UPDATE ON jobs REFERENCING NEW TABLE AS written
             FOR EACH STATEMENT EXECUTE FUNCTION lose();
         CREATE TRIGGER lose_inserts AFTER INSERT ON jobs REFERENCING NEW TABLE AS written
             FOR EACH STATEMENT EXECUTE FUNCTION lose()"
    );
    let mut connection = database.store.db.connections.pool.acquire().await.unwrap();
    connection.execute(sqlx::AssertSqlSafe(refuse)).await.unwrap();
    Some(database)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_that_loses_as_a_whole_is_done_in_parts() {
    let Some(database) = start().await else {
        return;
    };
    let store = &database.store;
    let new = (0..BATCH).map(|n| keyed(n, n)).collect();
    let jobs: Vec<_> = store
        .submit(at(0), new)
        .await
        .unwrap()
        .into_iter()
        .map(|answer| match answer {
            Submitted::Created(job) => job,
            other => panic!("{other:?}"),
        })
        .collect();
    let ids: Vec<_> = jobs.iter().map(|job| job.id).collect();
    assert_eq!(
        ids,
        (0..BATCH).map(|n| keyed(n, n).id).collect::<Vec<_>>(),
        "each answer in its place"
    );

    let all_run = jobs.iter().map(running).collect();
    assert_eq!(
        store.mark_running(at(1), all_run).await.unwrap(),
        [],
        "no lease is lost"
    );
    let note = |job: &Job| Note {
        id: job.id,
        epoch: job.epoch,
        progress: Progress::default(),
    };
    store.note(jobs.iter().map(note).collect()).await.unwrap();

    let (lost, ended) = jobs.split_at(jobs.len() / 2);
    let lost = lost.iter().map(|job| lease_expired(job.id, job.epoch, 9));
    assert_eq!(store.hand_out(at(2), lost.collect()).await.unwrap().len(), 25);
    let reports = ended.iter().enumerate().map(|(n, job)| {
        let verdict = if n % 2 == 0 { success() } else { retry(at(9)) };
        report(job, verdict)
    });
    let verdicts = store.finish(at(2), reports.collect()).await.unwrap();
    assert_eq!(verdicts, [Verdict::Accepted; 25]);
    database.stop().await;
}
