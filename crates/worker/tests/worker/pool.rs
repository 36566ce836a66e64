//! How many jobs run, and how many are taken.

use std::time::Duration;

use scheduler_domain::State;
use scheduler_worker::{JobContext, Registry, handlers};
use serde_json::Value;

use crate::world::{Count, World, eventually};

#[tokio::test(start_paused = true)]
async fn no_more_than_the_pool_runs_at_once_and_everything_runs() {
    let world = World::new();
    let (now, most) = (Count::default(), Count::default());
    let counts = {
        let (now, most) = (now.clone(), most.clone());
        move |_: JobContext, _: Value| {
            let (now, most) = (now.clone(), most.clone());
            async move {
                if now.add() > most.get() {
                    most.add();
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
                now.sub();
                Ok(())
            }
        }
    };
    let ids = world.submit_many(400, "counts", "{}").await;
    world.worker(Registry::new().function("counts", counts), 4);
    for id in ids {
        assert_eq!(world.end(id).await.state, State::Succeeded);
    }
    assert_eq!(most.get(), 4);
}

#[tokio::test(start_paused = true)]
async fn short_jobs_are_taken_by_the_hundred_and_long_ones_only_as_slots_are_free() {
    let world = World::new();
    let short = world.submit_many(3_000, "noop", "{}").await;
    let worker = world.worker(handlers::stock(), 10);
    for id in short {
        world.end(id).await;
    }
    let most = world.queue.claims.lock().unwrap().iter().copied().max();
    assert!(most >= Some(100), "{most:?}");
    world.stop.drain.cancel();
    worker.await.unwrap();

    let world = World::new();
    world.submit_many(100, "sleep", r#"{"ms":5000}"#).await;
    world.worker(handlers::stock(), 10);
    tokio::time::sleep(Duration::from_secs(4)).await;
    let taken: usize = world.queue.claims.lock().unwrap().iter().sum();
    assert_eq!(taken, 10);
}

/// After many short jobs a worker buffers many; if those turn out to be long, others must get them.
#[tokio::test(start_paused = true)]
async fn a_long_job_never_hides_others() {
    let world = World::new();
    let first = world.worker(handlers::stock(), 1);
    for id in world.submit_many(500, "noop", "{}").await {
        world.end(id).await;
    }
    let before = world.elapsed();
    let long = world.submit("sleep", r#"{"ms":600000}"#).await;
    let short = world.submit_many(50, "noop", "{}").await;
    world.running(long).await;
    world.worker(handlers::stock(), 1);
    for id in short {
        let job = world.end(id).await;
        assert_eq!((job.state, job.attempts, job.crashes), (State::Succeeded, 1, 0));
    }
    let took = world.elapsed() - before;
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(world.get(long).await.state, State::Running);
    first.abort();
}

#[tokio::test(start_paused = true)]
async fn a_worker_alone_comes_back_for_what_it_gave_back() {
    let world = World::new();
    world.worker(handlers::stock(), 2);
    for id in world.submit_many(500, "noop", "{}").await {
        world.end(id).await;
    }
    let mixed: Vec<_> = {
        let mut ids = world.submit_many(30, "sleep", r#"{"ms":3000}"#).await;
        ids.extend(world.submit_many(30, "noop", "{}").await);
        ids
    };
    for id in mixed {
        let job = world.end(id).await;
        assert_eq!((job.state, job.attempts, job.crashes), (State::Succeeded, 1, 0));
    }
    assert!(*world.queue.released.lock().unwrap() > 0, "some waited too long");
    assert!(world.elapsed() < Duration::from_secs(50), "{:?}", world.elapsed());
}

#[tokio::test(start_paused = true)]
async fn the_load_says_what_runs_and_for_how_long_and_remembers_it_of_a_worker_that_has_left() {
    let world = World::new();
    let worker = world.worker(handlers::stock(), 2);
    let ids = world.submit_many(3, "sleep", r#"{"ms":2000}"#).await;
    let overview = async || world.engine.overview().await.unwrap();
    eventually("two that run", async || {
        (overview().await.running == Some(2)).then_some(())
    })
    .await;
    for id in ids {
        world.end(id).await;
    }
    eventually("none that runs", async || {
        (overview().await.running == Some(0)).then_some(())
    })
    .await;
    let signal = world.engine.signal(Duration::ZERO).await.unwrap();
    assert_eq!((signal.workers, signal.pool_size), (1, Some(2.0)));
    let sleep = &signal.lines[0].types[0];
    assert_eq!(sleep.0.as_ref().unwrap().as_str(), "sleep");
    let mean = sleep.1.mean_run.unwrap().as_secs_f64();
    assert!((1.99..2.1).contains(&mean), "{mean}");
    world.stop.drain.cancel();
    worker.await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    let signal = world.engine.signal(Duration::ZERO).await.unwrap();
    let mean = signal.lines[0].figures.mean_run.unwrap().as_secs_f64();
    assert!((1.99..2.1).contains(&mean), "{mean}");
    assert_eq!((signal.running(), signal.pool_size), (0, Some(2.0)));
}
