//! Cancelling.

use scheduler_domain::{Outcome, State};

use super::jobs::{a_job, at, chosen, finish, get, id, report, retry, running, submit, success};
use super::{Harness, concurrently};
use crate::{Cancelled, Jobs as _, Verdict};

/// Queued, scheduled, waiting for a retry, running.
pub async fn every_open_state_can_be_cancelled(h: &impl Harness) {
    let store = h.store();
    submit(store, at(0), a_job(1)).await;
    let mut later = a_job(2);
    later.spec.options.run_at = Some(at(500));
    submit(store, at(0), later).await;
    let job = submit(store, at(0), a_job(3)).await;
    finish(store, at(2), report(&job, retry(at(500)))).await;
    let job = submit(store, at(0), a_job(4)).await;
    store.mark_running(at(2), vec![running(&job)]).await.unwrap();

    for n in 1..=4 {
        let Cancelled::Done(job) = store.cancel(at(5), id(n)).await.unwrap() else {
            panic!("job {n} not cancelled")
        };
        assert_eq!(
            (job.state, job.finished_at, job.updated_at),
            (State::Cancelled, Some(at(5)), at(5))
        );
        assert_eq!(get(store, id(n)).await, job);
    }
    let attempts = store.attempts(id(4)).await.unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!((attempts[0].number, attempts[0].outcome), (1, Outcome::Cancelled));
    assert_eq!(store.attempts(id(1)).await.unwrap(), []);
}

/// And one that is not there is not found.
pub async fn a_final_job_stays_as_it_is(h: &impl Harness) {
    let store = h.store();
    let job = submit(store, at(0), a_job(1)).await;
    let done = finish(store, at(5), report(&job, success())).await;
    assert_eq!(
        store.cancel(at(6), job.id).await.unwrap(),
        Cancelled::AlreadyFinal(done.clone())
    );
    assert_eq!(get(store, job.id).await, done);
    assert_eq!(store.cancel(at(6), id(2)).await.unwrap(), Cancelled::NotFound);
}

/// The worker hears that its lease is worth nothing.
pub async fn a_report_after_a_cancel_is_fenced(h: &impl Harness) {
    let store = h.store();
    let job = submit(store, at(0), a_job(1)).await;
    store.mark_running(at(2), vec![running(&job)]).await.unwrap();
    store.cancel(at(3), job.id).await.unwrap();
    let cancelled = get(store, job.id).await;
    for verdict in [success(), retry(at(9))] {
        assert_eq!(
            store.finish(at(5), vec![report(&job, verdict)]).await.unwrap(),
            [Verdict::Fenced]
        );
    }
    assert_eq!(
        store.mark_running(at(6), vec![running(&job)]).await.unwrap(),
        [job.id]
    );
    assert_eq!(get(store, job.id).await, cancelled);
}

/// The others find it cancelled.
pub async fn of_many_cancels_at_once_one_is_the_first(h: &impl Harness) {
    let store = h.store();
    let job = submit(store, at(0), chosen(1)).await;
    let answers = concurrently(32, |_| store.cancel(at(5), job.id)).await;
    let answers: Vec<Cancelled> = answers.into_iter().map(Result::unwrap).collect();
    assert_eq!(
        answers
            .iter()
            .filter(|answer| matches!(answer, Cancelled::Done(_)))
            .count(),
        1
    );
    assert_eq!(
        answers
            .iter()
            .filter(|answer| matches!(answer, Cancelled::AlreadyFinal(_)))
            .count(),
        31
    );
}
