//! Submitting what may have been submitted before.

use std::collections::HashSet;

use scheduler_domain::{Job, JobId, NewJob};

use super::jobs::{a_job, at, chosen, get, id, key, keyed, otherwise, submit};
use super::{Harness, concurrently};
use crate::{Filter, Jobs as _, ListQuery, Store, Submitted};

async fn submitted(store: &impl Store, new: NewJob) -> Submitted {
    store.submit(at(60), vec![new]).await.unwrap().remove(0)
}

fn fields(submitted: &Submitted) -> (&Job, &[&'static str]) {
    match submitted {
        Submitted::Conflict { existing, fields } => (existing, fields),
        other => panic!("expected a conflict, got {other:?}"),
    }
}

/// As it is now, not as it was then; and equal JSON in another spelling is equal.
pub async fn the_same_id_and_body_is_the_existing_job(h: &impl Harness) {
    let store = h.store();
    submit(store, at(0), chosen(1)).await;
    store.cancel(at(1), id(1)).await.unwrap();
    let mut again = chosen(1);
    again.spec.payload = " { \"n\" : 1 } ".to_owned();
    assert_eq!(
        submitted(store, again).await,
        Submitted::Existing(get(store, id(1)).await)
    );
}

/// It names the fields, and leaves the job alone.
pub async fn the_same_id_with_another_body_is_a_conflict(h: &impl Harness) {
    let store = h.store();
    let first = submit(store, at(0), chosen(1)).await;
    let conflict = submitted(store, otherwise(chosen(1))).await;
    assert_eq!(
        fields(&conflict),
        (&first, ["priority", "payload_json"].as_slice())
    );
    assert_eq!(get(store, id(1)).await, first);
}

/// Under the id of the first.
pub async fn the_same_key_and_body_is_the_existing_job(h: &impl Harness) {
    let store = h.store();
    let first = submit(store, at(0), keyed(1, 7)).await;
    assert_eq!(submitted(store, keyed(2, 7)).await, Submitted::Existing(first));
    assert_eq!(store.get(&[id(2)]).await.unwrap(), [None]);
}

/// It names the fields, and leaves the job alone.
pub async fn the_same_key_with_another_body_is_a_conflict(h: &impl Harness) {
    let store = h.store();
    let first = submit(store, at(0), keyed(1, 7)).await;
    let conflict = submitted(store, otherwise(keyed(2, 7))).await;
    assert_eq!(
        fields(&conflict),
        (&first, ["priority", "payload_json"].as_slice())
    );
    assert_eq!(store.get(&[id(1), id(2)]).await.unwrap(), [Some(first), None]);
}

/// A client that chose an id and got another job would look for its own in vain.
pub async fn another_id_under_a_known_key_is_a_conflict(h: &impl Harness) {
    let store = h.store();
    let first = submit(
        store,
        at(0),
        NewJob {
            key: Some(key(7)),
            ..chosen(1)
        },
    )
    .await;
    let conflict = submitted(
        store,
        NewJob {
            key: Some(key(7)),
            ..chosen(2)
        },
    )
    .await;
    assert_eq!(fields(&conflict), (&first, ["job_id"].as_slice()));
    assert_eq!(
        submitted(
            store,
            NewJob {
                key: Some(key(7)),
                ..chosen(1)
            }
        )
        .await,
        Submitted::Existing(first)
    );
}

/// Nothing came of the submission, its key included.
pub async fn a_conflict_by_id_leaves_the_key_free(h: &impl Harness) {
    let store = h.store();
    submit(store, at(0), chosen(1)).await;
    let conflict = submitted(
        store,
        otherwise(NewJob {
            key: Some(key(7)),
            ..chosen(1)
        }),
    )
    .await;
    fields(&conflict);
    let free = submit(store, at(1), keyed(2, 7)).await;
    assert_eq!(free.id, id(2));
}

/// So that it goes when that job goes.
pub async fn a_key_names_only_the_job_that_it_made(h: &impl Harness) {
    let store = h.store();
    let first = submit(store, at(0), chosen(1)).await;
    let existing = submitted(
        store,
        NewJob {
            key: Some(key(7)),
            ..chosen(1)
        },
    )
    .await;
    assert_eq!(existing, Submitted::Existing(first));
    assert_eq!(submit(store, at(1), keyed(2, 7)).await.id, id(2));
}

/// Exactly as if they came one after the other.
pub async fn of_the_same_names_in_one_batch_the_first_decides(h: &impl Harness) {
    let store = h.store();
    submit(store, at(0), chosen(100)).await;
    let batch = vec![
        keyed(1, 7),
        keyed(2, 7),
        otherwise(keyed(3, 7)),
        chosen(4),
        otherwise(chosen(4)),
        chosen(4),
        // Refused because of its id; the next with its key is the first that the key makes.
        otherwise(NewJob {
            key: Some(key(8)),
            ..chosen(100)
        }),
        keyed(5, 8),
        keyed(6, 8),
        a_job(9),
    ];
    let answers: Vec<(&str, JobId)> = store
        .submit(at(1), batch)
        .await
        .unwrap()
        .iter()
        .map(|answer| match answer {
            Submitted::Created(job) => ("created", job.id),
            Submitted::Existing(job) => ("existing", job.id),
            Submitted::Conflict { existing, .. } => ("conflict", existing.id),
        })
        .collect();
    assert_eq!(
        answers,
        [
            ("created", id(1)),
            ("existing", id(1)),
            ("conflict", id(1)),
            ("created", id(4)),
            ("conflict", id(4)),
            ("existing", id(4)),
            ("conflict", id(100)),
            ("created", id(5)),
            ("existing", id(5)),
            ("created", id(9)),
        ]
    );
}

/// Each under an id of its own.
pub async fn a_thousand_submits_of_one_key_make_one_job(h: &impl Harness) {
    at_once(h, (0..1_000).map(|n| vec![keyed(n, 7)]).collect(), 1).await;
}

/// The ids are the client's.
pub async fn submits_of_one_id_at_once_make_one_job(h: &impl Harness) {
    at_once(h, (0..200).map(|_| vec![chosen(1)]).collect(), 1).await;
}

/// Neither when they name them in opposite orders.
pub async fn batches_with_the_same_keys_do_not_lock_each_other_out(h: &impl Harness) {
    let batch = |turn: u64| {
        let mut batch: Vec<_> = (0..20).map(|k| keyed(turn * 100 + k, k)).collect();
        if turn.is_multiple_of(2) {
            batch.reverse();
        }
        batch
    };
    at_once(h, (0..24).map(batch).collect(), 20).await;
}

/// Submits the batches at once; all must be answered, and `jobs` jobs exist in the end, each created by one answer.
async fn at_once(h: &impl Harness, batches: Vec<Vec<NewJob>>, jobs: usize) {
    let store = h.store();
    let answers = concurrently(batches.len(), |n| store.submit(at(0), batches[n].clone())).await;
    let (mut created, mut named) = (Vec::new(), HashSet::new());
    for answer in answers.into_iter().flat_map(Result::unwrap) {
        match answer {
            Submitted::Created(job) => {
                named.insert(job.id);
                created.push(job.id);
            }
            Submitted::Existing(job) => {
                named.insert(job.id);
            }
            Submitted::Conflict { fields, .. } => panic!("conflict in {fields:?}"),
        }
    }
    assert_eq!((created.len(), named.len()), (jobs, jobs));
    let all = ListQuery {
        filter: Filter::default(),
        before: None,
        limit: 1_000,
    };
    let page = store.list(at(0), all).await.unwrap();
    assert_eq!(
        page.jobs.into_iter().map(|job| job.id).collect::<HashSet<_>>(),
        named
    );
}
