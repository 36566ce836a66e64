//! Commits whose answer is lost: a proxy passes everything on, until one answer of the database that it swallows
//! together with the connection.

use std::sync::Arc;

use scheduler_domain::{Epoch, Outcome, State};
use sqlx::Row as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, oneshot};

use super::migrated;
use crate::conformance::jobs::{
    a_failure, a_job, at, chosen, finish, get, id, keyed, report, retry, submit, submit_all, success,
};
use crate::postgres::testing::TestDatabase;
use crate::postgres::{PostgresOptions, PostgresStore};
use crate::{Cancelled, Deleted, Jobs as _, Redriven, ReportKind, Submitted, Verdict};

/// The answer to swallow, once.
type Trap = Arc<Mutex<Option<Snare>>>;

struct Snare {
    /// What it says.
    tag: &'static str,
    /// Is told that it was swallowed, and says when the connection is to end, if not at once.
    meanwhile: Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>,
}

struct Lossy {
    store: PostgresStore,
    database: TestDatabase,
    trap: Trap,
}

impl Lossy {
    async fn start() -> Option<Self> {
        let database = TestDatabase::create("TEST_DATABASE_URL").await.unwrap()?;
        migrated(PostgresOptions::new(database.url())).await;
        let (store, trap) = lossy(&database).await;
        Some(Self {
            store,
            database,
            trap,
        })
    }

    /// Swallows the next answer that says `tag`.
    async fn lose(&self, tag: &'static str) {
        set(&self.trap, tag).await;
    }

    /// Swallows the answer to the COMMIT of `work`, which learns that its connection ended when `meanwhile` is over.
    async fn lose_commit<T>(&self, work: impl Future<Output = T>, meanwhile: impl AsyncFnOnce()) -> T {
        let (swallowed, has_swallowed) = oneshot::channel();
        let (end, ends) = oneshot::channel();
        *self.trap.lock().await = Some(Snare {
            tag: "COMMIT",
            meanwhile: Some((swallowed, ends)),
        });
        let others = async {
            has_swallowed.await.unwrap();
            meanwhile().await;
            end.send(()).unwrap();
        };
        tokio::join!(work, others).0
    }

    async fn stop(self) {
        assert!(self.trap.lock().await.is_none(), "nothing fell into the trap");
        self.store.db.connections.close().await;
        self.database.drop().await.unwrap();
    }

    async fn count(&self, statement: &'static str) -> i64 {
        sqlx::query(statement)
            .fetch_one(&self.store.db.connections.pool)
            .await
            .unwrap()
            .get(0)
    }
}

/// A store whose answers pass the trap.
async fn lossy(database: &TestDatabase) -> (PostgresStore, Trap) {
    let server: sqlx::postgres::PgConnectOptions = database.url().parse().unwrap();
    let server = format!("{}:{}", server.get_host(), server.get_port());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = listener.local_addr().unwrap().to_string();
    let url = format!("{}&sslmode=disable", database.url().replacen(&server, &proxy, 1));
    let trap = Trap::default();
    tokio::spawn(serve(listener, server, Arc::clone(&trap)));
    let store = PostgresStore::connect(PostgresOptions::new(url)).await.unwrap();
    (store, trap)
}

/// Swallows the next answer that says `tag`.
async fn set(trap: &Trap, tag: &'static str) {
    *trap.lock().await = Some(Snare { tag, meanwhile: None });
}

async fn serve(listener: TcpListener, server: String, trap: Trap) {
    while let Ok((client, _)) = listener.accept().await {
        let server = TcpStream::connect(&server).await.unwrap();
        tokio::spawn(pass_on(client, server, Arc::clone(&trap)));
    }
}

async fn pass_on(client: TcpStream, server: TcpStream, trap: Trap) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let asking = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    let mut buffer = vec![0; 64 << 10];
    while let Ok(n @ 1..) = from_server.read(&mut buffer).await {
        let says = |snare: &mut Snare| {
            let tag = snare.tag.as_bytes();
            buffer[..n].windows(tag.len()).any(|window| window == tag)
        };
        let caught = trap.lock().await.take_if(says);
        if let Some(snare) = caught {
            if let Some((swallowed, ends)) = snare.meanwhile {
                swallowed.send(()).unwrap();
                ends.await.unwrap();
            }
            break;
        }
        if to_client.write_all(&buffer[..n]).await.is_err() {
            break;
        }
    }
    asking.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_insert_whose_answer_is_lost_is_not_repeated() {
    let Some(h) = Lossy::start().await else { return };
    h.lose("INSERT 0 5").await;
    let created = submit_all(&h.store, at(0), (0..5).map(a_job).collect()).await;
    for job in created {
        assert_eq!(get(&h.store, job.id).await, job);
    }
    assert_eq!(h.count("SELECT count(*) FROM jobs").await, 5);
    h.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyed_submit_whose_answer_is_lost_is_still_the_one_that_created_the_job() {
    let Some(h) = Lossy::start().await else { return };
    for (n, tag) in [(1, "COMMIT"), (2, "INSERT 0 1")] {
        h.lose(tag).await;
        let created = submit(&h.store, at(0), keyed(n, n)).await;
        assert_eq!(get(&h.store, id(n)).await, created);
        let again = h.store.submit(at(1), vec![keyed(9, n)]).await.unwrap();
        assert_eq!(again, [Submitted::Existing(created)]);
    }
    h.lose("COMMIT").await;
    submit(&h.store, at(0), chosen(3)).await;
    assert_eq!(h.count("SELECT count(*) FROM jobs").await, 3);
    assert_eq!(h.count("SELECT count(*) FROM job_keys").await, 2);
    h.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_whose_answer_is_lost_is_accepted_once() {
    let Some(h) = Lossy::start().await else { return };
    let jobs = submit_all(&h.store, at(0), (0..3).map(a_job).collect()).await;
    h.lose("UPDATE 2").await;
    let reports = jobs[..2].iter().map(|job| report(job, success())).collect();
    assert_eq!(
        h.store.finish(at(5), reports).await.unwrap(),
        [Verdict::Accepted; 2]
    );
    for tag in ["COMMIT", "UPDATE 1"] {
        let job = get(&h.store, id(2)).await;
        h.lose(tag).await;
        let waiting = finish(&h.store, at(5), report(&job, retry(at(6)))).await;
        assert_eq!(
            (waiting.attempts, waiting.epoch),
            (job.attempts + 1, job.epoch.next())
        );
    }
    let outcomes: Vec<_> = h
        .store
        .attempts(id(2))
        .await
        .unwrap()
        .iter()
        .map(|a| (a.number, a.outcome))
        .collect();
    assert_eq!(outcomes, [(1, Outcome::Failed), (2, Outcome::Failed)]);
    h.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_a_redrive_and_a_delete_are_told_as_done_when_they_were() {
    let Some(h) = Lossy::start().await else { return };
    let jobs = submit_all(&h.store, at(0), (0..2).map(a_job).collect()).await;
    h.lose("UPDATE 1").await;
    let cancelled = h.store.cancel(at(5), jobs[0].id).await.unwrap();
    assert!(matches!(cancelled, Cancelled::Done(job) if job.state == State::Cancelled));

    finish(
        &h.store,
        at(5),
        report(&jobs[1], ReportKind::Failed { error: a_failure() }),
    )
    .await;
    h.lose("COMMIT").await;
    let redriven = h.store.redrive(at(6), jobs[1].id).await.unwrap();
    assert!(matches!(redriven, Redriven::Done(job) if job.epoch == Epoch(2) && job.state == State::Queued));

    h.lose("COMMIT").await;
    assert_eq!(h.store.delete(jobs[0].id).await.unwrap(), Deleted::Done);
    assert_eq!(h.count("SELECT count(*) FROM jobs").await, 1);
    h.stop().await;
}

/// Redrives a failed job, whose answer is lost; others do `meanwhile` with it before it is asked again.
async fn redriven_while(
    h: &Lossy,
    job: &scheduler_domain::Job,
    meanwhile: impl AsyncFnOnce(&PostgresStore),
) -> Result<Redriven, crate::Error> {
    finish(
        &h.store,
        at(5),
        report(job, ReportKind::Failed { error: a_failure() }),
    )
    .await;
    let others = PostgresStore::connect(PostgresOptions::new(h.database.url()))
        .await
        .unwrap();
    let answer = h
        .lose_commit(h.store.redrive(at(6), job.id), async || meanwhile(&others).await)
        .await;
    others.db.connections.close().await;
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_is_not_refused_because_others_were_at_the_job_before_it_was_asked_again() {
    let Some(h) = Lossy::start().await else { return };
    let jobs = submit_all(&h.store, at(0), (0..4).map(a_job).collect()).await;
    let id = jobs[0].id;
    let answer = redriven_while(&h, &jobs[0], async |others| {
        others.cancel(at(7), id).await.unwrap();
    });
    let answer = answer.await.unwrap();
    assert!(
        matches!(&answer, Redriven::Done(job) if job.epoch == Epoch(2) && job.state == State::Cancelled),
        "{answer:?}"
    );

    // It ran and failed again: to reopen it once more would be to do twice what was asked for once.
    let id = jobs[2].id;
    let answer = redriven_while(&h, &jobs[2], async |others| {
        let reopened = get(others, id).await;
        let failed = ReportKind::Failed { error: a_failure() };
        finish(others, at(8), report(&reopened, failed)).await;
    });
    let answer = answer.await.unwrap();
    assert!(
        matches!(&answer, Redriven::Done(job) if job.epoch == Epoch(2) && job.state == State::Failed),
        "{answer:?}"
    );

    // It is put off since: its time says no more that it was we who reopened it.
    let id = jobs[1].id;
    let answer = redriven_while(&h, &jobs[1], async |others| {
        let reopened = get(others, id).await;
        finish(others, at(8), report(&reopened, retry(at(9)))).await;
    });
    let answer = answer.await.unwrap();
    assert!(
        matches!(&answer, Redriven::Done(job) if job.epoch == Epoch(3) && job.attempts == 1),
        "{answer:?}"
    );

    // It failed again, and others reopened it: nothing in the row says any more that we did, before.
    let id = jobs[3].id;
    let answer = redriven_while(&h, &jobs[3], async |others| {
        let reopened = get(others, id).await;
        let failed = ReportKind::Failed { error: a_failure() };
        finish(others, at(8), report(&reopened, failed)).await;
        others.redrive(at(6), id).await.unwrap();
    });
    let answer = answer.await;
    assert!(
        matches!(answer, Err(crate::Error::Unavailable { .. })),
        "whether it was carried out is not known: {answer:?}"
    );
    h.stop().await;
}

/// Three replicas, asked at once, may cancel in the same microsecond. Each finds the job cancelled when it asks again.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_cancels_at_one_moment_whose_answers_are_lost_one_is_told_that_it_was_the_one() {
    let Some(h) = Lossy::start().await else { return };
    let (other, trap) = lossy(&h.database).await;
    let job = submit(&h.store, at(0), a_job(0)).await;
    h.lose("UPDATE 1").await;
    let first = h.store.cancel(at(5), job.id).await.unwrap();
    set(&trap, "UPDATE 0").await;
    let second = other.cancel(at(5), job.id).await.unwrap();
    assert!(matches!(first, Cancelled::Done(_)), "{first:?}");
    assert!(matches!(second, Cancelled::AlreadyFinal(_)), "{second:?}");
    assert!(trap.lock().await.is_none(), "nothing fell into the trap");
    other.db.connections.close().await;
    h.stop().await;
}
