//! Leaving.

use std::time::Duration;

use scheduler_domain::{Epoch, JobId, Outcome, State};
use scheduler_worker::{JobContext, JobError, Registry, handlers};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::world::{Count, World};

/// The time that a worker takes to stop, which has to be less than a minute.
async fn stops(world: &World, worker: JoinHandle<()>) -> Duration {
    let before = world.elapsed();
    tokio::time::timeout(Duration::from_secs(60), worker)
        .await
        .expect("the worker stops")
        .unwrap();
    world.elapsed() - before
}

async fn was_handed_back(world: &World, id: JobId) {
    let job = world.get(id).await;
    assert_eq!((job.state, job.attempts, job.crashes), (State::Queued, 0, 0));
    assert_eq!(world.outcomes(id).await, [Outcome::Released]);
    let other = world.session();
    let never = tokio_util::sync::CancellationToken::new();
    let taken = tokio::time::timeout(Duration::from_secs(1), other.next(1, &never))
        .await
        .expect("ready at once");
    assert_eq!(taken[0].job.id, id);
}

#[tokio::test(start_paused = true)]
async fn an_idle_worker_stops_at_once() {
    let world = World::new();
    let worker = world.worker(handlers::stock(), 10);
    tokio::time::sleep(Duration::from_secs(1)).await;
    world.stop.drain.cancel();
    assert!(stops(&world, worker).await < Duration::from_millis(200));
    let workers = scheduler_queue::Inspect::sizes(&*world.queue)
        .await
        .unwrap()
        .workers;
    assert_eq!(workers, 0, "it is off the list");
}

#[tokio::test(start_paused = true)]
async fn what_can_finish_within_the_grace_does_and_nothing_more_is_taken() {
    let world = World::new();
    let worker = world.worker(handlers::stock(), 1);
    let running = world.submit("sleep", r#"{"ms":5000}"#).await;
    world.running(running).await;
    world.stop.drain.cancel();
    let late = world.submit("noop", "{}").await;
    assert!(stops(&world, worker).await.as_secs() < 6);
    assert_eq!(world.get(running).await.state, State::Succeeded);
    assert_eq!(world.get(late).await.state, State::Queued);
}

#[tokio::test(start_paused = true)]
async fn what_waits_in_the_buffer_goes_back_as_it_came() {
    let world = World::new();
    let worker = world.worker(handlers::stock(), 1);
    for id in world.submit_many(300, "noop", "{}").await {
        world.end(id).await;
    }
    // Taken together: one runs, the others wait behind it.
    let ids = world.submit_many(20, "sleep", r#"{"ms":3000}"#).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(*world.queue.released.lock().unwrap(), 0);
    world.stop.drain.cancel();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let released = *world.queue.released.lock().unwrap();
    assert!(released > 0);
    stops(&world, worker).await;
    assert_eq!(
        *world.queue.released.lock().unwrap(),
        released,
        "each goes back once"
    );

    let mut ended = 0;
    for id in ids {
        let job = world.get(id).await;
        if job.state == State::Succeeded {
            ended += 1;
            continue;
        }
        assert_eq!((job.state, job.attempts, job.crashes), (State::Queued, 0, 0));
        assert_eq!(
            job.epoch,
            Epoch::FIRST,
            "it never began, so nothing has to be fenced"
        );
        assert!(world.outcomes(id).await.is_empty());
    }
    assert_eq!(ended, 1);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_finish_within_the_grace_is_handed_back_uncharged() {
    let world = World::new();
    let worker = world.worker(handlers::stock(), 2);
    let long = world.submit("sleep", r#"{"ms":600000}"#).await;
    world.running(long).await;
    world.stop.drain.cancel();
    let took = stops(&world, worker).await;
    assert!((10..12).contains(&took.as_secs()), "{took:?}");
    was_handed_back(&world, long).await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_does_not_listen_is_dropped_and_cannot_hold_the_worker_back() {
    struct Gone(Count);
    impl Drop for Gone {
        fn drop(&mut self) {
            self.0.add();
        }
    }
    let world = World::new();
    let dropped = Count::default();
    let deaf = {
        let dropped = dropped.clone();
        move |_: JobContext, _: Value| {
            let gone = Gone(dropped.clone());
            async move {
                let _gone = gone;
                std::future::pending::<Result<(), JobError>>().await
            }
        }
    };
    let worker = world.worker(Registry::new().function("deaf", deaf), 1);
    let id = world.submit("deaf", "{}").await;
    world.running(id).await;
    world.stop.drain.cancel();
    let took = stops(&world, worker).await;
    assert!((10..13).contains(&took.as_secs()), "{took:?}");
    assert_eq!(dropped.get(), 1, "it is gone before its job is handed back");
    was_handed_back(&world, id).await;
}

#[tokio::test(start_paused = true)]
async fn what_finishes_when_it_is_told_to_leave_is_recorded() {
    let world = World::new();
    let saves = |job: JobContext, _: Value| async move {
        job.cancelled().await;
        Ok("saved")
    };
    let worker = world.worker(Registry::new().function("saves", saves), 1);
    let id = world.submit("saves", "{}").await;
    world.running(id).await;
    world.stop.drain.cancel();
    stops(&world, worker).await;
    let job = world.get(id).await;
    assert_eq!(
        (job.state, job.result.as_deref()),
        (State::Succeeded, Some(r#""saved""#))
    );
}

#[tokio::test(start_paused = true)]
async fn the_second_signal_hands_everything_back_at_once() {
    let world = World::new();
    let worker = world.worker(handlers::stock(), 1);
    let long = world.submit("sleep", r#"{"ms":600000}"#).await;
    world.running(long).await;
    world.stop.drain.cancel();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!worker.is_finished());
    world.stop.abort.cancel();
    let took = stops(&world, worker).await;
    assert!(took < Duration::from_secs(2), "{took:?}");
    was_handed_back(&world, long).await;
}
