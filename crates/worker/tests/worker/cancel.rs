//! Attempts that are not wanted any more.

use std::sync::atomic::Ordering;
use std::time::Duration;

use scheduler_domain::State;
use scheduler_queue::{Hint, Hints as _, Inspect as _};
use scheduler_store::Cancelled;
use scheduler_worker::{JobContext, JobError, Registry, handlers};
use serde_json::Value;

use crate::world::{Count, World, eventually};

/// Waits to be told to stop, counts that, and says that it succeeded.
fn obedient(told: &Count) -> Registry {
    let told = told.clone();
    Registry::new().function("waits", move |job: JobContext, _: Value| {
        let told = told.clone();
        async move {
            job.cancelled().await;
            told.add();
            Ok(())
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_cancel_reaches_the_running_handler_at_once_and_its_success_is_refused() {
    let world = World::new();
    let told = Count::default();
    world.worker(obedient(&told), 1);
    let id = world.submit("waits", "{}").await;
    world.running(id).await;
    let before = world.elapsed();
    assert!(matches!(
        world.engine.cancel(id).await.unwrap(),
        Cancelled::Done(_)
    ));
    eventually("the handler's end", async || (told.get() == 1).then_some(())).await;
    assert!(world.elapsed() - before < Duration::from_millis(500));
    let job = world.get(id).await;
    assert_eq!((job.state, job.result, job.attempts), (State::Cancelled, None, 0));
}

#[tokio::test(start_paused = true)]
async fn a_cancel_whose_hint_is_lost_is_learnt_from_the_store() {
    let world = World::new();
    world.queue.mute.store(true, Ordering::SeqCst);
    let told = Count::default();
    world.worker(obedient(&told), 1);
    let id = world.submit("waits", "{}").await;
    world.running(id).await;
    let before = world.elapsed();
    world.engine.cancel(id).await.unwrap();
    eventually("the handler's end", async || (told.get() == 1).then_some(())).await;
    assert!(world.elapsed() - before < Duration::from_secs(3));
}

/// The cancel takes its lease away, but a heartbeat that is sent before the worker hears of it makes it again.
#[tokio::test(start_paused = true)]
async fn a_job_cancelled_while_it_waits_for_a_slot_leaves_no_lease_behind() {
    let world = World::new();
    world.worker(handlers::stock(), 1);
    // So that the worker takes more than it can start.
    for _ in 0..50 {
        let id = world.submit("noop", "{}").await;
        world.end(id).await;
    }
    world.submit("sleep", r#"{"ms":80}"#).await;
    let waits = world.submit("noop", "{}").await;
    let leased = async |wanted| {
        eventually("that many leases", async || {
            let sizes = world.queue.sizes().await.unwrap();
            (sizes.leased == wanted).then_some(())
        })
        .await;
    };
    leased(2).await;
    world.queue.mute.store(true, Ordering::SeqCst);
    world.engine.cancel(waits).await.unwrap();
    world.queue.mute.store(false, Ordering::SeqCst);
    world.queue.publish(Hint::Cancelled(waits)).await.unwrap();
    leased(0).await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_does_not_listen_is_dropped_after_the_grace_and_its_slot_is_free() {
    let world = World::new();
    let deaf = |_: JobContext, _: Value| std::future::pending::<Result<(), JobError>>();
    world.worker(handlers::stock().function("deaf", deaf), 1);
    let id = world.submit("deaf", "{}").await;
    world.running(id).await;
    world.engine.cancel(id).await.unwrap();
    let next = world.submit("noop", "{}").await;
    let before = world.elapsed();
    assert_eq!(world.end(next).await.state, State::Succeeded);
    let waited = (world.elapsed() - before).as_secs();
    assert!((4..=6).contains(&waited), "{waited}");
    assert_eq!(world.get(id).await.state, State::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_job_is_not_left_leased_even_if_the_queue_was_not_told() {
    let world = World::new();
    world.queue.mute.store(true, Ordering::SeqCst);
    world.worker(handlers::stock(), 1);
    let id = world.submit("sleep", r#"{"ms":600000}"#).await;
    world.running(id).await;
    world.engine.cancel(id).await.unwrap();
    // Past several heartbeats, which must not make the lease anew.
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(world.queue.leases(&[id]).await.unwrap(), [None]);
}
