//! Engine, upkeep and workers in one process, whose clock follows the runtime's paused time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use scheduler_domain::{
    Clock, Entropy as _, Jitter, Job, JobId, JobOptions, JobSpec, JobType, ManualClock, Outcome, Priority,
    QueueName, RetryPolicy, SeededEntropy, State, Timestamp, WorkerId, clock,
};
use scheduler_engine::upkeep::{Promoter, Reaper, Reconciler};
use scheduler_engine::{Engine, Options as EngineOptions, Session, Submission};
use scheduler_queue::{MemoryQueue, Served};
use scheduler_store::Submitted;
use scheduler_worker::{Options, Registry, Stop, run};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::faulty::{FaultyQueue, FaultyStore};

/// The runtime's time, as a clock.
#[derive(Debug)]
struct RuntimeClock {
    epoch: Timestamp,
    begun: Instant,
}

impl Clock for RuntimeClock {
    fn now(&self) -> Timestamp {
        clock::add(self.epoch, self.begun.elapsed())
    }
}

/// Of a worker with so many slots and a grace of ten seconds.
pub(crate) fn options(pool_size: usize) -> Options {
    Options {
        instance: "test".to_owned(),
        pool_size,
        claim_batch: 1_000,
        served: Served::All,
        busy: tokio::sync::watch::Sender::new(0),
        drain_grace: Duration::from_secs(10),
    }
}

pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) store: Arc<FaultyStore>,
    pub(crate) queue: Arc<FaultyQueue>,
    pub(crate) stop: Stop,
    begun: Instant,
    names: SeededEntropy,
}

impl World {
    pub(crate) fn new() -> Self {
        let begun = Instant::now();
        let clock = Arc::new(RuntimeClock {
            epoch: ManualClock::default().now(),
            begun,
        });
        let options = EngineOptions::default();
        let memory = MemoryQueue::new(clock.clone(), Duration::from_secs(30), options.lease);
        let queue = Arc::new(FaultyQueue::new(Arc::new(memory)));
        let store = Arc::new(FaultyStore::default());
        let entropy = Arc::new(SeededEntropy::new(7));
        let engine = Engine::new(store.clone(), queue.clone(), clock, entropy, options);
        let upkeep = Stop::default().drain;
        tokio::spawn(Promoter::new(engine.clone()).run(upkeep.clone()));
        tokio::spawn(Reaper::new(engine.clone(), "test".to_owned()).run(upkeep.clone()));
        tokio::spawn(Reconciler::new(engine.clone(), "test".to_owned()).run(upkeep));
        Self {
            engine,
            store,
            queue,
            stop: Stop::default(),
            begun,
            names: SeededEntropy::new(8),
        }
    }

    /// Since the beginning.
    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Starts a worker that stops with the world's `stop`, after a grace of ten seconds.
    pub(crate) fn worker(&self, registry: Registry, pool_size: usize) -> JoinHandle<()> {
        tokio::spawn(run(
            self.engine.clone(),
            registry,
            options(pool_size),
            self.stop.clone(),
        ))
    }

    /// Another worker, in the hands of the test.
    pub(crate) fn session(&self) -> Session {
        self.engine
            .session(WorkerId::new("other", self.names.uuid()), Served::All)
    }

    pub(crate) async fn submit(&self, job_type: &str, payload: &str) -> JobId {
        self.submit_with(job_type, payload, |_| {}).await
    }

    pub(crate) async fn submit_many(&self, count: usize, job_type: &str, payload: &str) -> Vec<JobId> {
        let mut ids = Vec::new();
        for _ in 0..count {
            ids.push(self.submit(job_type, payload).await);
        }
        ids
    }

    pub(crate) async fn submit_with(
        &self,
        job_type: &str,
        payload: &str,
        change: impl FnOnce(&mut JobSpec),
    ) -> JobId {
        let retry = RetryPolicy {
            jitter: Jitter::None,
            ..RetryPolicy::default()
        };
        let mut spec = JobSpec {
            job_type: JobType::parse(job_type).unwrap(),
            queue: QueueName::default(),
            priority: Priority::Default,
            payload: payload.to_owned(),
            max_attempts: 3,
            options: JobOptions {
                retry: Some(retry),
                ..JobOptions::default()
            },
        };
        change(&mut spec);
        let submitted = self
            .engine
            .submit(vec![Submission {
                id: None,
                key: None,
                spec,
                trace: None,
            }])
            .await
            .unwrap();
        match &submitted[0] {
            Ok(Submitted::Created(job)) => job.id,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn get(&self, id: JobId) -> Job {
        self.engine.get(id).await.unwrap().unwrap()
    }

    pub(crate) async fn outcomes(&self, id: JobId) -> Vec<Outcome> {
        self.engine
            .attempts(id)
            .await
            .unwrap()
            .unwrap()
            .iter()
            .map(|attempt| attempt.outcome)
            .collect()
    }

    /// The job when it has reached a final state.
    pub(crate) async fn end(&self, id: JobId) -> Job {
        self.until(id, State::is_final).await
    }

    /// The job when it is in a state that is `wanted`, within two hours.
    pub(crate) async fn until(&self, id: JobId, wanted: impl Fn(State) -> bool) -> Job {
        eventually("the state wanted", async || {
            let job = self.get(id).await;
            wanted(job.state).then_some(job)
        })
        .await
    }

    pub(crate) async fn running(&self, id: JobId) {
        self.until(id, |state| state == State::Running).await;
    }
}

/// What `look` finds, as soon as it finds something, within two hours.
pub(crate) async fn eventually<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let found = async {
        let mut pause = Duration::from_millis(5);
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 5 / 4).min(Duration::from_millis(200));
        }
    };
    tokio::time::timeout(Duration::from_secs(7_200), found)
        .await
        .unwrap_or_else(|_| panic!("{what} never came"))
}

/// Counts from within handlers.
#[derive(Clone, Default)]
pub(crate) struct Count(Arc<AtomicUsize>);

impl Count {
    pub(crate) fn add(&self) -> usize {
        self.0.fetch_add(1, Ordering::SeqCst) + 1
    }

    pub(crate) fn sub(&self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }

    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}
