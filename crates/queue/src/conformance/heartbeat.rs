//! What heartbeats keep alive.

use std::time::Duration;

use scheduler_domain::{Entry, Epoch};

use super::fixtures::{claim, claim_all, entries, entry, expired_all, held, id, id_in, worker};
use super::{Harness, LEASE};

const TTL: Duration = Duration::from_secs(60);

/// Much longer than one lease.
pub async fn a_lease_lives_as_long_as_its_worker_beats(h: &impl Harness) {
    h.queue().push(&entries(h, 20)).await.unwrap();
    let held = held(&worker("a"), &claim_all(h, &worker("a")).await);
    for _ in 0..5 {
        assert!(
            h.queue()
                .extend(&worker("a"), TTL, &held)
                .await
                .unwrap()
                .is_empty()
        );
        h.advance(TTL - Duration::from_secs(5));
        assert!(expired_all(h).await.is_empty());
    }
    h.advance(Duration::from_secs(6));
    assert_eq!(expired_all(h).await.len(), 20);
}

/// For a lease; later claims add nothing.
pub async fn a_claim_is_the_first_heartbeat(h: &impl Harness) {
    let shard = id(0).shard();
    let all: Vec<Entry> = (0..2).map(|n| entry(h, id_in(shard, n))).collect();
    h.queue().push(&all[..1]).await.unwrap();
    claim(h, &worker("a"), 1).await;
    h.advance(LEASE - Duration::from_secs(5));
    assert!(expired_all(h).await.is_empty());
    h.queue().push(&all[1..]).await.unwrap();
    claim(h, &worker("a"), 1).await;
    h.advance(Duration::from_secs(6));
    assert_eq!(expired_all(h).await.len(), 2);
}

/// So that a flush does not start running jobs twice.
pub async fn lost_leases_are_made_again(h: &impl Harness) {
    let all = entries(h, 20);
    h.queue().push(&all).await.unwrap();
    let held = held(&worker("a"), &claim_all(h, &worker("a")).await);
    h.lose_everything().await;
    assert!(h.queue().leases(&[id(1)]).await.unwrap()[0].is_none());
    assert!(
        h.queue()
            .extend(&worker("a"), TTL, &held)
            .await
            .unwrap()
            .is_empty()
    );
    for lease in &held {
        assert_eq!(
            h.queue().leases(&[lease.id]).await.unwrap()[0].as_ref(),
            Some(lease)
        );
    }
    // What is leased is not to be pushed again.
    h.queue().push(&all).await.unwrap();
    assert!(claim_all(h, &worker("b")).await.is_empty());
    assert!(expired_all(h).await.is_empty());
}

/// By somebody else under the same epoch after a loss, and under a higher one after an eviction.
pub async fn a_lease_taken_over_is_reported_lost(h: &impl Harness) {
    let all = entries(h, 3);
    h.queue().push(&all).await.unwrap();
    let held = held(&worker("a"), &claim_all(h, &worker("a")).await);
    h.lose_everything().await;
    let again = Entry {
        epoch: Epoch(2),
        ..all[1].clone()
    };
    h.queue().push(&[all[0].clone(), again]).await.unwrap();
    assert_eq!(claim_all(h, &worker("b")).await.len(), 2);

    let mut lost = h.queue().extend(&worker("a"), TTL, &held).await.unwrap();
    lost.sort();
    assert_eq!(lost, [id(0), id(1)]);
    let holders = h.queue().leases(&[id(0), id(1), id(2)]).await.unwrap();
    let holders: Vec<_> = holders.into_iter().map(|lease| lease.unwrap().worker).collect();
    assert_eq!(holders, [worker("b"), worker("b"), worker("a")]);
}

/// The store has handed the job out again while its worker was silent.
pub async fn a_lease_made_again_yields_to_a_higher_epoch(h: &impl Harness) {
    let old = entry(h, id(1));
    h.queue().push(std::slice::from_ref(&old)).await.unwrap();
    let held = held(&worker("a"), &claim(h, &worker("a"), 1).await);
    h.advance(LEASE * 2);
    h.queue().evict(&expired_all(h).await).await.unwrap();
    h.queue()
        .push(&[Entry {
            epoch: Epoch(2),
            ..old
        }])
        .await
        .unwrap();
    h.queue().extend(&worker("a"), TTL, &held).await.unwrap();
    assert_eq!(claim(h, &worker("b"), 1).await[0].entry.epoch, Epoch(2));
    assert_eq!(h.queue().extend(&worker("a"), TTL, &held).await.unwrap(), [id(1)]);
}

/// The list of what is held may be older than the end.
pub async fn an_ended_attempt_is_not_leased_again_by_a_late_heartbeat(h: &impl Harness) {
    h.queue().push(&entries(h, 20)).await.unwrap();
    let held = held(&worker("a"), &claim_all(h, &worker("a")).await);
    let ended: Vec<_> = held
        .iter()
        .take(10)
        .map(|lease| (lease.id, lease.epoch))
        .collect();
    h.queue().ack(&worker("a"), &ended).await.unwrap();
    for _ in 0..2 {
        assert!(
            h.queue()
                .extend(&worker("a"), TTL, &held[..10])
                .await
                .unwrap()
                .is_empty()
        );
        assert_eq!(h.queue().sizes().await.unwrap().leased, 10);
    }
}

/// Or it would be ready and leased at once.
pub async fn a_released_entry_is_not_leased_again_by_a_late_heartbeat(h: &impl Harness) {
    h.queue().push(&entries(h, 5)).await.unwrap();
    let claimed = claim_all(h, &worker("a")).await;
    let held = held(&worker("a"), &claimed);
    let back: Vec<Entry> = claimed.into_iter().map(|claimed| claimed.entry).collect();
    h.queue().release(&worker("a"), &back).await.unwrap();
    h.queue().extend(&worker("a"), TTL, &held).await.unwrap();
    assert_eq!(claim_all(h, &worker("b")).await.len(), 5);
}

/// Having been given up before does not count.
pub async fn a_lease_claimed_again_is_made_again_when_lost(h: &impl Harness) {
    h.queue().push(&[entry(h, id(1))]).await.unwrap();
    let back = claim(h, &worker("a"), 1).await.remove(0).entry;
    h.queue().release(&worker("a"), &[back]).await.unwrap();
    let held = held(&worker("a"), &claim(h, &worker("a"), 1).await);
    h.lose_everything().await;
    h.queue().extend(&worker("a"), TTL, &held).await.unwrap();
    assert!(h.queue().leases(&[id(1)]).await.unwrap()[0].is_some());
}

/// And those of others are not.
pub async fn a_retired_workers_leases_are_expired_at_once(h: &impl Harness) {
    h.queue().push(&entries(h, 20)).await.unwrap();
    let claimed = claim(h, &worker("a"), 2).await;
    claim_all(h, &worker("b")).await;
    h.queue()
        .extend(&worker("a"), TTL, &held(&worker("a"), &claimed))
        .await
        .unwrap();
    h.queue().extend(&worker("b"), TTL, &[]).await.unwrap();
    h.queue().retire(&worker("a")).await.unwrap();
    h.queue().retire(&worker("never-seen")).await.unwrap();
    let expired = expired_all(h).await;
    assert_eq!(expired.len(), claimed.len());
    assert!(expired.iter().all(|lease| lease.worker == worker("a")));
    assert_eq!(h.queue().sizes().await.unwrap().workers, 1);
}

/// A process that was stopped for a while must not charge crashes to the jobs it takes next.
pub async fn a_worker_whose_time_was_up_comes_back_with_its_next_claim(h: &impl Harness) {
    let shard = id(0).shard();
    h.queue().push(&[entry(h, id_in(shard, 1))]).await.unwrap();
    claim(h, &worker("a"), 1).await;
    h.advance(LEASE * 2);
    h.queue().push(&[entry(h, id_in(shard, 2))]).await.unwrap();
    claim(h, &worker("a"), 1).await;
    assert!(expired_all(h).await.is_empty());
}
