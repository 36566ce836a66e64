//! Listing while everything else goes on.

use std::collections::HashMap;

use scheduler_domain::{Entropy as _, JobId, Priority, SeededEntropy, State};

use super::Harness;
use super::jobs::{a_failure, at, chosen, finish, get, id, report, retry, submit_all, success};
use crate::{Cursor, Filter, Jobs as _, ListQuery, ReportKind, Store};

/// Jobs that nobody touches; between any two of them is one that others are at.
const STILL: u64 = 30;
/// Far more pages than it takes.
const MOST_PAGES: u64 = 200;

/// One thing that somebody else does to a job, if it can be done to it.
async fn disturb(store: &impl Store, dice: &SeededEntropy, n: u64) {
    // Odd ones only: the others are the still ones.
    let moved = id(pick(dice, STILL) * 2 + 1);
    match pick(dice, 5) {
        0 => drop(
            store
                .submit(at(1_000 + n), vec![chosen(10_000 + n)])
                .await
                .unwrap(),
        ),
        1 => drop(store.cancel(at(1_000 + n), moved).await.unwrap()),
        2 => drop(store.delete(moved).await.unwrap()),
        3 => drop(store.redrive(at(1_000 + n), moved).await.unwrap()),
        _ => {
            let Some(job) = store.get(&[moved]).await.unwrap().remove(0) else {
                return;
            };
            let kinds = [
                success(),
                retry(at(5_000)),
                ReportKind::Failed { error: a_failure() },
            ];
            let kind = kinds[usize::try_from(pick(dice, 3)).unwrap()].clone();
            // Refused when it is over by now.
            store
                .finish(at(1_000 + n), vec![report(&job, kind)])
                .await
                .unwrap();
        }
    }
}

fn pick(dice: &SeededEntropy, below: u64) -> u64 {
    u64::try_from(dice.uuid().as_u128() % u128::from(below)).unwrap()
}

/// How often each job is seen from the first page to the last, while something happens between any two.
async fn walk(store: &impl Store, filter: &Filter, dice: &SeededEntropy) -> HashMap<JobId, usize> {
    let limit = usize::try_from(1 + pick(dice, 9)).unwrap();
    let (mut seen, mut before) = (HashMap::new(), None::<Cursor>);
    for n in 0..MOST_PAGES {
        let filter = filter.clone();
        let query = ListQuery {
            filter,
            before,
            limit,
        };
        let page = store.list(at(2_000), query).await.unwrap();
        for job in page.jobs {
            *seen.entry(job.id).or_default() += 1;
        }
        assert!(
            page.next.is_none() || page.next != before,
            "a page that leads back to itself"
        );
        before = page.next;
        if before.is_none() {
            return seen;
        }
        for m in 0..3 {
            disturb(store, dice, n * 3 + m).await;
        }
    }
    panic!("no end after {MOST_PAGES} pages of {limit}");
}

/// Whatever the filter and the size of the pages: what stays as it is is seen once, nothing is seen twice, and there is an end.
pub async fn whatever_happens_to_others_each_page_goes_on_where_the_last_one_ended(h: &impl Harness) {
    let store = h.store();
    for seed in 0..4 {
        let dice = SeededEntropy::new(seed);
        let begin = seed * 100;
        for n in (0..STILL * 2).filter(|n| seed == 0 || n % 2 == 1) {
            let mut new = chosen(n);
            new.spec.priority = Priority::ALL[usize::try_from(n / 2 % 2).unwrap()];
            // Taken already if it was not deleted in the turn before.
            drop(store.submit(at(begin + n), vec![new]).await.unwrap());
        }
        let filters = [
            Filter::default(),
            Filter {
                state: Some(State::Queued),
                ..Filter::default()
            },
            Filter {
                priority: Some(Priority::ALL[1]),
                ..Filter::default()
            },
        ];
        for filter in filters {
            let seen = walk(store, &filter, &dice).await;
            for n in (0..STILL * 2).step_by(2) {
                let wanted = filter
                    .priority
                    .is_none_or(|priority| priority == Priority::ALL[usize::try_from(n / 2 % 2).unwrap()]);
                let times = seen.get(&id(n)).copied().unwrap_or_default();
                assert_eq!(times, usize::from(wanted), "seed {seed}, job {n}, {filter:?}");
            }
            let twice: Vec<_> = seen.iter().filter(|(_, times)| **times > 1).collect();
            assert!(twice.is_empty(), "seed {seed}, {filter:?}: {twice:?}");
        }
    }
}

/// As [`whatever_happens_to_others_each_page_goes_on_where_the_last_one_ended`], for a list whose rows come faster than it is read.
pub async fn a_list_ends_although_rows_come_faster_than_they_are_read(h: &impl Harness) {
    let store = h.store();
    let first = submit_all(store, at(0), (0..20).map(chosen).collect()).await;
    let (mut read, mut before) = (0, None);
    for n in 0.. {
        let query = ListQuery {
            filter: Filter::default(),
            before,
            limit: 1,
        };
        let page = store.list(at(9_000), query).await.unwrap();
        read += page.jobs.len();
        before = page.next;
        if before.is_none() {
            break;
        }
        assert!(read <= first.len(), "what came later is not on later pages");
        submit_all(
            store,
            at(1 + n),
            (0..5).map(|m| chosen(1_000 + n * 5 + m)).collect(),
        )
        .await;
        let ended = get(store, id(n)).await;
        finish(store, at(1 + n), report(&ended, success())).await;
    }
    assert_eq!(read, first.len());
}
