//! Handing jobs out again.

use scheduler_domain::{Epoch, Job, Outcome, State};

use super::jobs::{
    a_job, at, chosen, finish, forgotten, get, id, lease_expired, released, report, retry, running, submit,
    submit_all, success, worker,
};
use super::{Harness, concurrently};
use crate::{HandOut, HandOutCause, HandedOut, Jobs as _, Maintenance as _, Verdict, entries};

/// The answer for a job that is as it is now.
fn again(now: &Job) -> HandedOut {
    HandedOut::Again {
        entry: now.entry(),
        crashes: now.crashes,
    }
}

/// Nothing is charged for it.
pub async fn a_forgotten_job_is_handed_out_under_the_next_epoch(h: &impl Harness) {
    let store = h.store();
    let job = submit(store, at(0), a_job(1)).await;
    store.mark_running(at(2), vec![running(&job)]).await.unwrap();
    let handed_out = store.hand_out(at(60), vec![forgotten(&job)]).await.unwrap();
    let now = get(store, job.id).await;
    assert_eq!(handed_out, [again(&now)]);
    assert_eq!(
        (now.state, now.epoch, now.updated_at),
        (State::Queued, job.epoch.next(), at(60))
    );
    assert_eq!(
        (now.attempts, now.crashes, now.started_at, &now.worker),
        (0, 0, None, &None)
    );
    assert_eq!(store.attempts(job.id).await.unwrap(), []);
    assert_eq!(
        store.finish(at(61), vec![report(&job, success())]).await.unwrap(),
        [Verdict::Fenced]
    );
}

/// Scheduled, or waiting for a retry, until it comes.
pub async fn a_forgotten_job_keeps_waiting_for_its_time(h: &impl Harness) {
    let store = h.store();
    let mut new = a_job(1);
    new.spec.options.run_at = Some(at(100));
    let scheduled = submit(store, at(0), new).await;
    let job = submit(store, at(0), a_job(2)).await;
    let waiting = finish(store, at(2), report(&job, retry(at(100)))).await;
    for (job, state) in [(scheduled, State::Scheduled), (waiting, State::Retry)] {
        let handed_out = store.hand_out(at(50), vec![forgotten(&job)]).await.unwrap();
        let now = get(store, job.id).await;
        assert_eq!(
            (now.state, now.epoch, now.run_at),
            (state, job.epoch.next(), at(100))
        );
        assert_eq!(entries(&handed_out), [now.entry()]);
        store.hand_out(at(100), vec![forgotten(&now)]).await.unwrap();
        assert_eq!(get(store, job.id).await.state, State::Queued);
    }
}

/// History says LOST, and that the attempt is the same one.
pub async fn a_lost_lease_counts_as_a_crash_and_not_as_an_attempt(h: &impl Harness) {
    let store = h.store();
    let job = submit(store, at(0), a_job(1)).await;
    store.mark_running(at(2), vec![running(&job)]).await.unwrap();
    let handed_out = store
        .hand_out(at(60), vec![lease_expired(job.id, job.epoch, 5)])
        .await
        .unwrap();
    let now = get(store, job.id).await;
    assert_eq!(handed_out, [again(&now)]);
    assert_eq!(
        (now.state, now.epoch, now.attempts, now.crashes),
        (State::Queued, job.epoch.next(), 0, 1)
    );
    assert_eq!((now.started_at, &now.worker, &now.error), (None, &None, &None));
    finish(store, at(70), report(&now, success())).await;
    let attempts = store.attempts(job.id).await.unwrap();
    let told: Vec<_> = attempts
        .iter()
        .map(|a| (a.epoch.0, a.number, a.outcome, a.started_at, a.finished_at))
        .collect();
    assert_eq!(
        told,
        [
            (1, 1, Outcome::Lost, Some(at(1)), Some(at(60))),
            (2, 1, Outcome::Succeeded, Some(at(1)), Some(at(70)))
        ]
    );
}

/// With five, the fifth lost lease is the end.
pub async fn a_used_up_crash_budget_ends_the_job(h: &impl Harness) {
    let store = h.store();
    submit(store, at(0), a_job(1)).await;
    for n in 1..5 {
        let handed_out = store
            .hand_out(at(60), vec![lease_expired(id(1), Epoch(n), 5)])
            .await
            .unwrap();
        assert!(
            matches!(handed_out.as_slice(), [HandedOut::Again { crashes, .. }] if i64::from(*crashes) == i64::from(n)),
            "crash {n}"
        );
    }
    let handed_out = store
        .hand_out(at(99), vec![lease_expired(id(1), Epoch(5), 5)])
        .await
        .unwrap();
    let dead = get(store, id(1)).await;
    assert_eq!(handed_out, [HandedOut::DeadLettered(Box::new(dead.clone()))]);
    assert_eq!(entries(&handed_out), []);
    assert_eq!(
        (dead.state, dead.crashes, dead.attempts),
        (State::DeadLetter, 5, 0)
    );
    assert_eq!((dead.finished_at, dead.updated_at), (Some(at(99)), at(99)));
    let error = dead.error.unwrap();
    assert_eq!((error.kind.as_str(), error.retryable), ("lost_lease", false));
    assert!(error.message.contains(worker(1).as_str()), "{}", error.message);
    let attempts = store.attempts(id(1)).await.unwrap();
    assert_eq!(
        attempts
            .iter()
            .map(|a| (a.epoch.0, a.outcome))
            .collect::<Vec<_>>(),
        [1, 2, 3, 4, 5].map(|n| (n, Outcome::Lost))
    );
}

/// History says RELEASED.
pub async fn a_released_job_is_charged_for_nothing(h: &impl Harness) {
    let store = h.store();
    let job = submit(store, at(0), a_job(1)).await;
    let handed_out = store.hand_out(at(9), vec![released(&job)]).await.unwrap();
    let now = get(store, job.id).await;
    assert_eq!(handed_out, [again(&now)]);
    assert_eq!(
        (now.state, now.epoch, now.attempts, now.crashes),
        (State::Queued, job.epoch.next(), 0, 0)
    );
    let attempts = store.attempts(job.id).await.unwrap();
    assert_eq!(
        (attempts[0].number, attempts[0].outcome, attempts.len()),
        (1, Outcome::Released, 1)
    );
}

/// Under another epoch, on a final job, on none.
pub async fn a_stale_wish_changes_nothing(h: &impl Harness) {
    let store = h.store();
    let job = submit(store, at(0), a_job(1)).await;
    store.hand_out(at(5), vec![forgotten(&job)]).await.unwrap();
    let now = get(store, job.id).await;
    let done = submit(store, at(0), a_job(2)).await;
    let done = finish(store, at(5), report(&done, success())).await;
    let wishes = vec![
        forgotten(&job),
        lease_expired(job.id, job.epoch, 1),
        lease_expired(job.id, Epoch(3), 1),
        forgotten(&done),
        lease_expired(done.id, done.epoch, 1),
        lease_expired(id(3), Epoch(1), 1),
    ];
    assert_eq!(store.hand_out(at(9), wishes).await.unwrap(), []);
    assert_eq!(get(store, job.id).await, now);
    assert_eq!(get(store, done.id).await, done);
    assert_eq!(store.attempts(job.id).await.unwrap(), []);
}

/// And the same wish twice is one wish.
pub async fn every_cause_may_be_in_one_batch(h: &impl Harness) {
    let store = h.store();
    let jobs = submit_all(store, at(0), (0..30).map(a_job).collect()).await;
    let mut wishes: Vec<HandOut> = jobs
        .iter()
        .enumerate()
        .map(|(n, job)| match n % 4 {
            0 => forgotten(job),
            1 => lease_expired(job.id, job.epoch, 5),
            2 => lease_expired(job.id, job.epoch, 1),
            _ => HandOut {
                cause: HandOutCause::Released {
                    worker: worker(2),
                    since: at(1),
                },
                ..forgotten(job)
            },
        })
        .collect();
    wishes.extend(wishes.clone());
    let handed_out = store.hand_out(at(9), wishes).await.unwrap();
    let mut ids: Vec<_> = handed_out.iter().map(HandedOut::id).collect();
    ids.sort_unstable();
    assert_eq!(ids, jobs.iter().map(|job| job.id).collect::<Vec<_>>());
    for (n, job) in jobs.iter().enumerate() {
        let now = get(store, job.id).await;
        assert_eq!(now.epoch, job.epoch.next());
        assert_eq!(
            now.state,
            if n % 4 == 2 {
                State::DeadLetter
            } else {
                State::Queued
            }
        );
        let outcomes: Vec<_> = store
            .attempts(job.id)
            .await
            .unwrap()
            .iter()
            .map(|a| a.outcome)
            .collect();
        let expected: &[Outcome] = match n % 4 {
            0 => &[],
            1 | 2 => &[Outcome::Lost],
            _ => &[Outcome::Released],
        };
        assert_eq!(outcomes, expected);
    }
}

/// So two sweepers never hand out one job twice.
pub async fn of_many_wishes_at_once_one_is_granted(h: &impl Harness) {
    let store = h.store();
    let jobs = submit_all(store, at(0), (0..20).map(chosen).collect()).await;
    let answers = concurrently(12, |n| {
        let wishes = jobs.iter().map(|job| {
            if n % 2 == 0 {
                forgotten(job)
            } else {
                lease_expired(job.id, job.epoch, 5)
            }
        });
        store.hand_out(at(9), wishes.collect())
    })
    .await;
    let mut ids: Vec<_> = answers
        .into_iter()
        .flat_map(Result::unwrap)
        .map(|granted| granted.id())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, jobs.iter().map(|job| job.id).collect::<Vec<_>>());
    for job in jobs {
        assert_eq!(get(store, job.id).await.epoch, job.epoch.next());
    }
}
