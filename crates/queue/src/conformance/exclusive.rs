//! One entry is given to at most one worker.

use std::collections::HashSet;

use scheduler_domain::{Entry, Epoch, JobId};
use tokio::task::JoinSet;

use super::Harness;
use super::fixtures::{claim, claim_all, drain, entries, entry, id, ids, worker};
use crate::Served;

/// 1,000 entries, 8 claimers, pushes going on meanwhile.
pub async fn each_entry_is_claimed_once_by_concurrent_claimers(h: &impl Harness) {
    let all = entries(h, 1_000);
    let (first, second) = all.split_at(500);
    h.queue().push(first).await.unwrap();
    let mut claimers = JoinSet::new();
    for n in 0..8 {
        let queue = h.queue();
        claimers.spawn(async move {
            let worker = worker(&format!("w{n}"));
            let mut taken: Vec<JobId> = Vec::new();
            let mut dry = 0;
            // The second half may still be on its way when the first is gone.
            while dry < 50 {
                let claimed = queue.claim(&worker, &Served::All, None, 7).await.unwrap();
                if claimed.is_empty() {
                    dry += 1;
                    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
                }
                taken.extend(ids(&claimed));
            }
            taken
        });
    }
    h.queue().push(second).await.unwrap();
    let taken: Vec<JobId> = claimers.join_all().await.into_iter().flatten().collect();
    assert_eq!(taken.len(), 1_000);
    assert_eq!(taken.into_iter().collect::<HashSet<_>>().len(), 1_000);
}

/// In one batch, in two batches, and after it was seen.
pub async fn an_entry_pushed_twice_is_claimed_once(h: &impl Harness) {
    let entry = entry(h, id(1));
    h.queue().push(&[entry.clone(), entry.clone()]).await.unwrap();
    h.queue().push(std::slice::from_ref(&entry)).await.unwrap();
    assert_eq!(claim_all(h, &worker("a")).await.len(), 1);
}

/// While it is leased, and ready again once the lease is gone.
pub async fn a_push_of_what_is_leased_is_left_alone(h: &impl Harness) {
    let all = entries(h, 20);
    h.queue().push(&all).await.unwrap();
    assert_eq!(claim_all(h, &worker("a")).await.len(), 20);
    h.queue().push(&all).await.unwrap();
    assert_eq!(h.queue().sizes().await.unwrap().ready, 0);
    assert!(claim_all(h, &worker("b")).await.is_empty());
    let lease = h.queue().leases(&[id(3)]).await.unwrap().remove(0).unwrap();
    assert_eq!(lease.worker, worker("a"));
}

/// The store has handed the job out again: the old lease is worth nothing.
pub async fn a_higher_epoch_replaces_the_lease_of_a_lower_one(h: &impl Harness) {
    let old = entry(h, id(1));
    h.queue().push(std::slice::from_ref(&old)).await.unwrap();
    assert_eq!(claim(h, &worker("a"), 1).await.len(), 1);
    let new = Entry {
        epoch: old.epoch.next(),
        ..old
    };
    h.queue().push(std::slice::from_ref(&new)).await.unwrap();
    let claimed = claim(h, &worker("b"), 1).await;
    assert_eq!(claimed[0].entry.epoch, Epoch(2));
    let lease = h.queue().leases(&[id(1)]).await.unwrap().remove(0).unwrap();
    assert_eq!((lease.worker, lease.epoch), (worker("b"), Epoch(2)));
}

/// Such as a late push of what was handed out again meanwhile.
pub async fn a_lower_epoch_is_dropped_while_a_higher_one_is_leased(h: &impl Harness) {
    let old = entry(h, id(1));
    let new = Entry {
        epoch: Epoch(300),
        ..old.clone()
    };
    h.queue().push(std::slice::from_ref(&new)).await.unwrap();
    assert_eq!(claim(h, &worker("a"), 1).await[0].entry.epoch, Epoch(300));
    h.queue().push(&[old]).await.unwrap();
    assert!(claim_all(h, &worker("b")).await.is_empty());
}

/// A limit of none takes none.
pub async fn a_claim_takes_no_more_than_its_limit(h: &impl Harness) {
    let shard = id(0).shard();
    let all: Vec<Entry> = (0..50)
        .map(|n| entry(h, super::fixtures::id_in(shard, n)))
        .collect();
    h.queue().push(&all).await.unwrap();
    assert!(claim(h, &worker("a"), 0).await.is_empty());
    assert_eq!(claim(h, &worker("a"), 1).await.len(), 1);
    assert_eq!(claim(h, &worker("a"), 30).await.len(), 30);
    assert_eq!(claim(h, &worker("a"), 30).await.len(), 19);
}

/// More than any backend handles in one piece.
pub async fn a_batch_of_thousands_goes_in_and_out(h: &impl Harness) {
    let shard = id(0).shard();
    let all: Vec<Entry> = (0..5_000)
        .map(|n| entry(h, super::fixtures::id_in(shard, n)))
        .collect();
    h.queue().push(&all).await.unwrap();
    let claimed = h
        .queue()
        .claim(&worker("a"), &Served::All, None, 5_000)
        .await
        .unwrap();
    assert_eq!(claimed.len(), 5_000);
    let held = super::fixtures::held(&worker("a"), &claimed);
    assert!(
        h.queue()
            .extend(&worker("a"), super::LEASE, &held)
            .await
            .unwrap()
            .is_empty()
    );
    let back: Vec<Entry> = claimed.into_iter().map(|claimed| claimed.entry).collect();
    assert!(h.queue().unknown(shard, &back).await.unwrap().is_empty());
    h.queue().release(&worker("a"), &back).await.unwrap();
    assert_eq!(drain(h, &worker("b")).await.len(), 5_000);
    h.queue().push(&all).await.unwrap();
    h.queue().remove(&all).await.unwrap();
    assert_eq!(h.queue().unknown(shard, &all).await.unwrap().len(), 5_000);
}
