//! Showing long attempts.

use std::time::Duration;

use scheduler_domain::{Epoch, Outcome, State, clock};

use super::Harness;
use super::jobs::{a_job, at, finish, forgotten, get, report, running, submit, submit_all, success, worker};
use crate::{Jobs as _, Maintenance as _, Running};

/// Once; looking after it again changes nothing.
pub async fn a_long_attempt_is_shown_as_running(h: &impl Harness) {
    let store = h.store();
    let job = submit(store, at(0), a_job(1)).await;
    assert_eq!(store.attempts(job.id).await.unwrap(), []);
    assert_eq!(store.mark_running(at(3), vec![running(&job)]).await.unwrap(), []);
    let shown = get(store, job.id).await;
    assert_eq!(
        (shown.state, shown.epoch, shown.attempts, shown.attempts_shown()),
        (State::Running, job.epoch, 0, 1)
    );
    assert_eq!(
        (shown.worker.clone(), shown.started_at),
        (Some(worker(1)), Some(at(1)))
    );
    assert_eq!((shown.updated_at, shown.sequence.0), (at(3), job.sequence.0 + 1));

    let attempts = store.attempts(job.id).await.unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!((attempts[0].number, attempts[0].outcome), (1, Outcome::Running));
    assert_eq!(
        (attempts[0].worker.clone(), attempts[0].finished_at),
        (Some(worker(1)), None)
    );

    let later = Running {
        started_at: clock::add(at(1), Duration::from_secs(9)),
        ..running(&job)
    };
    assert_eq!(
        store
            .mark_running(at(20), vec![later.clone(), later])
            .await
            .unwrap(),
        []
    );
    assert_eq!(get(store, job.id).await, shown);
}

/// Finished, cancelled, gone on to another epoch, or never there.
pub async fn a_lease_that_is_worth_nothing_is_returned(h: &impl Harness) {
    let store = h.store();
    let jobs = submit_all(store, at(0), (0..5).map(a_job).collect()).await;
    finish(store, at(2), report(&jobs[0], success())).await;
    store.cancel(at(2), jobs[1].id).await.unwrap();
    store.hand_out(at(2), vec![forgotten(&jobs[2])]).await.unwrap();
    let mut asked: Vec<Running> = jobs.iter().map(running).collect();
    asked.push(Running {
        epoch: Epoch(2),
        ..running(&jobs[3])
    });
    asked.push(Running {
        id: super::jobs::id(77),
        ..running(&jobs[4])
    });
    let mut worthless = store.mark_running(at(3), asked).await.unwrap();
    worthless.sort_unstable();
    assert_eq!(
        worthless,
        [
            jobs[0].id,
            jobs[1].id,
            jobs[2].id,
            jobs[3].id,
            super::jobs::id(77)
        ]
    );
    for (n, state) in [
        State::Succeeded,
        State::Cancelled,
        State::Queued,
        State::Running,
        State::Running,
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(get(store, jobs[n].id).await.state, *state);
    }
}
