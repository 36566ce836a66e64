//! Retention.

use scheduler_domain::{NewJob, Shard};

use super::Harness;
use super::jobs::{a_failure, a_job, at, finish, id_in, key, report, retry, submit, success};
use crate::{Jobs as _, Maintenance as _, Purged, ReportKind, Store};

const SHARD: u64 = 4;

async fn submit_in(store: &impl Store, n: u64, created_at: u64) -> scheduler_domain::Job {
    submit(
        store,
        at(created_at),
        NewJob {
            id: id_in(Shard::wrapping(SHARD), n),
            ..a_job(0)
        },
    )
    .await
}

async fn remaining(store: &impl Store, count: u64) -> Vec<u64> {
    let ids: Vec<_> = (0..count).map(|n| id_in(Shard::wrapping(SHARD), n)).collect();
    let jobs = store.get(&ids).await.unwrap();
    (0..count)
        .filter(|n| jobs[usize::try_from(*n).unwrap()].is_some())
        .collect()
}

/// Whatever their final state; what finished at the bound is not yet old.
pub async fn old_final_jobs_go_and_all_others_stay(h: &impl Harness) {
    let store = h.store();
    for n in 0..8 {
        submit_in(store, n, n).await;
    }
    let get = |n| super::jobs::get(store, id_in(Shard::wrapping(SHARD), n));
    finish(store, at(50), report(&get(0).await, success())).await;
    let waiting = finish(store, at(50), report(&get(1).await, retry(at(51)))).await;
    finish(
        store,
        at(60),
        report(&waiting, ReportKind::Failed { error: a_failure() }),
    )
    .await;
    store.cancel(at(50), get(2).await.id).await.unwrap();
    finish(store, at(100), report(&get(3).await, success())).await;
    finish(store, at(50), report(&get(4).await, retry(at(51)))).await;
    finish(store, at(500), report(&get(5).await, success())).await;
    let failed = finish(
        store,
        at(50),
        report(&get(6).await, ReportKind::Failed { error: a_failure() }),
    )
    .await;
    store.redrive(at(60), failed.id).await.unwrap();

    let elsewhere = Shard::wrapping(SHARD + 1);
    assert_eq!(
        store.purge(elsewhere, at(100), None, 100).await.unwrap(),
        Purged::default()
    );
    let purged = store
        .purge(Shard::wrapping(SHARD), at(100), None, 100)
        .await
        .unwrap();
    assert_eq!(
        purged,
        Purged {
            deleted: 3,
            next: None
        }
    );
    assert_eq!(remaining(store, 8).await, [3, 4, 5, 6, 7]);
    assert_eq!(
        store.attempts(id_in(Shard::wrapping(SHARD), 1)).await.unwrap(),
        []
    );
    assert_eq!(
        store
            .attempts(id_in(Shard::wrapping(SHARD), 6))
            .await
            .unwrap()
            .len(),
        1
    );
}

/// In steps of bounded size, so that old open jobs do not keep younger final ones from going.
pub async fn it_pages_past_what_it_must_keep(h: &impl Harness) {
    let store = h.store();
    for n in 0..30 {
        let job = submit_in(store, n, n).await;
        if n >= 20 {
            finish(store, at(50), report(&job, success())).await;
        }
    }
    let (mut after, mut deleted, mut steps) = (None, 0, 0);
    loop {
        let purged = store
            .purge(Shard::wrapping(SHARD), at(100), after, 4)
            .await
            .unwrap();
        assert!(purged.deleted <= 4);
        deleted += purged.deleted;
        steps += 1;
        after = purged.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!((deleted, steps), (10, 8));
    assert_eq!(remaining(store, 30).await, (0..20).collect::<Vec<_>>());
}

/// And only that one.
pub async fn a_purged_key_is_free_again(h: &impl Harness) {
    let store = h.store();
    for n in 0..6 {
        let new = NewJob {
            id: id_in(Shard::wrapping(SHARD), n),
            key: Some(key(n)),
            ..a_job(0)
        };
        let job = submit(store, at(n), new).await;
        if n % 2 == 0 {
            finish(store, at(50), report(&job, success())).await;
        }
    }
    let purged = store
        .purge(Shard::wrapping(SHARD), at(100), None, 100)
        .await
        .unwrap();
    assert_eq!(purged.deleted, 3);
    for n in 0..6 {
        let again = NewJob {
            id: id_in(Shard::wrapping(SHARD), 100 + n),
            key: Some(key(n)),
            ..a_job(0)
        };
        let answer = store.submit(at(200), vec![again]).await.unwrap().remove(0);
        assert_eq!(
            matches!(answer, crate::Submitted::Created(_)),
            n % 2 == 0,
            "key {n}"
        );
    }
}
