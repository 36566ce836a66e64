//! While the store takes no reports.

use std::sync::atomic::Ordering;
use std::time::Duration;

use scheduler_domain::State;
use scheduler_worker::handlers;

use crate::world::World;

/// As many as may be on their way, see `runner.rs`, with what may be buffered.
const BOUND: usize = 4_096 + 1_000 + 10;

#[tokio::test(start_paused = true)]
async fn reports_pile_up_to_a_bound_and_none_is_lost() {
    let world = World::new();
    world.store.faults.stuck.store(true, Ordering::SeqCst);
    let ids = world.submit_many(8_000, "noop", "{}").await;
    world.worker(handlers::stock(), 10);
    tokio::time::sleep(Duration::from_secs(20)).await;
    let taken =
        || world.queue.claims.lock().unwrap().iter().sum::<usize>() - *world.queue.released.lock().unwrap();
    let before = taken();
    assert!((4_096..=BOUND).contains(&before), "{before}");
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert_eq!(taken(), before);

    world.store.faults.stuck.store(false, Ordering::SeqCst);
    for id in ids {
        let job = world.end(id).await;
        assert_eq!((job.state, job.attempts, job.crashes), (State::Succeeded, 1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_report_is_given_up_runs_again_although_its_worker_lives() {
    let world = World::new();
    world.store.faults.stuck.store(true, Ordering::SeqCst);
    world.worker(handlers::stock(), 1);
    let id = world.submit("noop", "{}").await;
    tokio::time::sleep(Duration::from_secs(90)).await;
    world.store.faults.stuck.store(false, Ordering::SeqCst);
    let job = world.end(id).await;
    assert_eq!((job.state, job.attempts, job.crashes), (State::Succeeded, 1, 0));
}
