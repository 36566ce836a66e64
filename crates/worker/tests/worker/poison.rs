//! Jobs that take the process of their worker with them.

use std::sync::Arc;
use std::time::Duration;

use scheduler_domain::State;
use scheduler_worker::{JobContext, JobError, Registry};
use serde_json::Value;
use tokio::sync::Notify;

use crate::process::Processes;

const LONG: Duration = Duration::from_secs(60);
/// Neighbours, taken at the same time as the job that kills.
const NEIGHBOURS: usize = 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_kills_its_worker_each_time_is_dead_in_the_end_and_its_neighbours_are_not() {
    let processes = Processes::in_memory();
    let killed = Arc::new(Notify::new());
    let registry = || {
        let killed = Arc::clone(&killed);
        let kills = move |_: JobContext, _: Value| {
            killed.notify_one();
            std::future::pending::<Result<(), JobError>>()
        };
        let short = |_: JobContext, _: Value| async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok::<(), JobError>(())
        };
        Registry::new().function("kills", kills).function("short", short)
    };
    let poison = processes.submit("kills", LONG).await;
    let mut neighbours = Vec::new();
    for _ in 0..NEIGHBOURS {
        neighbours.push(processes.submit("short", LONG).await);
    }
    let budget = processes.engine.options().crash_budget;
    for _ in 0..budget {
        // All of its slots are taken at once, so whatever is due begins together.
        let worker = processes.worker(2, NEIGHBOURS * 2, registry());
        tokio::time::timeout(LONG, killed.notified())
            .await
            .expect("it again");
        drop(worker);
    }
    let job = processes.end(poison).await;
    assert_eq!((job.state, job.crashes), (State::DeadLetter, budget));
    assert_eq!(job.error.unwrap().kind, "lost_lease");

    let _last = processes.worker(2, NEIGHBOURS, registry());
    let mut charged = 0;
    for id in neighbours {
        let job = processes.end(id).await;
        assert_eq!(job.state, State::Succeeded, "{} crashes", job.crashes);
        charged = charged.max(job.crashes);
    }
    // Twice they were handed out together with it; from then on each had a time of its own.
    assert!(charged < budget, "{charged} of {budget}");
}
