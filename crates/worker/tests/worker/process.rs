//! Workers in runtimes of their own, as in processes of their own: their threads can be blocked, and all of it can be gone at once.

use std::future::poll_fn;
use std::io::Write as _;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use metrics::with_local_recorder;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use scheduler_domain::{
    Entropy as _, Job, JobId, JobOptions, JobSpec, JobType, Priority, QueueName, SystemClock, SystemEntropy,
};
use scheduler_engine::upkeep::{Promoter, Reaper, Reconciler};
use scheduler_engine::{Engine, Options as EngineOptions, Submission};
use scheduler_queue::{MemoryQueue, RedisOptions, RedisQueue, SharedQueue};
use scheduler_store::{MemoryStore, SharedStore, Submitted};
use scheduler_worker::{Registry, Stop, run};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use crate::world;

/// A lease is short here, for time is that of the clock on the wall.
pub(crate) const LEASE: Duration = Duration::from_millis(1_500);

/// Where all of the processes have their queue.
#[derive(Clone)]
enum Queues {
    Memory(Arc<MemoryQueue>),
    Redis(Box<RedisOptions>),
}

impl Queues {
    /// As a process sees it, from within its runtime.
    fn connect(&self) -> SharedQueue {
        match self {
            Self::Memory(queue) => Arc::clone(queue) as SharedQueue,
            Self::Redis(options) => Arc::new(RedisQueue::connect((**options).clone()).unwrap()),
        }
    }
}

pub(crate) struct Processes {
    store: SharedStore,
    queues: Queues,
    /// Of the process that submits and looks after the queue.
    pub(crate) engine: Engine,
    over: CancellationToken,
}

fn options() -> EngineOptions {
    EngineOptions {
        lease: LEASE,
        heartbeat: LEASE / 5,
        sweep_period: LEASE / 5,
        ..EngineOptions::default()
    }
}

fn engine(store: &SharedStore, queue: SharedQueue) -> Engine {
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    Engine::new(Arc::clone(store), queue, clock, entropy, options())
}

impl Processes {
    /// On a queue in memory.
    pub(crate) fn in_memory() -> Self {
        let queue = MemoryQueue::new(Arc::new(SystemClock), Duration::from_secs(30), LEASE);
        Self::new(Queues::Memory(Arc::new(queue)))
    }

    /// On Redis; `None`, after saying so, where there is none.
    #[expect(clippy::disallowed_methods, reason = "the harness is told by the environment")]
    pub(crate) fn on_redis() -> Option<Self> {
        let Ok(url) = std::env::var("TEST_REDIS_URL") else {
            let _ = writeln!(std::io::stderr(), "SKIPPED: TEST_REDIS_URL is not set");
            return None;
        };
        Some(Self::new(Queues::Redis(Box::new(RedisOptions {
            url,
            sentinel: None,
            ssl_root_cert: None,
            max_connections: 4,
            connect_timeout: Duration::from_secs(5),
            command_timeout: Duration::from_secs(5),
            key_prefix: format!("worker-{}:", SystemEntropy.uuid().simple()),
            aging_step: Duration::from_secs(30),
            lease: LEASE,
        }))))
    }

    fn new(queues: Queues) -> Self {
        let store = Arc::new(MemoryStore::new()) as SharedStore;
        let engine = engine(&store, queues.connect());
        let over = CancellationToken::new();
        tokio::spawn(Promoter::new(engine.clone()).run(over.clone()));
        tokio::spawn(Reaper::new(engine.clone(), "test".to_owned()).run(over.clone()));
        tokio::spawn(Reconciler::new(engine.clone(), "test".to_owned()).run(over.clone()));
        Self {
            store,
            queues,
            engine,
            over,
        }
    }

    /// A worker with `threads` for everything but its heartbeats, until what is returned is gone, and all of it with it.
    pub(crate) fn worker(&self, threads: usize, pool_size: usize, registry: Registry) -> Life {
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads)
            .enable_all()
            .build()
            .unwrap();
        let recorder = PrometheusBuilder::new().build_recorder();
        let metrics = recorder.handle();
        let (store, queues) = (Arc::clone(&self.store), self.queues.clone());
        runtime.spawn(async move {
            let engine = engine(&store, queues.connect());
            let worker = run(engine, registry, world::options(pool_size), Stop::default());
            let mut worker = pin!(worker);
            // The recorder of this process is every test's, and each worker would overwrite the gauges of the others.
            poll_fn(|context| with_local_recorder(&recorder, || worker.as_mut().poll(context))).await;
        });
        Life {
            runtime: Some(runtime),
            metrics,
        }
    }

    pub(crate) async fn submit(&self, job_type: &str, timeout: Duration) -> JobId {
        let spec = JobSpec {
            job_type: JobType::parse(job_type).unwrap(),
            queue: QueueName::default(),
            priority: Priority::Default,
            payload: "{}".to_owned(),
            max_attempts: 3,
            options: JobOptions {
                timeout: Some(timeout),
                ..JobOptions::default()
            },
        };
        let submission = Submission {
            id: None,
            key: None,
            spec,
            trace: None,
        };
        match &self.engine.submit(vec![submission]).await.unwrap()[0] {
            Ok(Submitted::Created(job)) => job.id,
            other => panic!("{other:?}"),
        }
    }

    /// The job when it has reached a final state.
    pub(crate) async fn end(&self, id: JobId) -> Job {
        eventually(async || {
            let job = self.engine.get(id).await.unwrap().unwrap();
            job.state.is_final().then_some(job)
        })
        .await
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.over.cancel();
    }
}

/// A worker process that ends without a word when this is dropped.
pub(crate) struct Life {
    runtime: Option<Runtime>,
    /// What this worker says of itself.
    pub(crate) metrics: PrometheusHandle,
}

impl Drop for Life {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Threads that are blocked are left behind.
            runtime.shutdown_background();
        }
    }
}

/// What `look` finds, as soon as it finds something, within half a minute.
pub(crate) async fn eventually<T>(look: impl AsyncFn() -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), found)
        .await
        .expect("it in time")
}
