//! Handlers that block the threads they run on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use scheduler_domain::State;
use scheduler_worker::{JobContext, JobError, Registry};
use serde_json::Value;

use crate::process::{LEASE, Processes, eventually};
use crate::world::Count;

const LONG: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_outlive_a_runtime_that_is_blocked_for_longer_than_they_last() {
    let Some(processes) = Processes::on_redis() else {
        return;
    };
    let (began, blocks) = (Count::default(), Count::default());
    let waits = {
        let began = began.clone();
        move |_: JobContext, _: Value| {
            began.add();
            async {
                tokio::time::sleep(LEASE).await;
                Ok::<(), JobError>(())
            }
        }
    };
    let blocking = {
        let blocks = blocks.clone();
        move |_: JobContext, _: Value| {
            let blocks = blocks.clone();
            async move {
                blocks.add();
                std::thread::sleep(LEASE * 4);
                Ok::<(), JobError>(())
            }
        }
    };
    let registry = Registry::new()
        .function("waits", waits)
        .function("blocks", blocking);
    let _worker = processes.worker(1, 4, registry);
    let neighbour = processes.submit("waits", LONG).await;
    eventually(async || (began.get() == 1).then_some(())).await;
    let blocking = processes.submit("blocks", LONG).await;
    for id in [neighbour, blocking] {
        let job = processes.end(id).await;
        assert_eq!((job.state, job.crashes), (State::Succeeded, 0));
    }
    assert_eq!((began.get(), blocks.get()), (1, 1), "each ran once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_blocks_one_thread_leaves_the_other_to_its_neighbours() {
    let Some(processes) = Processes::on_redis() else {
        return;
    };
    let (free, began) = (Count::default(), Count::default());
    let blocks = {
        let (free, began) = (free.clone(), began.clone());
        move |_: JobContext, _: Value| {
            let (free, began) = (free.clone(), began.clone());
            async move {
                let round = began.add();
                while free.get() < round {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Ok::<(), JobError>(())
            }
        }
    };
    let registry = Registry::new()
        .function("blocks", blocks)
        .function("quick", async |_: JobContext, _: Value| Ok::<(), JobError>(()));
    let _worker = processes.worker(2, 4, registry);
    // Whether it blocks the thread that waits for everything is a matter of chance.
    for round in 1..=10 {
        let blocking = processes.submit("blocks", LONG).await;
        eventually(async || (began.get() == round).then_some(())).await;
        let neighbour = processes.submit("quick", LONG).await;
        assert_eq!(processes.end(neighbour).await.state, State::Succeeded);
        assert_eq!(
            processes.engine.get(blocking).await.unwrap().unwrap().state,
            State::Running
        );
        free.add();
        assert_eq!(processes.end(blocking).await.state, State::Succeeded);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_blocks_for_ever_loses_its_job_and_its_worker_says_so() {
    let Some(processes) = Processes::on_redis() else {
        return;
    };
    let (free, began) = (Arc::new(AtomicBool::new(false)), Count::default());
    let stuck = {
        let (free, began) = (Arc::clone(&free), began.clone());
        move |_: JobContext, _: Value| {
            let (free, began) = (Arc::clone(&free), began.clone());
            async move {
                if began.add() == 1 {
                    while !free.load(Ordering::SeqCst) {
                        std::thread::sleep(Duration::from_millis(10));
                    }
                }
                Ok::<(), JobError>(())
            }
        }
    };
    let registry = || Registry::new().function("stuck", stuck.clone());
    let first = processes.worker(2, 2, registry());
    let id = processes.submit("stuck", Duration::from_millis(200)).await;
    eventually(async || (began.get() == 1).then_some(())).await;
    let _second = processes.worker(2, 2, registry());
    // Whoever takes it runs it to its end.
    let job = processes.end(id).await;
    assert_eq!((job.state, job.crashes), (State::Succeeded, 1));
    let first_says =
        async |line| eventually(async || first.metrics.render().contains(line).then_some(())).await;
    first_says("worker_stuck_attempts 1").await;
    free.store(true, Ordering::SeqCst);
    // Its success came too late, and changes nothing.
    first_says("worker_stuck_attempts 0").await;
    drop(first);
    assert_eq!(processes.end(id).await.crashes, 1);
}
