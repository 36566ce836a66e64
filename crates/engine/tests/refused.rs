//! A job that the store refuses, in a batch with jobs of others.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scheduler_domain::{
    Attempt, Clock as _, Entropy as _, Epoch, Job, JobId, JobOptions, JobSpec, JobType, NewJob, Priority,
    QueueName, Shard, SystemClock, SystemEntropy, Timestamp, WorkerId,
};
use scheduler_engine::{Answer, Engine, Error as EngineError, Options, Submission};
use scheduler_queue::{MemoryQueue, Served};
use scheduler_store::{
    Cancelled, Cursor, Deleted, Due, DueCursor, Error, HandOut, HandedOut, Jobs, ListQuery, Loaded,
    Maintenance, MemoryStore, Page, Purged, Redriven, Report, Running, Submitted, Verdict,
};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Refuses batches that hold a job with this payload. As one that writes in several statements, it stores what comes before.
const REFUSED: &str = "\"refused\"";

struct Picky {
    inner: MemoryStore,
    /// Taken by each submit: they pile up while there are none.
    gate: Semaphore,
}

impl Default for Picky {
    fn default() -> Self {
        Self {
            inner: MemoryStore::default(),
            gate: Semaphore::new(0),
        }
    }
}

#[async_trait]
impl Jobs for Picky {
    async fn submit(&self, now: Timestamp, jobs: Vec<NewJob>) -> Result<Vec<Submitted>, Error> {
        let _turn = self.gate.acquire().await.unwrap();
        let Some(bad) = jobs.iter().position(|job| job.spec.payload == REFUSED) else {
            return self.inner.submit(now, jobs).await;
        };
        self.inner.submit(now, jobs[..bad].to_vec()).await?;
        Err(Error::Refused {
            context: "submit",
            source: "not this one".into(),
        })
    }

    async fn get(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, Error> {
        self.inner.get(ids).await
    }

    async fn load(&self, claimed: &[(JobId, Epoch)], most_bytes: usize) -> Result<Loaded, Error> {
        self.inner.load(claimed, most_bytes).await
    }

    async fn finish(&self, now: Timestamp, reports: Vec<Report>) -> Result<Vec<Verdict>, Error> {
        self.inner.finish(now, reports).await
    }

    async fn mark_running(&self, now: Timestamp, running: Vec<Running>) -> Result<Vec<JobId>, Error> {
        self.inner.mark_running(now, running).await
    }

    async fn cancel(&self, now: Timestamp, id: JobId) -> Result<Cancelled, Error> {
        self.inner.cancel(now, id).await
    }

    async fn redrive(&self, now: Timestamp, id: JobId) -> Result<Redriven, Error> {
        self.inner.redrive(now, id).await
    }

    async fn delete(&self, id: JobId) -> Result<Deleted, Error> {
        self.inner.delete(id).await
    }

    async fn list(&self, now: Timestamp, query: ListQuery) -> Result<Page, Error> {
        self.inner.list(now, query).await
    }

    async fn attempts(&self, id: JobId) -> Result<Vec<Attempt>, Error> {
        self.inner.attempts(id).await
    }
}

#[async_trait]
impl Maintenance for Picky {
    async fn due(
        &self,
        shard: Shard,
        after: Option<DueCursor>,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Due>, Error> {
        self.inner.due(shard, after, until, limit).await
    }

    async fn hand_out(&self, now: Timestamp, jobs: Vec<HandOut>) -> Result<Vec<HandedOut>, Error> {
        self.inner.hand_out(now, jobs).await
    }

    async fn purge(
        &self,
        shard: Shard,
        before: Timestamp,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Purged, Error> {
        self.inner.purge(shard, before, after, limit).await
    }

    async fn migrate(&self) -> Result<(), Error> {
        self.inner.migrate().await
    }

    async fn ping(&self) -> Result<(), Error> {
        self.inner.ping().await
    }
}

fn submission(payload: &str, chosen: bool) -> Submission {
    let id = || JobId::generate(SystemClock.now(), random(), Shard::wrapping(0));
    Submission {
        id: chosen.then(id),
        key: None,
        spec: JobSpec {
            job_type: JobType::parse("noop").unwrap(),
            queue: QueueName::default(),
            priority: Priority::Default,
            payload: payload.to_owned(),
            max_attempts: 3,
            options: JobOptions::default(),
        },
        trace: None,
    }
}

fn random() -> [u8; 10] {
    let mut bytes = [0; 10];
    SystemEntropy.fill(&mut bytes);
    bytes
}

#[tokio::test]
async fn a_refused_job_fails_alone_and_those_that_shared_its_batch_are_stored_and_run() {
    let clock = Arc::new(SystemClock);
    let options = Options {
        submit_lanes: 1,
        ..Options::default()
    };
    let queue = MemoryQueue::new(clock.clone(), Duration::from_secs(30), options.lease);
    let store = Arc::new(Picky::default());
    let engine = Engine::new(
        store.clone(),
        Arc::new(queue),
        clock,
        Arc::new(SystemEntropy),
        options,
    );

    let calls = (0..40).map(|n| {
        let refused = n == 7 || n == 23;
        let payload = if refused { REFUSED } else { "{}" };
        // Half of them with ids that clients chose, and each beside another job of the same call.
        let jobs = vec![submission("{}", n % 2 == 0), submission(payload, n % 2 == 0)];
        let engine = engine.clone();
        tokio::spawn(async move { (refused, engine.submit(jobs).await) })
    });
    let calls: Vec<_> = calls.collect();
    // One is being stored; the others wait, and will be one batch.
    tokio::time::sleep(Duration::from_millis(50)).await;
    store.gate.add_permits(1);
    let mut stored = 0;
    for call in calls {
        let (refused, answers) = call.await.unwrap();
        let answers: Vec<Answer> = answers.unwrap();
        assert!(matches!(answers[0], Ok(Submitted::Created(_))), "{answers:?}");
        assert_eq!(
            matches!(answers[1], Ok(Submitted::Created(_))),
            !refused,
            "{answers:?}"
        );
        assert_eq!(answers[1].is_err(), refused);
        stored += answers.iter().filter(|answer| answer.is_ok()).count();
    }
    assert_eq!(stored, 78);

    let session = engine.session(WorkerId::new("w", SystemEntropy.uuid()), Served::All);
    let never = CancellationToken::new();
    let mut taken = 0;
    while taken < stored {
        let next = session.next(100, &never);
        taken += tokio::time::timeout(Duration::from_secs(20), next)
            .await
            .unwrap()
            .len();
    }
}

#[tokio::test]
async fn a_call_of_one_refused_job_is_answered_with_the_refusal() {
    let clock = Arc::new(SystemClock);
    let options = Options::default();
    let queue = MemoryQueue::new(clock.clone(), Duration::from_secs(30), options.lease);
    let store = Arc::new(Picky::default());
    store.gate.add_permits(1);
    let engine = Engine::new(store, Arc::new(queue), clock, Arc::new(SystemEntropy), options);
    let answers = engine.submit(vec![submission(REFUSED, false)]).await.unwrap();
    let error = EngineError::Batch(answers.into_iter().next().unwrap().unwrap_err());
    assert_eq!(error.to_string(), "the store refused a statement: submit");
}
