//! The worker over memory backends.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use scheduler_domain::{
    Jitter, JobId, JobOptions, JobSpec, JobType, Outcome, Priority, QueueName, RetryPolicy, State,
    SystemClock, SystemEntropy,
};
use scheduler_engine::upkeep::Promoter;
use scheduler_engine::{Engine, Submission};
use scheduler_queue::{MemoryQueue, Served};
use scheduler_store::{Cancelled, MemoryStore, Submitted};
use scheduler_worker::{JobContext, JobError, Options, Registry, Stop, handlers, run};
use serde_json::Value;
use tokio::task::JoinHandle;

struct World {
    engine: Engine,
    stop: Stop,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(SystemClock);
        let options = scheduler_engine::Options {
            lease: Duration::from_millis(900),
            heartbeat: Duration::from_millis(100),
            ..scheduler_engine::Options::default()
        };
        let queue = Arc::new(MemoryQueue::new(
            clock.clone(),
            Duration::from_secs(30),
            options.lease,
        ));
        let engine = Engine::new(
            Arc::new(MemoryStore::new()),
            queue,
            clock,
            Arc::new(SystemEntropy),
            options,
        );
        let stop = Stop::default();
        tokio::spawn(Promoter::new(engine.clone()).run(stop.abort.clone()));
        Self { engine, stop }
    }

    fn worker(&self, registry: Registry, pool_size: usize, drain_grace: Duration) -> JoinHandle<()> {
        let options = Options {
            instance: "test".to_owned(),
            pool_size,
            served: Served::All,
            drain_grace,
        };
        tokio::spawn(run(self.engine.clone(), registry, options, self.stop.clone()))
    }

    async fn submit(&self, job_type: &str, payload: &str) -> JobId {
        self.submit_with(job_type, payload, |_| {}).await
    }

    async fn submit_with(&self, job_type: &str, payload: &str, change: impl FnOnce(&mut JobSpec)) -> JobId {
        let retry = RetryPolicy {
            initial: Duration::from_millis(1),
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
            Submitted::Created(job) => job.id,
            other => panic!("{other:?}"),
        }
    }

    /// The job when it has reached a final state.
    async fn end(&self, id: JobId) -> scheduler_domain::Job {
        self.until(id, State::is_final).await
    }

    async fn until(&self, id: JobId, wanted: impl Fn(State) -> bool) -> scheduler_domain::Job {
        let mut watch = self.engine.watch(id, None).await;
        let found = async {
            loop {
                let job = watch.next().await.unwrap().expect("the job exists and goes on").0;
                if wanted(job.state) {
                    return job;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), found)
            .await
            .expect("within twenty seconds")
    }
}

#[tokio::test]
async fn a_job_succeeds_and_its_result_is_kept() {
    let world = World::new();
    let registry = Registry::new().function("double", |_job: JobContext, n: i64| async move { Ok(n * 2) });
    world.worker(registry, 2, Duration::ZERO);
    let job = world.end(world.submit("double", "21").await).await;
    assert_eq!(
        (job.state, job.result.as_deref(), job.attempts),
        (State::Succeeded, Some("42"), 1)
    );
}

#[tokio::test]
async fn a_flaky_job_is_retried_and_an_unlucky_one_ends_as_a_dead_letter() {
    let world = World::new();
    world.worker(handlers::stock(), 2, Duration::ZERO);
    let flaky = world.end(world.submit("flaky", r#"{"failures":2}"#).await).await;
    assert_eq!((flaky.state, flaky.attempts), (State::Succeeded, 3));
    let outcomes: Vec<Outcome> = world
        .engine
        .attempts(flaky.id)
        .await
        .unwrap()
        .unwrap()
        .iter()
        .map(|a| a.outcome)
        .collect();
    assert_eq!(outcomes, [Outcome::Failed, Outcome::Failed, Outcome::Succeeded]);

    let dead = world
        .end(world.submit("always_fail", r#"{"message":"no"}"#).await)
        .await;
    assert_eq!((dead.state, dead.attempts), (State::DeadLetter, 3));
    assert_eq!(dead.error.unwrap().message, "no");
}

#[tokio::test]
async fn what_cannot_be_helped_by_trying_again_fails_at_once() {
    let world = World::new();
    let fatal = |_job: JobContext, _: Value| async {
        Err::<(), _>(JobError::fatal("no such account").kind("account"))
    };
    world.worker(handlers::stock().function("fatal", fatal), 2, Duration::ZERO);
    for (job_type, payload, kind) in [
        ("fatal", "{}", "account"),
        ("nobody_knows", "{}", "unknown_type"),
        ("sleep", r#"{"ms":"x"}"#, "invalid_payload"),
    ] {
        let job = world.end(world.submit(job_type, payload).await).await;
        let error = job.error.unwrap();
        assert_eq!(
            (job.state, error.kind.as_str(), error.retryable),
            (State::Failed, kind, false)
        );
    }
}

#[tokio::test]
async fn a_panic_is_a_failure_and_the_worker_lives_on() {
    let world = World::new();
    let panics = |_job: JobContext, boom: bool| async move {
        assert!(!boom, "boom");
        Ok(())
    };
    world.worker(Registry::new().function("panics", panics), 1, Duration::ZERO);
    let job = world
        .end(
            world
                .submit_with("panics", "true", |spec| spec.max_attempts = 1)
                .await,
        )
        .await;
    assert_eq!(
        (job.state, job.error.unwrap().kind.as_str()),
        (State::DeadLetter, "panic")
    );
    assert_eq!(
        world.end(world.submit("panics", "false").await).await.state,
        State::Succeeded
    );
}

#[tokio::test]
async fn an_attempt_that_runs_too_long_times_out() {
    let world = World::new();
    world.worker(handlers::stock(), 1, Duration::ZERO);
    let id = world
        .submit_with("sleep", r#"{"ms":60000}"#, |spec| {
            spec.max_attempts = 1;
            spec.options.timeout = Some(Duration::from_millis(50));
        })
        .await;
    let job = world.end(id).await;
    assert_eq!(
        (job.state, job.error.unwrap().kind.as_str()),
        (State::DeadLetter, "timeout")
    );
}

#[tokio::test]
async fn a_cancel_reaches_the_running_handler() {
    let world = World::new();
    let stopped = Arc::new(AtomicUsize::new(0));
    let waits = {
        let stopped = Arc::clone(&stopped);
        move |job: JobContext, _: Value| {
            let stopped = Arc::clone(&stopped);
            async move {
                job.cancelled().await;
                stopped.fetch_add(1, Ordering::SeqCst);
                Ok(())
            }
        }
    };
    world.worker(Registry::new().function("waits", waits), 1, Duration::ZERO);
    let id = world.submit("waits", "{}").await;
    world.until(id, |state| state == State::Running).await;
    // The worker subscribes as it starts; a hint before that is made good by the poll.
    assert!(matches!(
        world.engine.cancel(id).await.unwrap(),
        Cancelled::Done(_)
    ));
    assert_eq!(world.end(id).await.state, State::Cancelled);
    let told = async {
        while stopped.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), told)
        .await
        .expect("the handler was told");
}

#[tokio::test]
async fn no_more_than_the_pool_runs_at_once_and_everything_runs() {
    let world = World::new();
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let counts = {
        let (now, most) = (Arc::clone(&now), Arc::clone(&most));
        move |_job: JobContext, _: Value| {
            let (now, most) = (Arc::clone(&now), Arc::clone(&most));
            async move {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(2)).await;
                now.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            }
        }
    };
    let mut ids = Vec::new();
    for _ in 0..200 {
        ids.push(world.submit("counts", "{}").await);
    }
    world.worker(Registry::new().function("counts", counts), 4, Duration::ZERO);
    for id in ids {
        assert_eq!(world.end(id).await.state, State::Succeeded);
    }
    assert_eq!(most.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_drain_finishes_what_runs_and_hands_back_what_cannot_finish_without_charging_it() {
    let world = World::new();
    let worker = world.worker(handlers::stock(), 2, Duration::from_millis(500));
    let short = world.submit("sleep", r#"{"ms":200}"#).await;
    let long = world.submit("sleep", r#"{"ms":60000}"#).await;
    world.until(short, |state| state == State::Running).await;
    world.until(long, |state| state == State::Running).await;
    let waiting = world.submit("noop", "{}").await;
    world.stop.drain.cancel();
    tokio::time::timeout(Duration::from_secs(10), worker)
        .await
        .expect("the worker stops")
        .unwrap();

    assert_eq!(
        world.engine.get(short).await.unwrap().unwrap().state,
        State::Succeeded
    );
    let long = world.engine.get(long).await.unwrap().unwrap();
    assert_eq!((long.state, long.attempts, long.crashes), (State::Queued, 0, 0));
    assert_eq!(
        world.engine.attempts(long.id).await.unwrap().unwrap()[0].outcome,
        Outcome::Released
    );
    assert_eq!(
        world.engine.get(waiting).await.unwrap().unwrap().state,
        State::Queued
    );
}
