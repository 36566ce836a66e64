//! Being woken.

use std::collections::HashSet;
use std::time::Duration;

use scheduler_domain::{Entry, JobId};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use super::Harness;
use super::fixtures::{claim, entries, entry, id, id_in, ids, queue, ready_in, worker};
use crate::{Served, Woken};

/// A wait that is to be woken ends well before this.
const LONG: Duration = Duration::from_secs(20);
/// Much longer than any wake-up takes, on any machine.
const PROMPT: Duration = Duration::from_secs(2);
/// Until a wait has begun.
const BEGUN: Duration = Duration::from_millis(100);

/// A wait in a task, begun.
async fn waiter(
    h: &impl Harness,
    served: Served,
    longest: Duration,
) -> JoinHandle<(Option<Woken>, Duration)> {
    let queue = h.queue();
    let task = tokio::spawn(async move {
        let begun = Instant::now();
        let woken = queue.wait(&served, longest).await.unwrap();
        (woken, begun.elapsed())
    });
    tokio::time::sleep(BEGUN).await;
    task
}

async fn is_woken(waiter: JoinHandle<(Option<Woken>, Duration)>) -> Option<Woken> {
    tokio::time::timeout(PROMPT, waiter).await.unwrap().unwrap().0
}

/// Whether it serves all or just that one; and it learns where to look, and for which.
pub async fn a_push_wakes_who_waits(h: &impl Harness) {
    for served in [Served::All, Served::Only(vec![queue("x"), queue("default")])] {
        let waiter = waiter(h, served, LONG).await;
        let pushed = entry(h, id(5));
        h.queue().push(std::slice::from_ref(&pushed)).await.unwrap();
        let woken = Woken {
            shard: pushed.id.shard(),
            entry: Some((pushed.id, pushed.epoch)),
        };
        assert_eq!(is_woken(waiter).await, Some(woken));
        assert_eq!(claim(h, &worker("a"), 1).await.len(), 1);
        h.queue()
            .ack(&worker("a"), &[(id(5), entry(h, id(5)).epoch)])
            .await
            .unwrap();
    }
}

/// Between a claim that found nothing and the wait after it.
pub async fn a_push_before_the_wait_is_not_missed(h: &impl Harness) {
    for served in [Served::All, Served::Only(vec![queue("default")])] {
        assert!(claim(h, &worker("a"), 1).await.is_empty());
        h.queue().push(&[entry(h, id(1))]).await.unwrap();
        assert!(is_woken(waiter(h, served, LONG).await).await.is_some());
        claim(h, &worker("a"), 1).await;
        h.queue()
            .ack(&worker("a"), &[(id(1), entry(h, id(1)).epoch)])
            .await
            .unwrap();
    }
}

/// What one does not start, another does.
pub async fn a_release_wakes_who_waits(h: &impl Harness) {
    h.queue().push(&[entry(h, id(1))]).await.unwrap();
    let back = claim(h, &worker("a"), 1).await.remove(0).entry;
    // Whatever was left of the push.
    while h
        .queue()
        .wait(&Served::All, Duration::from_millis(50))
        .await
        .unwrap()
        .is_some()
    {}
    let waiter = waiter(h, Served::All, LONG).await;
    h.queue().release(&worker("a"), &[back]).await.unwrap();
    assert!(is_woken(waiter).await.is_some());
}

/// And the push of something delayed does not have to.
pub async fn a_promotion_wakes_who_waits(h: &impl Harness) {
    h.queue()
        .push(&[ready_in(entry(h, id(1)), Duration::from_secs(60))])
        .await
        .unwrap();
    let waiter = waiter(h, Served::Only(vec![queue("default")]), LONG).await;
    h.advance(Duration::from_secs(61));
    h.queue().promote(id(1).shard(), 10).await.unwrap();
    assert_eq!(
        is_woken(waiter).await.map(|woken| woken.shard),
        Some(id(1).shard())
    );
}

/// At once, although nobody knew it.
pub async fn a_new_queue_wakes_who_serves_all(h: &impl Harness) {
    let waiter = waiter(h, Served::All, LONG).await;
    h.queue()
        .push(&[Entry {
            queue: queue("brand-new"),
            ..entry(h, id(1))
        }])
        .await
        .unwrap();
    assert!(is_woken(waiter).await.is_some());
}

/// Who serves other queues sleeps on.
pub async fn a_push_to_another_queue_wakes_nobody(h: &impl Harness) {
    let longest = Duration::from_millis(600);
    let waiter = waiter(h, Served::Only(vec![queue("mine")]), longest).await;
    h.queue()
        .push(&[Entry {
            queue: queue("theirs"),
            ..entry(h, id(1))
        }])
        .await
        .unwrap();
    let (woken, after) = waiter.await.unwrap();
    assert_eq!(woken, None);
    assert!(after >= longest - Duration::from_millis(50), "{after:?}");
}

/// One push of many entries to one shard.
pub async fn as_many_are_woken_as_there_are_entries(h: &impl Harness) {
    let mut waiters = Vec::new();
    for _ in 0..8 {
        waiters.push(waiter(h, Served::All, LONG).await);
    }
    let shard = id(0).shard();
    h.queue()
        .push(&(0..8).map(|n| entry(h, id_in(shard, n))).collect::<Vec<_>>())
        .await
        .unwrap();
    // None is named: who is woken first takes the first.
    for waiter in waiters {
        assert_eq!(is_woken(waiter).await, Some(Woken { shard, entry: None }));
    }
}

/// Neither much earlier nor much later.
pub async fn a_wait_ends_when_its_time_is_up(h: &impl Harness) {
    for longest in [Duration::ZERO, Duration::from_millis(300)] {
        let begun = Instant::now();
        assert_eq!(h.queue().wait(&Served::All, longest).await.unwrap(), None);
        let took = begun.elapsed();
        assert!(
            took + Duration::from_millis(50) >= longest && took < longest + PROMPT,
            "{took:?} for {longest:?}"
        );
    }
}

/// Dropped before, during and after; somebody else gets it.
pub async fn a_wait_that_is_dropped_loses_no_wakeup(h: &impl Harness) {
    for pause in [0, 1, 100] {
        let dropped = waiter(h, Served::All, LONG).await;
        dropped.abort();
        tokio::time::sleep(Duration::from_millis(pause)).await;
        h.queue().push(&[entry(h, id(1))]).await.unwrap();
        assert!(
            is_woken(waiter(h, Served::All, LONG).await).await.is_some(),
            "{pause} ms"
        );
        assert_eq!(claim(h, &worker("a"), 1).await.len(), 1);
        h.queue()
            .ack(&worker("a"), &[(id(1), entry(h, id(1)).epoch)])
            .await
            .unwrap();
    }
}

/// As many as a busy process makes in a while.
pub async fn many_dropped_waits_leave_room_for_more(h: &impl Harness) {
    for _ in 0..40 {
        let queue = h.queue();
        let dropped = tokio::spawn(async move { queue.wait(&Served::All, LONG).await });
        tokio::time::sleep(Duration::from_millis(3)).await;
        dropped.abort();
    }
    let waiter = waiter(h, Served::All, LONG).await;
    h.queue().push(&[entry(h, id(1))]).await.unwrap();
    assert!(is_woken(waiter).await.is_some());
}

/// The way workers do it, with as little luck as possible: one slot each, and waits longer than the test may take.
pub async fn nothing_is_left_behind_by_workers_that_wait_and_claim(h: &impl Harness) {
    const ENTRIES: u64 = 400;
    let mut workers = JoinSet::new();
    for n in 0..4 {
        let queue = h.queue();
        workers.spawn(async move {
            let worker = worker(&format!("w{n}"));
            let mut done: Vec<JobId> = Vec::new();
            let mut from = None;
            loop {
                let claimed = queue.claim(&worker, &Served::All, from.take(), 1).await.unwrap();
                if claimed.is_empty() {
                    let woken = queue.wait(&Served::All, Duration::from_secs(3)).await.unwrap();
                    match woken {
                        Some(woken) => from = Some(woken.shard),
                        None => return done,
                    }
                    continue;
                }
                done.extend(ids(&claimed));
                queue
                    .ack(&worker, &[(claimed[0].entry.id, claimed[0].entry.epoch)])
                    .await
                    .unwrap();
            }
        });
    }
    for batch in entries(h, ENTRIES).chunks(7) {
        h.queue().push(batch).await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let done: Vec<JobId> = workers.join_all().await.into_iter().flatten().collect();
    assert_eq!(done.len() as u64, ENTRIES);
    assert_eq!(done.into_iter().collect::<HashSet<_>>().len() as u64, ENTRIES);
    assert_eq!(h.queue().sizes().await.unwrap().ready, 0);
}
