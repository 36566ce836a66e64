//! Leases whose worker fell silent.

use std::collections::HashSet;
use std::time::Duration;

use scheduler_domain::{Entry, Epoch, Shard};

use super::fixtures::{claim, claim_all, entries, entry, expired_all, held, id, id_in, worker};
use super::{Harness, LEASE};

/// As they were claimed, and again until they are evicted.
pub async fn leases_of_a_silent_worker_are_expired(h: &impl Harness) {
    h.queue().push(&entries(h, 10)).await.unwrap();
    let mut held = held(&worker("a"), &claim_all(h, &worker("a")).await);
    held.sort_by_key(|lease| lease.id);
    assert!(expired_all(h).await.is_empty());
    h.advance(LEASE + Duration::from_secs(1));
    for _ in 0..3 {
        assert_eq!(expired_all(h).await, held);
    }
}

/// Such as when the list of workers was lost and the leases were not.
pub async fn leases_of_an_unknown_worker_are_expired(h: &impl Harness) {
    h.queue().push(&entries(h, 10)).await.unwrap();
    claim_all(h, &worker("a")).await;
    h.queue().retire(&worker("a")).await.unwrap();
    assert_eq!(expired_all(h).await.len(), 10);
    assert_eq!(expired_all(h).await.len(), 10);
}

/// Batches are what the store can do in one statement.
pub async fn no_more_leases_than_asked_for_are_expired(h: &impl Harness) {
    let shard = id(0).shard();
    let all: Vec<Entry> = (0..50).map(|n| entry(h, id_in(shard, n))).collect();
    h.queue().push(&all).await.unwrap();
    claim_all(h, &worker("a")).await;
    h.advance(LEASE * 2);
    let mut left = 50;
    while left > 0 {
        let expired = h.queue().expired(shard, 20).await.unwrap();
        assert_eq!(expired.len(), left.min(20));
        left -= expired.len();
        h.queue().evict(&expired).await.unwrap();
    }
    assert!(h.queue().expired(shard, 20).await.unwrap().is_empty());
}

/// Among thousands that are not, whatever the steps in which a backend looks.
pub async fn every_expired_lease_is_found(h: &impl Harness) {
    let shard = id(0).shard();
    let all: Vec<Entry> = (0..6_000).map(|n| entry(h, id_in(shard, n))).collect();
    let (theirs, ours) = all.split_at(5_500);
    h.queue().push(theirs).await.unwrap();
    claim_all(h, &worker("alive")).await;
    h.queue().push(ours).await.unwrap();
    claim_all(h, &worker("silent")).await;
    h.queue().extend(&worker("alive"), LEASE * 10, &[]).await.unwrap();
    h.advance(LEASE * 2);

    let mut found = HashSet::new();
    loop {
        let expired = h.queue().expired(shard, 100).await.unwrap();
        if expired.is_empty() {
            break;
        }
        assert!(expired.len() <= 100);
        assert!(expired.iter().all(|lease| lease.worker == worker("silent")));
        h.queue().evict(&expired).await.unwrap();
        found.extend(expired.into_iter().map(|lease| lease.id));
    }
    assert_eq!(found.len(), 500);
}

/// Then the job can be handed out again.
pub async fn an_evicted_lease_is_gone(h: &impl Harness) {
    let all = entries(h, 10);
    h.queue().push(&all).await.unwrap();
    claim_all(h, &worker("a")).await;
    h.advance(LEASE * 2);
    h.queue().evict(&expired_all(h).await).await.unwrap();
    h.queue().evict(&[]).await.unwrap();
    assert!(expired_all(h).await.is_empty());
    assert_eq!(h.queue().sizes().await.unwrap().leased, 0);
    let again: Vec<Entry> = all
        .into_iter()
        .map(|entry| Entry {
            epoch: Epoch(2),
            ..entry
        })
        .collect();
    h.queue().push(&again).await.unwrap();
    assert_eq!(claim_all(h, &worker("b")).await.len(), 10);
}

/// Between the look and the eviction.
pub async fn an_eviction_spares_a_lease_that_changed_hands(h: &impl Harness) {
    let all = entries(h, 2);
    h.queue().push(&all).await.unwrap();
    claim_all(h, &worker("a")).await;
    h.advance(LEASE * 2);
    let expired = expired_all(h).await;
    h.queue().evict(&expired).await.unwrap();
    h.queue()
        .push(&[
            all[0].clone(),
            Entry {
                epoch: Epoch(2),
                ..all[1].clone()
            },
        ])
        .await
        .unwrap();
    assert_eq!(claim_all(h, &worker("b")).await.len(), 2);
    h.queue().evict(&expired).await.unwrap();
    let leases = h.queue().leases(&[id(0), id(1)]).await.unwrap();
    assert!(
        leases
            .iter()
            .all(|lease| lease.as_ref().unwrap().worker == worker("b"))
    );
}

/// So that the list of workers does not grow with every restart.
pub async fn a_silent_worker_that_holds_nothing_is_forgotten(h: &impl Harness) {
    h.queue().push(&entries(h, 10)).await.unwrap();
    for shard in Shard::all() {
        h.queue()
            .claim(&worker("a"), &crate::Served::All, Some(shard), 1)
            .await
            .unwrap();
    }
    h.queue().extend(&worker("b"), LEASE, &[]).await.unwrap();
    assert_eq!(h.queue().sizes().await.unwrap().workers, 2);
    h.advance(LEASE * 2);
    let expired = expired_all(h).await;
    assert_eq!(expired.len(), 8);
    h.queue().evict(&expired).await.unwrap();
    assert!(expired_all(h).await.is_empty());
    assert_eq!(h.queue().sizes().await.unwrap().workers, 0);
    // Alive again, it is as any other.
    claim(h, &worker("a"), 1).await;
    assert_eq!(h.queue().sizes().await.unwrap().workers, 1);
    assert!(expired_all(h).await.is_empty());
}
