//! How the reconciler walks a large backlog, over a store in which each page takes its time.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use scheduler_domain::{
    Clock as _, Entropy as _, JobId, JobOptions, JobSpec, ManualClock, SeededEntropy, Shard, clock,
};
use scheduler_engine::upkeep::Reconciler;
use scheduler_engine::{Engine, Options, Submission};
use scheduler_queue::{Inspect as _, MemoryQueue};
use scheduler_store::Error;
use scheduler_store::testing::{Faults, FaultyStore};
use tokio_util::sync::{CancellationToken, DropGuard};

use common::{noop, submission};

/// What a page takes.
const TAKES: Duration = Duration::from_millis(5);
/// Jobs of each shard: nine pages.
const JOBS: usize = 8_500;

/// A store whose pages take their time.
#[derive(Default)]
struct Slow {
    pages: AtomicU32,
}

#[async_trait]
impl Faults for Slow {
    async fn due(&self, _shard: Shard) -> Result<(), Error> {
        self.pages.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(TAKES).await;
        Ok(())
    }
}

struct World {
    store: Arc<FaultyStore<Slow>>,
    queue: Arc<MemoryQueue>,
    clock: Arc<ManualClock>,
    engine: Engine,
    _stop: DropGuard,
}

impl World {
    /// A backlog in every shard, a reconciler that has begun to walk it, and time that passes by itself.
    async fn with_backlog() -> Self {
        let clock = Arc::new(ManualClock::default());
        let options = Options {
            sweep_period: Duration::from_secs(1),
            ..Options::default()
        };
        let queue = Arc::new(MemoryQueue::new(
            clock.clone(),
            Duration::from_secs(30),
            options.lease,
        ));
        let store = Arc::new(FaultyStore::<Slow>::default());
        let entropy = Arc::new(SeededEntropy::new(7));
        let engine = Engine::new(store.clone(), queue.clone(), clock.clone(), entropy, options);
        for shard in Shard::all() {
            let entropy = SeededEntropy::new(u64::from(shard.byte()));
            let jobs = (0..JOBS).map(|_| {
                let mut random = [0; 10];
                entropy.fill(&mut random);
                Submission {
                    id: Some(JobId::generate(clock.now(), random, shard)),
                    ..submission(noop())
                }
            });
            engine.submit(jobs.collect()).await.unwrap();
        }
        clock.advance(Duration::from_secs(10));
        let stop = CancellationToken::new();
        let reconciler = Reconciler::new(engine.clone(), "test".to_owned());
        tokio::spawn(reconciler.run(stop.clone()));
        let world = Self {
            store,
            queue,
            clock,
            engine,
            _stop: stop.drop_guard(),
        };
        world.pass(world.engine.options().heartbeat * 2).await;
        world
    }

    async fn pass(&self, time: Duration) {
        const STEP: Duration = Duration::from_millis(50);
        for _ in 0..time.as_millis() / STEP.as_millis() {
            tokio::time::sleep(STEP).await;
            self.clock.advance(STEP);
        }
    }

    fn pages(&self) -> u32 {
        self.store.faults.pages.load(Ordering::Relaxed)
    }

    async fn waiting(&self) -> u64 {
        self.queue
            .depths()
            .await
            .unwrap()
            .iter()
            .map(|depth| depth.ready)
            .sum()
    }
}

#[tokio::test(start_paused = true)]
async fn a_backlog_of_which_nothing_is_missing_is_walked_in_a_twentieth_of_the_time() {
    let world = World::with_backlog().await;
    let before = world.pages();
    let time = Duration::from_secs(20);
    world.pass(time).await;
    let walked = world.pages() - before;
    // Beside the walk, each shard looks once a second at what has come into the look-ahead window.
    let beside = 8 * 20;
    let most = u32::try_from(time.as_millis() / TAKES.as_millis()).unwrap() / 20;
    assert!(walked <= most + beside, "{walked} pages");
    assert!(walked > most / 2 + beside, "it is walked: {walked} pages");
}

#[tokio::test(start_paused = true)]
async fn a_backlog_that_was_lost_is_found_without_a_rest() {
    let world = World::with_backlog().await;
    world.queue.lose_everything();
    // A tick, two heartbeats, and 72 pages of 5 ms.
    world
        .pass(Duration::from_secs(1) + Duration::from_secs(6) + Duration::from_millis(500))
        .await;
    assert_eq!(world.waiting().await, 8 * JOBS as u64);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_comes_into_the_window_is_loaded_while_a_backlog_is_walked() {
    let world = World::with_backlog().await;
    let lookahead = world.engine.options().lookahead;
    let run_at = clock::add(world.clock.now(), lookahead * 2);
    let options = JobOptions {
        run_at: Some(run_at),
        ..JobOptions::default()
    };
    let answers = world
        .engine
        .submit(vec![submission(JobSpec { options, ..noop() })])
        .await;
    assert!(answers.unwrap()[0].is_ok());
    let delayed = || async { world.queue.sizes().await.unwrap().delayed };
    assert_eq!(delayed().await, 0, "it is far ahead");
    world.pass(lookahead + Duration::from_millis(1_500)).await;
    assert_eq!(delayed().await, 1);
}
