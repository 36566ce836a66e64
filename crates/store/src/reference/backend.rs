//! A store under test, and the comparison.

use scheduler_domain::{Epoch, JobId, Sequence};
use tokio::runtime::Runtime;

use super::life::{Answer, Life, Lived, Told};
use super::step::{Cause, Ending, JOBS, Step};
use crate::conformance::jobs::{a_failure, at, chosen, id, key, keyed, success, worker};
use crate::postgres::testing::TestDatabase;
use crate::{
    Cancelled, Deleted, HandOut, HandOutCause, HandedOut, Maintenance as _, MemoryStore, PostgresOptions,
    PostgresStore, Redriven, Report, ReportKind, Running, Store, Submitted, Verdict,
};

/// Where histories run.
pub(super) trait Backend: Sized {
    type Store: Store;

    /// An empty store; `None` where this machine has not what it needs.
    async fn start() -> Option<Self>;
    fn store(&self) -> &Self::Store;
    async fn stop(self);
}

pub(super) struct Memory(MemoryStore);

impl Backend for Memory {
    type Store = MemoryStore;

    async fn start() -> Option<Self> {
        Some(Self(MemoryStore::new()))
    }

    fn store(&self) -> &MemoryStore {
        &self.0
    }

    async fn stop(self) {}
}

pub(super) struct Postgres(PostgresStore, TestDatabase);

impl Backend for Postgres {
    type Store = PostgresStore;

    async fn start() -> Option<Self> {
        let database = TestDatabase::create("TEST_DATABASE_URL").await.unwrap()?;
        let store = PostgresStore::connect(PostgresOptions::new(database.url().to_owned()))
            .await
            .unwrap();
        store.migrate().await.unwrap();
        Some(Self(store, database))
    }

    fn store(&self) -> &PostgresStore {
        &self.0
    }

    async fn stop(self) {
        drop(self.0);
        self.1.drop().await.unwrap();
    }
}

/// A backend, and what its calls run on.
pub(super) struct Tested<B> {
    runtime: Runtime,
    backend: Option<B>,
}

impl<B: Backend> Tested<B> {
    pub(super) fn start() -> Self {
        let runtime = Runtime::new().unwrap();
        let backend = runtime.block_on(B::start());
        Self { runtime, backend }
    }

    pub(super) fn stop(self) {
        if let Some(backend) = self.backend {
            self.runtime.block_on(backend.stop());
        }
    }

    /// Takes `step`, and compares with `life`, which has taken it.
    pub(super) fn apply(&self, life: &Life, step: Step) {
        let Some(backend) = &self.backend else { return };
        let store = backend.store();
        self.runtime.block_on(async {
            assert_eq!(take(store, life, step).await, life.answer, "the answer");
            for n in 0..JOBS {
                compare(store, n, life.jobs.get(&n)).await;
            }
        });
    }
}

async fn take(store: &impl Store, life: &Life, step: Step) -> Answer {
    let now = at(life.now);
    match step {
        Step::Submit {
            job,
            chosen: is_chosen,
            key: k,
            body,
            delay,
        } => {
            let mut new = match (is_chosen, k) {
                (false, Some(k)) => keyed(job, k),
                _ => chosen(job),
            };
            (new.chosen, new.key) = (is_chosen, k.map(key));
            new.spec.payload = format!("[{body}]");
            new.spec.options.run_at = (delay > 0).then(|| at(delay));
            match store.submit(now, vec![new]).await.unwrap().remove(0) {
                Submitted::Created(_) => Answer::Created,
                Submitted::Existing(existing) => Answer::Existing(number(existing.id)),
                Submitted::Conflict { existing, .. } => Answer::Conflict(number(existing.id)),
            }
        }
        Step::MarkRunning { job, worker: w, .. } => {
            let running = Running {
                id: id(job),
                epoch: Epoch(life.asked),
                worker: worker(w),
                started_at: now,
            };
            match store.mark_running(now, vec![running]).await.unwrap().as_slice() {
                [] => Answer::Kept,
                _ => Answer::Lost,
            }
        }
        Step::Finish {
            job,
            worker: w,
            verdict,
            ..
        } => report(store, life, job, (life.asked, w, life.now, verdict)).await,
        Step::FinishAgain { job } => match life.again {
            Some(again) => report(store, life, job, again).await,
            None => Answer::Nothing,
        },
        Step::HandOut { job, cause, .. } => {
            let cause = match cause {
                Cause::Forgotten => HandOutCause::Forgotten,
                Cause::LeaseExpired { budget } => HandOutCause::LeaseExpired {
                    worker: worker(1),
                    since: now,
                    budget,
                },
                Cause::Released => HandOutCause::Released {
                    worker: worker(1),
                    since: now,
                },
            };
            let wish = HandOut {
                id: id(job),
                epoch: Epoch(life.asked),
                cause,
            };
            match store.hand_out(now, vec![wish]).await.unwrap().as_slice() {
                [] => Answer::Nothing,
                [HandedOut::Again { entry, .. }] => {
                    assert_eq!(
                        entry.epoch,
                        Epoch(life.asked).next(),
                        "the entry has the raised epoch"
                    );
                    Answer::HandedOut
                }
                [HandedOut::DeadLettered(_)] => Answer::DeadLettered,
                more => panic!("one wish, {} jobs", more.len()),
            }
        }
        Step::Cancel { job } => match store.cancel(now, id(job)).await.unwrap() {
            Cancelled::Done(_) => Answer::Done,
            Cancelled::AlreadyFinal(_) => Answer::Refused,
            Cancelled::NotFound => Answer::NotFound,
        },
        Step::Redrive { job } => match store.redrive(now, id(job)).await.unwrap() {
            Redriven::Done(_) => Answer::Done,
            Redriven::Refused(_) => Answer::Refused,
            Redriven::NotFound => Answer::NotFound,
        },
        Step::Delete { job } => match store.delete(id(job)).await.unwrap() {
            Deleted::Done => Answer::Done,
            Deleted::Refused(_) => Answer::Refused,
            Deleted::NotFound => Answer::NotFound,
        },
        Step::Advance { .. } => Answer::Nothing,
    }
}

async fn report(store: &impl Store, life: &Life, job: u64, told: Told) -> Answer {
    let (epoch, w, started, ending) = told;
    let verdict = match ending {
        Ending::Succeeded => success(),
        Ending::Retry { delay } => ReportKind::Retry {
            at: at(life.now + delay),
            error: a_failure(),
        },
        Ending::Failed => ReportKind::Failed { error: a_failure() },
        Ending::DeadLetter => ReportKind::DeadLetter { error: a_failure() },
    };
    let report = Report {
        id: id(job),
        epoch: Epoch(epoch),
        worker: worker(w),
        started_at: at(started),
        verdict,
    };
    match store.finish(at(life.now), vec![report]).await.unwrap().as_slice() {
        [Verdict::Accepted] => Answer::Accepted,
        [Verdict::Fenced] => Answer::Fenced,
        more => panic!("one report, {} verdicts", more.len()),
    }
}

/// Which of the histories' jobs this is.
fn number(known: JobId) -> u64 {
    (0..JOBS).find(|n| id(*n) == known).unwrap()
}

/// Row and history, field by field.
async fn compare(store: &impl Store, n: u64, expected: Option<&Lived>) {
    let found = store.get(&[id(n)]).await.unwrap().remove(0);
    let attempts = store.attempts(id(n)).await.unwrap();
    let Some(expected) = expected else {
        assert_eq!(found, None, "job {n} is gone");
        assert!(attempts.is_empty(), "with its history");
        return;
    };
    let job = found.unwrap_or_else(|| panic!("job {n} is lost"));
    assert_eq!(job.state, expected.state, "state of job {n}");
    assert_eq!(job.epoch, Epoch(expected.epoch), "epoch of job {n}");
    assert_eq!(
        (job.attempts, job.crashes),
        (expected.attempts, expected.crashes),
        "charges of job {n}"
    );
    assert_eq!(job.sequence, Sequence(expected.sequence), "sequence of job {n}");
    assert_eq!(job.created_at, at(expected.created_at), "birth of job {n}");
    assert_eq!(job.run_at, at(expected.run_at), "next run of job {n}");
    assert_eq!(job.finished_at, expected.finished_at.map(at), "end of job {n}");
    let holder = job.worker.zip(job.started_at);
    assert_eq!(
        holder,
        expected.holder.map(|(w, since)| (worker(w), at(since))),
        "holder of job {n}"
    );
    assert_eq!(job.error.is_some(), expected.failed, "error of job {n}");
    assert_eq!(job.result.is_some(), expected.result, "result of job {n}");
    let told: Vec<_> = attempts
        .iter()
        .map(|a| (a.epoch.0, a.number, a.outcome))
        .collect();
    let mut history = expected.history.clone();
    history.extend(expected.current());
    assert_eq!(told, history, "attempts of job {n}");
}
