//! Listing.

use scheduler_domain::{Job, JobId, JobType, NewJob, Priority, QueueName, State, Timestamp};

use super::Harness;
use super::jobs::{
    a_failure, a_job, at, chosen, finish, get, id, report, retry, running, submit, submit_all, success,
};
use crate::{Cursor, Filter, Jobs as _, ListQuery, ReportKind, Store};

async fn page(
    store: &impl Store,
    now: Timestamp,
    filter: &Filter,
    before: Option<Cursor>,
    limit: usize,
) -> crate::Page {
    store
        .list(
            now,
            ListQuery {
                filter: filter.clone(),
                before,
                limit,
            },
        )
        .await
        .unwrap()
}

/// Follows the pages to their end.
async fn all(store: &impl Store, now: Timestamp, filter: &Filter, limit: usize) -> Vec<Job> {
    let (mut jobs, mut before) = (Vec::new(), None);
    loop {
        let page = page(store, now, filter, before, limit).await;
        assert!(page.jobs.len() <= limit);
        jobs.extend(page.jobs);
        before = page.next;
        if before.is_none() {
            return jobs;
        }
    }
}

fn ids(jobs: &[Job]) -> Vec<JobId> {
    jobs.iter().map(|job| job.id).collect()
}

/// Whatever the size of the pages, and complete as soon as there is no next one.
pub async fn pages_are_newest_first_without_gaps_over_all_shards(h: &impl Harness) {
    let store = h.store();
    assert_eq!(
        page(store, at(0), &Filter::default(), None, 10).await,
        crate::Page {
            jobs: Vec::new(),
            next: None
        }
    );
    for n in 0..40 {
        submit(store, at(n), a_job(n)).await;
    }
    let expected: Vec<_> = (0..40).rev().map(id).collect();
    for limit in [1, 7, 39, 40, 41, 1_000] {
        assert_eq!(
            ids(&all(store, at(99), &Filter::default(), limit).await),
            expected,
            "limit {limit}"
        );
    }
    let whole = page(store, at(99), &Filter::default(), None, 40).await;
    assert_eq!((whole.jobs.len(), whole.next), (40, None));
    assert_eq!(whole.jobs[3], get(store, id(36)).await);
}

/// A batch has one time of creation.
pub async fn jobs_of_one_moment_are_paged_by_id(h: &impl Harness) {
    let store = h.store();
    submit_all(store, at(0), (0..50).map(a_job).collect()).await;
    let mut expected: Vec<_> = (0..50).map(id).collect();
    expected.sort_unstable();
    expected.reverse();
    assert_eq!(ids(&all(store, at(1), &Filter::default(), 7).await), expected);
}

/// What was there at the first page and stays is seen exactly once.
pub async fn rows_that_come_and_change_do_not_disturb_the_pages(h: &impl Harness) {
    let store = h.store();
    let jobs: Vec<NewJob> = (0..40).map(chosen).collect();
    for (n, new) in (0..).zip(jobs) {
        submit(store, at(n), new).await;
    }
    let (mut seen, mut before) = (Vec::new(), None);
    for n in 0.. {
        let page = page(store, at(100), &Filter::default(), before, 6).await;
        seen.extend(ids(&page.jobs));
        before = page.next;
        if before.is_none() {
            break;
        }
        submit(store, at(100 + n), chosen(1_000 + n)).await;
        let (a, b) = (get(store, id(n)).await, get(store, id(39 - n)).await);
        finish(store, at(100), report(&a, success())).await;
        finish(store, at(100), report(&b, retry(at(200)))).await;
    }
    assert_eq!(seen, (0..40).rev().map(id).collect::<Vec<_>>());
}

/// Alone and together.
pub async fn every_filter_lets_through_what_it_names(h: &impl Harness) {
    let store = h.store();
    for n in 0..24 {
        let mut new = a_job(n);
        new.spec.priority = Priority::ALL[usize::try_from(n).unwrap() % 4];
        new.spec.job_type = JobType::parse(["mail", "sms"][usize::try_from(n).unwrap() % 2]).unwrap();
        new.spec.queue = QueueName::parse(["a", "b", "c"][usize::try_from(n).unwrap() % 3]).unwrap();
        submit(store, at(n), new).await;
    }
    let picked = |keep: fn(u64) -> bool| (0..24).rev().filter(|n| keep(*n)).map(id).collect::<Vec<_>>();
    let by_priority = Filter {
        priority: Some(Priority::High),
        ..Filter::default()
    };
    let by_type = Filter {
        job_type: Some(JobType::parse("sms").unwrap()),
        ..Filter::default()
    };
    let by_queue = Filter {
        queue: Some(QueueName::parse("c").unwrap()),
        ..Filter::default()
    };
    let by_all = Filter {
        state: Some(State::Queued),
        priority: by_priority.priority,
        job_type: by_type.job_type.clone(),
        ..by_queue.clone()
    };
    let none = Filter {
        queue: Some(QueueName::parse("nobody").unwrap()),
        ..Filter::default()
    };
    assert_eq!(
        ids(&all(store, at(99), &by_priority, 2).await),
        picked(|n| n % 4 == 1)
    );
    assert_eq!(
        ids(&all(store, at(99), &by_type, 5).await),
        picked(|n| n % 2 == 1)
    );
    assert_eq!(
        ids(&all(store, at(99), &by_queue, 100).await),
        picked(|n| n % 3 == 2)
    );
    assert_eq!(
        ids(&all(store, at(99), &by_all, 1).await),
        picked(|n| n % 12 == 5)
    );
    assert_eq!(all(store, at(99), &none, 10).await, []);
}

/// Those whose time has come are queued, not scheduled.
pub async fn every_state_can_be_asked_for(h: &impl Harness) {
    let store = h.store();
    let mut of_state: Vec<(State, Vec<JobId>)> =
        State::ALL.iter().map(|state| (*state, Vec::new())).collect();
    for n in 0..32 {
        let (state, ids) = &mut of_state[usize::try_from(n).unwrap() % 8];
        let mut new = a_job(n);
        if *state == State::Scheduled {
            new.spec.options.run_at = Some(at(1_000));
        }
        let job = submit(store, at(n), new).await;
        match state {
            State::Queued | State::Scheduled => {}
            State::Running => assert_eq!(store.mark_running(at(99), vec![running(&job)]).await.unwrap(), []),
            State::Cancelled => drop(store.cancel(at(99), job.id).await.unwrap()),
            ended => {
                let verdict = match ended {
                    State::Failed => ReportKind::Failed { error: a_failure() },
                    State::DeadLetter => ReportKind::DeadLetter { error: a_failure() },
                    State::Retry => retry(at(1_000)),
                    _ => success(),
                };
                finish(store, at(99), report(&job, verdict)).await;
            }
        }
        ids.insert(0, job.id);
    }
    for (state, expected) in &of_state {
        let filter = Filter {
            state: Some(*state),
            ..Filter::default()
        };
        assert_eq!(ids(&all(store, at(999), &filter, 3).await), *expected, "{state}");
    }
    let queued = Filter {
        state: Some(State::Queued),
        ..Filter::default()
    };
    let later = all(store, at(1_000), &queued, 3).await;
    assert_eq!(later.len(), 8, "the scheduled ones are queued by now");
    let scheduled = Filter {
        state: Some(State::Scheduled),
        ..Filter::default()
    };
    assert_eq!(all(store, at(1_000), &scheduled, 3).await, []);
}

/// However many others there are before it.
pub async fn a_rare_job_is_found_by_following_the_pages(h: &impl Harness) {
    let store = h.store();
    let mut rare = a_job(0);
    rare.spec.queue = QueueName::parse("rare").unwrap();
    let rare = submit(store, at(0), rare).await;
    submit_all(store, at(1), (1..10_000).map(a_job).collect()).await;
    let filter = Filter {
        queue: Some(QueueName::parse("rare").unwrap()),
        ..Filter::default()
    };
    assert_eq!(all(store, at(2), &filter, 50).await, [rare]);
}

/// Memory is bounded; the next page has the rest.
pub async fn a_page_of_large_payloads_is_cut_short(h: &impl Harness) {
    let store = h.store();
    let large: Vec<NewJob> = (0..20)
        .map(|n| {
            let mut new = a_job(n);
            new.spec.payload = format!("\"{}\"", "x".repeat((1 << 20) - 2));
            new
        })
        .collect();
    submit_all(store, at(0), large).await;
    let mut expected: Vec<_> = (0..20).map(id).collect();
    expected.sort_unstable();
    expected.reverse();
    assert_eq!(ids(&all(store, at(1), &Filter::default(), 1_000).await), expected);
}
