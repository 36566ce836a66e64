//! What the background loops rely on.

use std::time::Duration;

use scheduler_domain::{Entry, Epoch, Shard};

use super::Harness;
use super::fixtures::{claim_all, entries, entry, id, id_in, promote_all, ready_in, worker};

/// Ready, delayed, leased, promoted, released.
pub async fn known_entries_are_known_wherever_they_are(h: &impl Harness) {
    let shard = id(0).shard();
    let unknown = async |entry: &Entry| {
        !h.queue()
            .unknown(shard, std::slice::from_ref(entry))
            .await
            .unwrap()
            .is_empty()
    };
    let late = ready_in(entry(h, id_in(shard, 1)), Duration::from_secs(60));
    assert!(unknown(&late).await);
    h.queue().push(std::slice::from_ref(&late)).await.unwrap();
    assert!(!unknown(&late).await, "delayed");
    h.advance(Duration::from_secs(120));
    promote_all(h).await;
    assert!(!unknown(&late).await, "ready");
    let claimed = claim_all(h, &worker("a")).await.remove(0).entry;
    assert!(!unknown(&late).await, "leased");
    h.queue().release(&worker("a"), &[claimed]).await.unwrap();
    assert!(!unknown(&late).await, "released");
    claim_all(h, &worker("a")).await;
    h.queue()
        .ack(&worker("a"), &[(late.id, late.epoch)])
        .await
        .unwrap();
    assert!(unknown(&late).await, "acknowledged");
    assert!(h.queue().unknown(shard, &[]).await.unwrap().is_empty());
}

/// The answer is those asked about, in their order.
pub async fn entries_under_another_epoch_are_unknown(h: &impl Harness) {
    let shard = id(0).shard();
    let known: Vec<Entry> = (0..6)
        .map(|n| Entry {
            epoch: Epoch(3),
            ..entry(h, id_in(shard, n))
        })
        .collect();
    h.queue().push(&known[..3]).await.unwrap();
    claim_all(h, &worker("a")).await;
    h.queue().push(&known[3..]).await.unwrap();
    assert!(h.queue().unknown(shard, &known).await.unwrap().is_empty());
    for epoch in [2, 4] {
        let other: Vec<Entry> = known
            .iter()
            .map(|entry| Entry {
                epoch: Epoch(epoch),
                ..entry.clone()
            })
            .collect();
        assert_eq!(h.queue().unknown(shard, &other).await.unwrap(), other);
    }
}

/// So that they are pushed again.
pub async fn everything_is_unknown_after_a_loss(h: &impl Harness) {
    let shard = id(0).shard();
    let all: Vec<Entry> = (0..10).map(|n| entry(h, id_in(shard, n))).collect();
    h.queue().push(&all).await.unwrap();
    h.queue()
        .claim(&worker("a"), &crate::Served::All, None, 5)
        .await
        .unwrap();
    h.lose_everything().await;
    assert_eq!(h.queue().unknown(shard, &all).await.unwrap(), all);
    assert!(claim_all(h, &worker("a")).await.is_empty());
    h.queue().push(&all).await.unwrap();
    assert_eq!(claim_all(h, &worker("a")).await.len(), 10);
}

/// And not otherwise.
pub async fn the_incarnation_changes_when_everything_is_lost(h: &impl Harness) {
    let first = h.queue().incarnation().await.unwrap();
    h.queue().push(&entries(h, 10)).await.unwrap();
    claim_all(h, &worker("a")).await;
    assert_eq!(h.queue().incarnation().await.unwrap(), first);
    h.lose_everything().await;
    let second = h.queue().incarnation().await.unwrap();
    assert_ne!(second, first);
    assert_eq!(h.queue().incarnation().await.unwrap(), second);
}

/// Or renews before that.
pub async fn one_owner_is_elected_until_its_time_is_up(h: &impl Harness) {
    let shard = id(0).shard();
    let ttl = Duration::from_secs(60);
    let elect = async |owner: &str| h.queue().elect(shard, owner, ttl).await.unwrap();
    assert!(elect("a b").await);
    assert!(!elect("c").await);
    assert!(!elect("a").await);
    h.advance(Duration::from_secs(40));
    assert!(elect("a b").await);
    h.advance(Duration::from_secs(40));
    assert!(!elect("c").await);
    h.advance(Duration::from_secs(21));
    assert!(elect("c").await);
    assert!(!elect("a b").await);
}

/// So that processes share the work.
pub async fn every_shard_elects_by_itself(h: &impl Harness) {
    for (shard, n) in Shard::all().zip(0..) {
        let owner = if n % 2 == 0 { "even" } else { "odd" };
        assert!(
            h.queue()
                .elect(shard, owner, Duration::from_secs(60))
                .await
                .unwrap()
        );
        assert!(
            !h.queue()
                .elect(shard, "other", Duration::from_secs(60))
                .await
                .unwrap()
        );
    }
}

/// Between any two calls, a server may restart or fail over and know no script any more.
pub async fn scripts_are_taught_again(h: &impl Harness) {
    let all = entries(h, 100);
    h.queue().push(&all).await.unwrap();
    h.forget_scripts().await;
    h.lose_everything().await;
    h.queue().push(&all).await.unwrap();
    h.forget_scripts().await;
    let claimed = claim_all(h, &worker("a")).await;
    assert_eq!(claimed.len(), 100);
    h.forget_scripts().await;
    let held = super::fixtures::held(&worker("a"), &claimed);
    assert!(
        h.queue()
            .extend(&worker("a"), super::LEASE, &held)
            .await
            .unwrap()
            .is_empty()
    );
    h.forget_scripts().await;
    let back: Vec<Entry> = claimed.into_iter().map(|claimed| claimed.entry).collect();
    h.queue().release(&worker("a"), &back).await.unwrap();
    h.forget_scripts().await;
    assert_eq!(h.queue().depths().await.unwrap()[0].ready, 100);
}
