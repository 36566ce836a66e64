//! Who comes first.

use std::collections::HashSet;
use std::time::Duration;

use scheduler_domain::{Entry, Epoch, JobId, Priority, QueueName, Shard, Timestamp, clock};

use super::fixtures::{claim, drain, entry, id, id_in, ids, queue, ready_since, worker};
use super::{AGING_STEP, Harness};
use crate::Served;

const SECOND: Duration = Duration::from_secs(1);

/// The `n`th entry of one shard, ready since `ago` before `now`: one moment for a whole test, for clocks do not stand still.
fn at(now: Timestamp, n: u64, ago: Duration, priority: Priority) -> Entry {
    Entry {
        id: id_in(id(0).shard(), n),
        epoch: Epoch::FIRST,
        queue: QueueName::default(),
        priority,
        ready_at: clock::sub(now, ago),
    }
}

async fn order_of(h: &impl Harness, entries: &[Entry]) -> Vec<u64> {
    h.queue().push(entries).await.unwrap();
    let claimed = h
        .queue()
        .claim(&worker("a"), &Served::All, None, 1_000)
        .await
        .unwrap();
    ids(&claimed).into_iter().map(|id| id.0.as_u64_pair().0).collect()
}

/// However they were pushed, and over several claims.
pub async fn entries_come_in_the_order_they_became_ready(h: &impl Harness) {
    let now = h.now();
    let all: Vec<Entry> = (0..100)
        .map(|n| {
            at(
                now,
                n,
                SECOND * u32::try_from((n * 37) % 100).unwrap(),
                Priority::Default,
            )
        })
        .collect();
    h.queue().push(&all).await.unwrap();
    let mut expected = all.clone();
    expected.sort_by_key(|entry| entry.ready_at);
    let expected: Vec<JobId> = expected.into_iter().map(|entry| entry.id).collect();
    let mut got = Vec::new();
    while got.len() < 100 {
        got.extend(ids(&claim(h, &worker("a"), 13).await));
    }
    assert_eq!(got, expected);
}

/// One priority more urgent is worth one step of waiting.
pub async fn an_urgent_entry_overtakes_a_newer_and_an_older_one(h: &impl Harness) {
    let now = h.now();
    let entries = [
        at(now, 1, SECOND * 5, Priority::Default),
        at(now, 2, SECOND, Priority::Default),
        at(now, 3, SECOND * 2, Priority::High),
        at(now, 4, SECOND, Priority::Critical),
    ];
    assert_eq!(order_of(h, &entries).await, [4, 3, 1, 2]);
}

/// LOW waits behind newer CRITICAL ones for three steps, and then goes first; many runs of both, to the microsecond.
pub async fn an_entry_of_low_priority_is_not_starved(h: &impl Harness) {
    let tick = Duration::from_micros(1);
    let now = h.now();
    let entries = [
        at(now, 1, AGING_STEP * 3 + SECOND * 20 + tick, Priority::Low),
        at(now, 2, SECOND * 20, Priority::Critical),
        at(now, 3, SECOND * 19, Priority::Critical),
        at(now, 4, AGING_STEP * 3 + SECOND * 19 - tick, Priority::Low),
        at(now, 5, AGING_STEP + SECOND * 18, Priority::High),
        at(now, 6, AGING_STEP * 2 + SECOND * 17, Priority::Default),
        at(now, 7, SECOND * 16, Priority::Critical),
        at(now, 8, SECOND * 15, Priority::Critical),
        at(now, 9, AGING_STEP * 3 - SECOND, Priority::Low),
    ];
    assert_eq!(order_of(h, &entries).await, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

/// A queue has no precedence over another.
pub async fn queues_are_served_in_one_order(h: &impl Harness) {
    let now = h.now();
    let in_queue = |n: u64, name: &str| Entry {
        queue: queue(name),
        ..at(now, n, SECOND * u32::try_from(20 - n).unwrap(), Priority::Default)
    };
    let names = ["a", "b", "c", "a", "a", "b", "c", "c", "b", "a"];
    let all: Vec<Entry> = names.iter().zip(1..).map(|(name, n)| in_queue(n, name)).collect();
    assert_eq!(order_of(h, &all).await, (1..=10).collect::<Vec<_>>());
}

/// Such as by a reconciler that did not see it.
pub async fn pushing_again_does_not_lose_the_place(h: &impl Harness) {
    let now = h.now();
    let first = at(now, 1, SECOND * 5, Priority::Default);
    h.queue()
        .push(&[first.clone(), at(now, 2, SECOND * 4, Priority::Default)])
        .await
        .unwrap();
    let again = Entry {
        ready_at: now,
        ..first
    };
    assert_eq!(order_of(h, &[again]).await, [1, 2]);
}

/// And looks into others only for what that has not.
pub async fn a_claim_begins_at_the_shard_asked_for(h: &impl Harness) {
    let all: Vec<Entry> = Shard::all()
        .flat_map(|shard| (0..3).map(move |n| (shard, n)))
        .map(|(shard, n)| entry(h, id_in(shard, n)))
        .collect();
    h.queue().push(&all).await.unwrap();
    for shard in Shard::all() {
        let claimed = h
            .queue()
            .claim(&worker("a"), &Served::All, Some(shard), 3)
            .await
            .unwrap();
        assert_eq!(claimed.len(), 3);
        assert!(claimed.iter().all(|claimed| claimed.entry.id.shard() == shard));
    }
    assert!(claim(h, &worker("a"), 10).await.is_empty());
}

/// After a claim that found little, a backend may look into every shard at once.
pub async fn little_in_many_shards_is_taken_up_to_the_limit(h: &impl Harness) {
    let a = worker("a");
    for limit in [1, 5, 7, 23, 24, 100] {
        assert!(claim(h, &a, limit).await.is_empty());
        let entries: Vec<Entry> = (0..24).map(|n| entry(h, id_in(Shard::wrapping(n), n))).collect();
        h.queue().push(&entries).await.unwrap();
        let mut got = HashSet::new();
        while got.len() < 24 {
            let from = Some(Shard::wrapping(3));
            let claimed = h.queue().claim(&a, &Served::All, from, limit).await.unwrap();
            assert!(
                (1..=limit).contains(&claimed.len()),
                "{} of {limit}",
                claimed.len()
            );
            got.extend(ids(&claimed));
        }
        assert!(claim(h, &a, limit).await.is_empty());
        h.queue().remove(&entries).await.unwrap();
    }
}

/// Whichever it is and wherever the claim begins.
pub async fn a_claim_finds_the_only_shard_that_has_something(h: &impl Harness) {
    for shard in Shard::all() {
        for from in Shard::all() {
            h.queue().push(&[entry(h, id_in(shard, 1))]).await.unwrap();
            let claimed = h
                .queue()
                .claim(&worker("a"), &Served::All, Some(from), 10)
                .await
                .unwrap();
            assert_eq!(ids(&claimed), [id_in(shard, 1)]);
            h.queue()
                .ack(&worker("a"), &[(claimed[0].entry.id, claimed[0].entry.epoch)])
                .await
                .unwrap();
        }
    }
}

/// The others stay for those who serve them.
pub async fn only_the_queues_served_are_claimed_from(h: &impl Harness) {
    let all: Vec<Entry> = ["a", "b", "c"]
        .iter()
        .zip(0..)
        .map(|(name, n)| Entry {
            queue: queue(name),
            ..entry(h, id(n))
        })
        .collect();
    h.queue().push(&all).await.unwrap();
    let served = Served::Only(vec![queue("a"), queue("c"), queue("nobody-pushed-here")]);
    let mut got = Vec::new();
    loop {
        let claimed = h.queue().claim(&worker("a"), &served, None, 10).await.unwrap();
        if claimed.is_empty() {
            break;
        }
        got.extend(ids(&claimed));
    }
    got.sort();
    assert_eq!(got, [id(0), id(2)]);
    assert!(
        h.queue()
            .claim(&worker("a"), &Served::Only(Vec::new()), None, 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(ids(&drain(h, &worker("b")).await), [id(1)]);
}

/// To the microsecond.
pub async fn a_claimed_entry_comes_back_as_it_was_pushed(h: &impl Harness) {
    let pushed = Entry {
        queue: queue("eu.mail-1_x"),
        priority: Priority::Low,
        epoch: Epoch(70_000),
        ..ready_since(entry(h, id(5)), Duration::from_micros(1_234_567))
    };
    let before = h.now();
    h.queue().push(std::slice::from_ref(&pushed)).await.unwrap();
    let claimed = claim(h, &worker("a"), 1).await.remove(0);
    assert_eq!(claimed.entry, pushed);
    assert!(
        claimed.at >= before - chrono::TimeDelta::seconds(1)
            && claimed.at <= h.now() + chrono::TimeDelta::seconds(1)
    );
    let lease = h.queue().leases(&[id(5)]).await.unwrap().remove(0).unwrap();
    assert_eq!((lease.epoch, lease.since), (pushed.epoch, claimed.at));
}
