//! Walking the open jobs.

use scheduler_domain::{Shard, State, Timestamp};

use super::Harness;
use super::jobs::{a_job, at, finish, get, id_in, report, retry, running, submit, success};
use crate::{Due, DueCursor, Jobs as _, Maintenance as _, Store};

async fn due(store: &impl Store, shard: Shard, until: Timestamp, limit: usize) -> Vec<Due> {
    store.due(shard, None, until, limit).await.unwrap()
}

async fn scheduled(store: &impl Store, shard: Shard, n: u64, run_at: u64) {
    let mut new = a_job(0);
    new.id = id_in(shard, n);
    new.spec.options.run_at = Some(at(run_at));
    submit(store, at(0), new).await;
}

/// The bound is in it.
pub async fn open_jobs_come_in_the_order_in_which_they_are_due(h: &impl Harness) {
    let store = h.store();
    let shard = Shard::wrapping(3);
    for (n, run_at) in [(1, 30), (2, 10), (3, 20), (4, 40), (5, 41), (6, 10)] {
        scheduled(store, shard, n, run_at).await;
    }
    let found = due(store, shard, at(40), 100).await;
    let order: Vec<_> = found.iter().map(|due| due.entry.id).collect();
    assert_eq!(order, [2, 6, 3, 1, 4].map(|n| id_in(shard, n)));
    let job = get(store, order[0]).await;
    assert_eq!(
        found[0],
        Due {
            entry: job.entry(),
            state: State::Scheduled,
            updated_at: at(0)
        }
    );
    assert_eq!(
        found[0].cursor(),
        DueCursor {
            run_at: at(10),
            id: order[0]
        }
    );
    assert_eq!(due(store, shard, at(5), 100).await, []);
}

/// Though several jobs are due at one moment.
pub async fn pages_follow_one_another_without_gaps(h: &impl Harness) {
    let store = h.store();
    let shard = Shard::wrapping(5);
    for n in 0..25 {
        scheduled(store, shard, n, 10 + n / 10).await;
    }
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = store.due(shard, after, at(60), 4).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 4);
        after = Some(last.cursor());
        found.extend(page.into_iter().map(|due| due.entry.id));
    }
    assert_eq!(found, (0..25).map(|n| id_in(shard, n)).collect::<Vec<_>>());
}

/// Running ones and those that wait for a retry are.
pub async fn final_jobs_and_other_shards_are_not_in_it(h: &impl Harness) {
    let store = h.store();
    let [shard, other] = [1, 2].map(Shard::wrapping);
    let mut jobs = Vec::new();
    for n in 0..4 {
        let new = scheduler_domain::NewJob {
            id: id_in(shard, n),
            ..a_job(0)
        };
        jobs.push(submit(store, at(0), new).await);
    }
    scheduled(store, other, 9, 10).await;
    finish(store, at(5), report(&jobs[0], success())).await;
    store.cancel(at(5), jobs[1].id).await.unwrap();
    let waiting = finish(store, at(5), report(&jobs[2], retry(at(20)))).await;
    store.mark_running(at(5), vec![running(&jobs[3])]).await.unwrap();
    let found = due(store, shard, at(60), 100).await;
    let told: Vec<_> = found
        .iter()
        .map(|due| (due.entry.id, due.entry.epoch, due.state))
        .collect();
    assert_eq!(
        told,
        [
            (jobs[3].id, jobs[3].epoch, State::Running),
            (waiting.id, waiting.epoch, State::Retry)
        ]
    );
    assert_eq!(due(store, other, at(60), 100).await.len(), 1);
    assert_eq!(due(store, Shard::wrapping(7), at(60), 100).await, []);
}
