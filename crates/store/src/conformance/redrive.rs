//! Reopening failed jobs.

use scheduler_domain::{Epoch, Outcome, State};

use super::jobs::{
    a_failure, a_job, at, chosen, finish, get, id, lease_expired, report, retry, submit, success, worker,
};
use super::{Harness, concurrently};
use crate::{Jobs as _, Maintenance as _, Redriven, Report, ReportKind, Verdict};

/// And late reports on what was before are fenced.
pub async fn a_failed_job_starts_afresh_and_keeps_its_history(h: &impl Harness) {
    let store = h.store();
    let job = submit(store, at(0), a_job(1)).await;
    let waiting = finish(store, at(5), report(&job, retry(at(6)))).await;
    let failed = finish(
        store,
        at(9),
        report(&waiting, ReportKind::Failed { error: a_failure() }),
    )
    .await;
    let Redriven::Done(again) = store.redrive(at(20), job.id).await.unwrap() else {
        panic!("not redriven")
    };
    assert_eq!((again.state, again.epoch), (State::Queued, failed.epoch.next()));
    assert_eq!(
        (again.attempts, again.crashes, again.run_at, again.updated_at),
        (0, 0, at(20), at(20))
    );
    assert_eq!(
        (again.started_at, again.finished_at, &again.worker),
        (None, None, &None)
    );
    assert_eq!(
        again.error,
        Some(a_failure()),
        "the latest failure stays until another attempt ends"
    );
    assert_eq!(get(store, job.id).await, again);

    let late = Report {
        worker: worker(9),
        ..report(&failed, success())
    };
    assert_eq!(store.finish(at(21), vec![late]).await.unwrap(), [Verdict::Fenced]);
    finish(store, at(30), report(&again, success())).await;
    let attempts = store.attempts(job.id).await.unwrap();
    let told: Vec<_> = attempts
        .iter()
        .map(|a| (a.epoch.0, a.number, a.outcome))
        .collect();
    assert_eq!(
        told,
        [
            (1, 1, Outcome::Failed),
            (2, 2, Outcome::Failed),
            (3, 1, Outcome::Succeeded)
        ]
    );
    assert_eq!(attempts[1].error, Some(a_failure()));
}

/// After a crash too much.
pub async fn a_dead_job_gets_its_crashes_back(h: &impl Harness) {
    let store = h.store();
    submit(store, at(0), a_job(1)).await;
    store
        .hand_out(at(5), vec![lease_expired(id(1), Epoch(1), 1)])
        .await
        .unwrap();
    assert_eq!(get(store, id(1)).await.state, State::DeadLetter);
    let Redriven::Done(again) = store.redrive(at(20), id(1)).await.unwrap() else {
        panic!("not redriven")
    };
    assert_eq!((again.state, again.crashes), (State::Queued, 0));
    let outcomes: Vec<_> = store
        .attempts(id(1))
        .await
        .unwrap()
        .iter()
        .map(|a| a.outcome)
        .collect();
    assert_eq!(outcomes, [Outcome::Lost], "told once");
}

/// Not open ones, not cancelled ones, not those that succeeded.
pub async fn only_failed_jobs_are_redriven(h: &impl Harness) {
    let store = h.store();
    let open = submit(store, at(0), a_job(1)).await;
    let job = submit(store, at(0), a_job(2)).await;
    let done = finish(store, at(5), report(&job, success())).await;
    submit(store, at(0), a_job(3)).await;
    store.cancel(at(5), id(3)).await.unwrap();
    let cancelled = get(store, id(3)).await;
    for job in [open, done, cancelled] {
        assert_eq!(
            store.redrive(at(9), job.id).await.unwrap(),
            Redriven::Refused(job.clone())
        );
        assert_eq!(get(store, job.id).await, job);
    }
    assert_eq!(store.redrive(at(9), id(4)).await.unwrap(), Redriven::NotFound);
}

/// The others find it open.
pub async fn of_many_redrives_at_once_one_wins(h: &impl Harness) {
    let store = h.store();
    let job = submit(store, at(0), chosen(1)).await;
    finish(
        store,
        at(5),
        report(&job, ReportKind::DeadLetter { error: a_failure() }),
    )
    .await;
    let answers = concurrently(16, |_| store.redrive(at(9), job.id)).await;
    let won = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(Redriven::Done(_))))
        .count();
    let refused = answers
        .iter()
        .filter(|answer| matches!(answer, Ok(Redriven::Refused(_))))
        .count();
    assert_eq!((won, refused), (1, 15));
    assert_eq!(get(store, job.id).await.epoch, Epoch(2));
}
