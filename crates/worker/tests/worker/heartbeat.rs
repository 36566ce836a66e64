//! Leases: renewed, lost, and what a worker does while it cannot know.

use std::sync::atomic::Ordering;
use std::time::Duration;

use scheduler_domain::State;
use scheduler_store::{Report, ReportKind, Verdict};
use scheduler_worker::{JobContext, JobError, Registry, handlers};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::world::{Count, World, eventually};

#[tokio::test(start_paused = true)]
async fn a_long_attempt_keeps_its_lease() {
    let world = World::new();
    world.worker(handlers::stock(), 1);
    let id = world.submit("sleep", r#"{"ms":600000}"#).await;
    let job = world.end(id).await;
    assert_eq!((job.state, job.attempts, job.crashes), (State::Succeeded, 1, 0));
    assert_eq!(world.elapsed().as_secs(), 600);
}

#[tokio::test(start_paused = true)]
async fn a_handler_whose_job_was_handed_out_elsewhere_is_told_to_stop_and_charges_nothing() {
    let world = World::new();
    let (began, told) = (Count::default(), Count::default());
    let waits = {
        let (began, told) = (began.clone(), told.clone());
        move |job: JobContext, _: Value| {
            let (began, told) = (began.clone(), told.clone());
            async move {
                began.add();
                job.cancelled().await;
                told.add();
                Err::<(), _>(JobError::cancelled())
            }
        }
    };
    world.worker(Registry::new().function("waits", waits), 1);
    let id = world.submit("waits", "{}").await;
    eventually("the first attempt", async || (began.get() == 1).then_some(())).await;

    // Its heartbeats do not arrive, so the reaper hands the job out again, and another worker takes it.
    world.queue.deaf.store(true, Ordering::SeqCst);
    let other = world.session();
    let taken = other.next(1, &CancellationToken::new()).await.remove(0);
    assert_eq!((taken.job.id, taken.job.crashes), (id, 1));
    world.queue.deaf.store(false, Ordering::SeqCst);
    eventually("the end of the first attempt", async || {
        (told.get() == 1).then_some(())
    })
    .await;

    let report = Report {
        id,
        epoch: taken.job.epoch,
        worker: other.worker().clone(),
        started_at: taken.claimed_at,
        verdict: ReportKind::Succeeded { result: None },
    };
    assert_eq!(
        other.finish(report, taken.entry).await.unwrap(),
        Verdict::Accepted
    );
    let job = world.end(id).await;
    assert_eq!((job.state, job.attempts), (State::Succeeded, 1));
}

#[tokio::test(start_paused = true)]
async fn a_heartbeat_that_says_a_lease_is_lost_is_enough_to_stop_the_handler() {
    let world = World::new();
    let told = Count::default();
    let waits = {
        let told = told.clone();
        move |job: JobContext, _: Value| {
            let told = told.clone();
            async move {
                job.cancelled().await;
                told.add();
                Err::<(), _>(JobError::cancelled())
            }
        }
    };
    world.worker(Registry::new().function("waits", waits), 1);
    let id = world.submit("waits", "{}").await;
    world.running(id).await;
    let before = world.elapsed();
    world.queue.lost.lock().unwrap().push(id);
    eventually("the end of the attempt", async || (told.get() == 1).then_some(())).await;
    assert!(world.elapsed() - before <= world.engine.options().heartbeat + Duration::from_secs(1));
    assert_eq!(world.get(id).await.attempts, 0, "a lost lease charges nothing");
}

#[tokio::test(start_paused = true)]
async fn a_worker_whose_heartbeats_fail_takes_nothing_until_they_arrive_again() {
    let world = World::new();
    world.worker(handlers::stock(), 2);
    world.end(world.submit("noop", "{}").await).await;

    world.queue.deaf.store(true, Ordering::SeqCst);
    // It cannot know yet that its leases end: work goes on.
    tokio::time::sleep(Duration::from_secs(5)).await;
    world.end(world.submit("noop", "{}").await).await;
    tokio::time::sleep(Duration::from_secs(12)).await;
    let claims = world.queue.claims.lock().unwrap().len();
    let late = world.submit("noop", "{}").await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(world.get(late).await.state, State::Queued);
    assert_eq!(world.queue.claims.lock().unwrap().len(), claims);

    world.queue.deaf.store(false, Ordering::SeqCst);
    let before = world.elapsed();
    assert_eq!(world.end(late).await.state, State::Succeeded);
    assert!(world.elapsed() - before <= world.engine.options().heartbeat + Duration::from_secs(1));
}
