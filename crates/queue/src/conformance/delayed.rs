//! Entries whose time has not come.

use std::time::Duration;

use scheduler_domain::{Entry, Priority, QueueName};
use tokio::task::JoinSet;

use super::Harness;
use super::fixtures::{claim_all, entry, id, id_in, ids, promote_all, ready_in, worker};

const MINUTE: Duration = Duration::from_secs(60);

/// Neither before nor by promotion, and after that in time.
pub async fn a_delayed_entry_is_not_claimed_early(h: &impl Harness) {
    h.queue()
        .push(&[ready_in(entry(h, id(1)), MINUTE)])
        .await
        .unwrap();
    assert_eq!(promote_all(h).await, 0);
    assert!(claim_all(h, &worker("a")).await.is_empty());
    h.advance(MINUTE - Duration::from_secs(5));
    assert_eq!(promote_all(h).await, 0);
    assert!(claim_all(h, &worker("a")).await.is_empty());
    h.advance(Duration::from_secs(6));
    assert_eq!(promote_all(h).await, 1);
    assert_eq!(ids(&claim_all(h, &worker("a")).await), [id(1)]);
}

/// The answer is when to look again.
pub async fn promotion_moves_what_is_due_and_says_what_is_next(h: &impl Harness) {
    let shard = id(0).shard();
    let all: Vec<Entry> = (1..=3)
        .map(|n| ready_in(entry(h, id_in(shard, n)), MINUTE * u32::try_from(n).unwrap()))
        .collect();
    h.queue().push(&all).await.unwrap();
    let near = |next: Option<Duration>, expected: Duration| {
        let next = next.unwrap();
        assert!(
            next <= expected && next + Duration::from_secs(5) > expected,
            "{next:?} is not {expected:?}"
        );
    };
    let promoted = h.queue().promote(shard, 10).await.unwrap();
    assert_eq!(promoted.moved, 0);
    near(promoted.next_in, MINUTE);
    h.advance(MINUTE + Duration::from_secs(10));
    let promoted = h.queue().promote(shard, 10).await.unwrap();
    assert_eq!(promoted.moved, 1);
    near(promoted.next_in, Duration::from_secs(50));
    h.advance(MINUTE * 2);
    let promoted = h.queue().promote(shard, 10).await.unwrap();
    assert_eq!((promoted.moved, promoted.next_in), (2, None));
    let line = (QueueName::default(), Priority::Default);
    assert_eq!(promoted.ready, [(line, 2)].into());
    // Each stands where its own time puts it.
    assert_eq!(
        ids(&claim_all(h, &worker("a")).await),
        [id_in(shard, 1), id_in(shard, 2), id_in(shard, 3)]
    );
}

/// What is left is due at once.
pub async fn promotion_stops_at_its_limit(h: &impl Harness) {
    let shard = id(0).shard();
    let all: Vec<Entry> = (0..25)
        .map(|n| ready_in(entry(h, id_in(shard, n)), MINUTE))
        .collect();
    h.queue().push(&all).await.unwrap();
    h.advance(MINUTE * 2);
    let promoted = h.queue().promote(shard, 10).await.unwrap();
    assert_eq!((promoted.moved, promoted.next_in), (10, Some(Duration::ZERO)));
    assert_eq!(h.queue().sizes().await.unwrap().delayed, 15);
    assert_eq!(promote_all(h).await, 15);
    assert_eq!(claim_all(h, &worker("a")).await.len(), 25);
}

/// It must not be in both places.
pub async fn a_delayed_entry_pushed_when_due_is_claimed_once(h: &impl Harness) {
    let entry = ready_in(entry(h, id(1)), MINUTE);
    h.queue().push(std::slice::from_ref(&entry)).await.unwrap();
    h.advance(MINUTE * 2);
    h.queue().push(std::slice::from_ref(&entry)).await.unwrap();
    assert_eq!(claim_all(h, &worker("a")).await.len(), 1);
    assert_eq!(promote_all(h).await, 0);
    assert!(claim_all(h, &worker("b")).await.is_empty());
}

/// By whoever loaded it once more.
pub async fn a_promoted_entry_pushed_again_is_claimed_once(h: &impl Harness) {
    let entry = ready_in(entry(h, id(1)), MINUTE);
    h.queue().push(&[entry.clone(), entry.clone()]).await.unwrap();
    h.advance(MINUTE * 2);
    assert_eq!(promote_all(h).await, 1);
    h.queue().push(std::slice::from_ref(&entry)).await.unwrap();
    // Whatever it is said to be due.
    h.queue().push(&[ready_in(entry, MINUTE * 10)]).await.unwrap();
    assert_eq!(claim_all(h, &worker("a")).await.len(), 1);
    assert_eq!(h.queue().sizes().await.unwrap().delayed, 0);
}

/// Any number of processes promote at once.
pub async fn concurrent_promotions_move_each_entry_once(h: &impl Harness) {
    let shard = id(0).shard();
    let all: Vec<Entry> = (0..300)
        .map(|n| ready_in(entry(h, id_in(shard, n)), MINUTE))
        .collect();
    h.queue().push(&all).await.unwrap();
    h.advance(MINUTE * 2);
    let mut promoters = JoinSet::new();
    for _ in 0..4 {
        let queue = h.queue();
        promoters.spawn(async move {
            let mut moved = 0;
            while let 1.. = queue
                .promote(shard, 10)
                .await
                .map(|promoted| {
                    moved += promoted.moved;
                    promoted.moved
                })
                .unwrap()
            {}
            moved
        });
    }
    assert_eq!(promoters.join_all().await.into_iter().sum::<usize>(), 300);
    assert_eq!(claim_all(h, &worker("a")).await.len(), 300);
}
