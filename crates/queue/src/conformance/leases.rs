//! How leases end.

use std::time::Duration;

use scheduler_domain::{Entry, Epoch, JobId};

use super::Harness;
use super::fixtures::{claim, claim_all, entries, entry, id, id_in, ids, ready_in, ready_since, worker};
use crate::Served;

async fn is_leased(h: &impl Harness, id: JobId) -> bool {
    h.queue().leases(&[id]).await.unwrap()[0].is_some()
}

/// And nothing else.
pub async fn an_acknowledged_lease_is_gone(h: &impl Harness) {
    h.queue().push(&entries(h, 20)).await.unwrap();
    claim_all(h, &worker("a")).await;
    let ended: Vec<_> = (0..10).map(|n| (id(n), Epoch::FIRST)).collect();
    h.queue().ack(&worker("a"), &ended).await.unwrap();
    h.queue().ack(&worker("a"), &[]).await.unwrap();
    for n in 0..20 {
        assert_eq!(is_leased(h, id(n)).await, n >= 10, "{n}");
    }
}

/// It may come from a worker that was thought dead.
pub async fn an_acknowledgement_by_another_worker_or_epoch_is_ignored(h: &impl Harness) {
    let entry = Entry {
        epoch: Epoch(5),
        ..entry(h, id(1))
    };
    h.queue().push(&[entry]).await.unwrap();
    claim(h, &worker("a"), 1).await;
    for (name, epoch) in [("b", 5), ("a", 4), ("a", 6), ("", 5)] {
        h.queue()
            .ack(&worker(name), &[(id(1), Epoch(epoch))])
            .await
            .unwrap();
        assert!(is_leased(h, id(1)).await, "{name} {epoch}");
    }
    h.queue().ack(&worker("a"), &[(id(1), Epoch(5))]).await.unwrap();
    assert!(!is_leased(h, id(1)).await);
}

/// Before those that became ready later.
pub async fn a_released_entry_stands_in_its_old_place(h: &impl Harness) {
    let shard = id(0).shard();
    let all: Vec<Entry> = (0..5)
        .map(|n| ready_since(entry(h, id_in(shard, n)), Duration::from_secs(60 - n)))
        .collect();
    h.queue().push(&all).await.unwrap();
    let claimed = claim(h, &worker("a"), 3).await;
    assert_eq!(ids(&claimed), [all[0].id, all[1].id, all[2].id]);
    let back: Vec<Entry> = claimed.into_iter().take(2).map(|claimed| claimed.entry).collect();
    h.queue().release(&worker("a"), &back).await.unwrap();
    let claimed = claim(h, &worker("b"), 10).await;
    assert_eq!(ids(&claimed), [all[0].id, all[1].id, all[3].id, all[4].id]);
    assert_eq!(claimed[0].entry, all[0]);
    assert!(is_leased(h, all[2].id).await);
}

/// They have nothing to give back.
pub async fn a_release_by_another_worker_or_epoch_is_ignored(h: &impl Harness) {
    let entry = Entry {
        epoch: Epoch(5),
        ..entry(h, id(1))
    };
    h.queue().push(std::slice::from_ref(&entry)).await.unwrap();
    claim(h, &worker("a"), 1).await;
    h.queue()
        .release(&worker("b"), std::slice::from_ref(&entry))
        .await
        .unwrap();
    h.queue()
        .release(
            &worker("a"),
            &[Entry {
                epoch: Epoch(4),
                ..entry.clone()
            }],
        )
        .await
        .unwrap();
    h.queue().release(&worker("a"), &[]).await.unwrap();
    assert!(claim_all(h, &worker("c")).await.is_empty());
    h.queue().release(&worker("a"), &[entry]).await.unwrap();
    assert_eq!(claim_all(h, &worker("c")).await.len(), 1);
}

/// After a lost answer it is sent again; by then somebody else may have finished the job.
pub async fn a_release_repeated_does_nothing(h: &impl Harness) {
    h.queue().push(&[entry(h, id(1))]).await.unwrap();
    let back = claim(h, &worker("a"), 1).await.remove(0).entry;
    h.queue()
        .release(&worker("a"), std::slice::from_ref(&back))
        .await
        .unwrap();
    claim(h, &worker("b"), 1).await;
    h.queue()
        .ack(&worker("b"), &[(id(1), Epoch::FIRST)])
        .await
        .unwrap();
    h.queue().release(&worker("a"), &[back]).await.unwrap();
    assert!(claim_all(h, &worker("c")).await.is_empty());
}

/// Ready, delayed and leased, and leased under a lower epoch.
pub async fn a_removed_entry_is_gone_wherever_it_was(h: &impl Harness) {
    let leased = entry(h, id(1));
    let superseded = entry(h, id(2));
    h.queue()
        .push(&[leased.clone(), superseded.clone()])
        .await
        .unwrap();
    assert_eq!(claim_all(h, &worker("a")).await.len(), 2);
    let ready = entry(h, id(3));
    let delayed = ready_in(entry(h, id(4)), Duration::from_secs(60));
    let other = entry(h, id(5));
    h.queue()
        .push(&[ready.clone(), delayed.clone(), other])
        .await
        .unwrap();

    let newer = Entry {
        epoch: Epoch(2),
        ..superseded
    };
    h.queue().remove(&[leased, newer, ready, delayed]).await.unwrap();
    h.queue().remove(&[]).await.unwrap();
    h.advance(Duration::from_secs(120));
    super::fixtures::promote_all(h).await;
    assert_eq!(ids(&claim_all(h, &worker("b")).await), [id(5)]);
    assert!(!is_leased(h, id(1)).await && !is_leased(h, id(2)).await);
}

/// Whoever removes does not know of it.
pub async fn a_removal_leaves_a_lease_under_a_higher_epoch(h: &impl Harness) {
    let newer = Entry {
        epoch: Epoch(2),
        ..entry(h, id(1))
    };
    h.queue().push(std::slice::from_ref(&newer)).await.unwrap();
    claim(h, &worker("a"), 1).await;
    h.queue()
        .remove(&[Entry {
            epoch: Epoch(1),
            ..newer
        }])
        .await
        .unwrap();
    assert!(is_leased(h, id(1)).await);
}

/// With nothing for those that are not leased.
pub async fn leases_are_answered_in_the_order_asked_for(h: &impl Harness) {
    h.queue().push(&entries(h, 10)).await.unwrap();
    let claimed = claim_all(h, &worker("a")).await;
    assert_eq!(claimed.len(), 10);
    let asked = [id(7), id(100), id(0), id(3), id(101), id(7)];
    let leases = h.queue().leases(&asked).await.unwrap();
    let found: Vec<_> = leases
        .iter()
        .map(|lease| lease.as_ref().map(|lease| lease.id))
        .collect();
    assert_eq!(
        found,
        [Some(id(7)), None, Some(id(0)), Some(id(3)), None, Some(id(7))]
    );
    let lease = leases[0].clone().unwrap();
    let at = claimed
        .iter()
        .find(|claimed| claimed.entry.id == id(7))
        .unwrap()
        .at;
    assert_eq!(
        (lease.worker, lease.epoch, lease.since),
        (worker("a"), Epoch::FIRST, at)
    );
    assert!(h.queue().leases(&[]).await.unwrap().is_empty());
    assert!(
        h.queue()
            .claim(&worker("b"), &Served::All, None, 1)
            .await
            .unwrap()
            .is_empty()
    );
}
