//! The row of a job that came alone is read while its entry is claimed.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use scheduler_domain::{Entropy as _, Epoch, JobId, SystemClock, SystemEntropy, WorkerId};
use scheduler_engine::{Engine, Options, Session, Taken};
use scheduler_queue::{Inspect as _, MemoryQueue, Served};
use scheduler_store::testing::{Faults, FaultyStore};
use scheduler_store::{Error, Submitted};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use common::{noop, submission};

/// Sees which rows are read.
#[derive(Default)]
struct Reads {
    queue: OnceLock<Arc<MemoryQueue>>,
    /// For each read, whether its jobs were leased by then.
    leased: Mutex<Vec<bool>>,
    /// So many fail.
    refused: AtomicUsize,
}

#[async_trait]
impl Faults for Reads {
    async fn load(&self, claimed: &[(JobId, Epoch)]) -> Result<(), Error> {
        let ids: Vec<JobId> = claimed.iter().map(|(id, _)| *id).collect();
        let leases = self.queue.get().unwrap().leases(&ids).await.unwrap();
        self.leased
            .lock()
            .unwrap()
            .push(leases.iter().all(Option::is_some));
        let refuse = |left: usize| left.checked_sub(1);
        match self
            .refused
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, refuse)
        {
            Ok(_) => Err(Error::Unavailable {
                context: "load",
                source: "told to fail".into(),
            }),
            Err(_) => Ok(()),
        }
    }
}

struct World {
    store: Arc<FaultyStore<Reads>>,
    engine: Engine,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(SystemClock);
        let options = Options::default();
        let queue = Arc::new(MemoryQueue::new(
            clock.clone(),
            Duration::from_secs(30),
            options.lease,
        ));
        let store = Arc::new(FaultyStore::<Reads>::default());
        store.faults.queue.set(Arc::clone(&queue)).unwrap();
        let engine = Engine::new(store.clone(), queue, clock, Arc::new(SystemEntropy), options);
        Self { store, engine }
    }

    /// A worker that waits for work.
    async fn waits(&self, name: &str) -> JoinHandle<Vec<Taken>> {
        let session: Session = self
            .engine
            .session(WorkerId::new(name, SystemEntropy.uuid()), Served::All);
        let waits = tokio::spawn(async move { session.next(10, &CancellationToken::new()).await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        waits
    }

    async fn submit(&self, jobs: usize) -> Vec<JobId> {
        let jobs = (0..jobs).map(|_| submission(noop())).collect();
        let answers = self.engine.submit(jobs).await.unwrap();
        let created = answers.into_iter().map(|answer| match answer.unwrap() {
            Submitted::Created(job) => job.id,
            other => panic!("{other:?}"),
        });
        created.collect()
    }

    /// Of each read so far, whether it was of leased jobs.
    fn reads(&self) -> Vec<bool> {
        self.store.faults.leased.lock().unwrap().clone()
    }
}

async fn ids(taken: JoinHandle<Vec<Taken>>) -> Vec<JobId> {
    let taken = tokio::time::timeout(Duration::from_secs(20), taken).await;
    taken.unwrap().unwrap().iter().map(|taken| taken.job.id).collect()
}

#[tokio::test]
async fn a_job_that_comes_alone_is_read_once_and_before_its_claim_is_answered() {
    let world = World::new();
    let waits = world.waits("w").await;
    let submitted = world.submit(1).await;
    assert_eq!(ids(waits).await, submitted);
    assert_eq!(world.reads(), [false]);
}

#[tokio::test]
async fn jobs_that_come_together_are_read_at_once_after_their_claim() {
    let world = World::new();
    let waits = world.waits("w").await;
    // A batch goes to one shard, so one claim gets all.
    let mut submitted = world.submit(5).await;
    let mut taken = ids(waits).await;
    submitted.sort_unstable();
    taken.sort_unstable();
    assert_eq!(taken, submitted);
    assert_eq!(world.reads(), [true]);
}

#[tokio::test]
async fn a_row_that_could_not_be_read_ahead_is_read_after_the_claim() {
    let world = World::new();
    world.store.faults.refused.store(1, Ordering::SeqCst);
    let waits = world.waits("w").await;
    let submitted = world.submit(1).await;
    assert_eq!(ids(waits).await, submitted);
    assert_eq!(world.reads(), [false, true]);
}

#[tokio::test]
async fn of_two_who_are_woken_for_one_job_one_gets_it_and_the_other_waits_on_for_the_next() {
    let world = World::new();
    let (one, other) = (world.waits("one").await, world.waits("other").await);
    let mut submitted = world.submit(1).await;
    while !one.is_finished() && !other.is_finished() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(one.is_finished() != other.is_finished());
    submitted.extend(world.submit(1).await);
    let mut taken = [ids(one).await, ids(other).await].concat();
    submitted.sort_unstable();
    taken.sort_unstable();
    assert_eq!(taken, submitted);
}
