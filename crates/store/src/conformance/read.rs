//! Reading jobs by id.

use scheduler_domain::{Epoch, JobId};

use super::Harness;
use super::jobs::{a_job, at, finish, forgotten, get, id, report, retry, submit_all, success};
use crate::{Jobs as _, Maintenance as _};

/// An id that is asked for twice is answered twice.
pub async fn answers_keep_the_order_and_the_gaps_of_the_question(h: &impl Harness) {
    let store = h.store();
    let jobs = submit_all(store, at(0), (0..10).map(a_job).collect()).await;
    let asked = [5, 99, 0, 5, 9].map(id);
    let answer = store.get(&asked).await.unwrap();
    let expected = [
        Some(&jobs[5]),
        None,
        Some(&jobs[0]),
        Some(&jobs[5]),
        Some(&jobs[9]),
    ];
    assert_eq!(answer.iter().map(Option::as_ref).collect::<Vec<_>>(), expected);
}

/// All others have nothing to run.
pub async fn only_open_jobs_under_their_epoch_are_loaded(h: &impl Harness) {
    let store = h.store();
    let jobs = submit_all(store, at(0), (0..6).map(a_job).collect()).await;
    finish(store, at(5), report(&jobs[0], success())).await;
    store.cancel(at(5), id(1)).await.unwrap();
    let retried = finish(store, at(5), report(&jobs[2], retry(at(9)))).await;
    store.hand_out(at(5), vec![forgotten(&jobs[3])]).await.unwrap();

    let mut claimed: Vec<(JobId, Epoch)> = jobs.iter().map(|job| (job.id, job.epoch)).collect();
    claimed.push((id(99), Epoch::FIRST));
    claimed.push((retried.id, retried.epoch));
    claimed.push((id(4), Epoch(9)));
    let mut loaded = store.load(&claimed, usize::MAX).await.unwrap().jobs;
    loaded.sort_by_key(|job| job.id);
    let expected = [retried, get(store, id(4)).await, get(store, id(5)).await];
    assert_eq!(loaded, expected);
}

/// However large the claim, the memory for reading it is bounded; a job that alone is larger is read all the same.
pub async fn what_is_loaded_is_bounded_in_bytes_and_the_rest_is_left(h: &impl Harness) {
    let store = h.store();
    let sized = |n, bytes: usize| {
        let mut job = a_job(n);
        job.spec.payload = format!("\"{}\"", "x".repeat(bytes - 2));
        job
    };
    // More than one statement reads.
    let jobs = (0..700).map(|n| sized(n, if n == 0 { 5_000 } else { 1_000 }));
    let jobs = submit_all(store, at(0), jobs.collect()).await;
    let mut claimed: Vec<(JobId, Epoch)> = jobs.iter().map(|job| (job.id, job.epoch)).collect();
    claimed.push((id(9_999), Epoch::FIRST));
    let loaded = store.load(&claimed, 20_000).await.unwrap();
    let bytes: usize = loaded.jobs.iter().map(|job| job.spec.payload.len()).sum();
    assert!((15_001..=20_000).contains(&bytes), "{bytes}");
    let mut known: Vec<JobId> = loaded.jobs.iter().map(|job| job.id).chain(loaded.left).collect();
    known.retain(|known| *known != id(9_999));
    known.sort_unstable();
    let mut all: Vec<JobId> = jobs.iter().map(|job| job.id).collect();
    all.sort_unstable();
    assert_eq!(known, all);

    let largest = store.load(&claimed[..1], 10).await.unwrap();
    assert_eq!((largest.jobs.len(), largest.left.len()), (1, 0));
}
