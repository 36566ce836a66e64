//! Deleting.

use scheduler_domain::State;

use super::Harness;
use super::jobs::{a_failure, a_job, at, finish, get, id, keyed, otherwise, report, retry, submit, success};
use crate::{Deleted, Jobs as _, ReportKind};

/// The key can make another job then.
pub async fn a_final_job_goes_with_its_history_and_its_key(h: &impl Harness) {
    let store = h.store();
    let job = submit(store, at(0), keyed(1, 7)).await;
    let waiting = finish(store, at(5), report(&job, retry(at(6)))).await;
    finish(
        store,
        at(9),
        report(&waiting, ReportKind::Failed { error: a_failure() }),
    )
    .await;
    assert_eq!(store.delete(job.id).await.unwrap(), Deleted::Done);
    assert_eq!(store.get(&[job.id]).await.unwrap(), [None]);
    assert_eq!(store.attempts(job.id).await.unwrap(), []);
    assert_eq!(store.delete(job.id).await.unwrap(), Deleted::NotFound);

    let other = submit(store, at(20), otherwise(keyed(1, 7))).await;
    assert_eq!(
        store.attempts(other.id).await.unwrap(),
        [],
        "history of the job before"
    );
    let done = submit(store, at(20), a_job(2)).await;
    finish(store, at(25), report(&done, success())).await;
    assert_eq!(store.delete(id(2)).await.unwrap(), Deleted::Done);
}

/// Cancel it first.
pub async fn an_open_job_is_kept(h: &impl Harness) {
    let store = h.store();
    let job = submit(store, at(0), a_job(1)).await;
    assert_eq!(
        store.delete(job.id).await.unwrap(),
        Deleted::Refused(State::Queued)
    );
    let waiting = finish(store, at(5), report(&job, retry(at(6)))).await;
    assert_eq!(
        store.delete(job.id).await.unwrap(),
        Deleted::Refused(State::Retry)
    );
    assert_eq!(get(store, job.id).await, waiting);
    assert_eq!(store.delete(id(2)).await.unwrap(), Deleted::NotFound);
}
