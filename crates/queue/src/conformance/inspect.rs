//! Looking, and hints.

use std::time::Duration;

use scheduler_domain::{Entry, Priority};

use super::Harness;
use super::fixtures::{claim, drain, entries, entry, id, queue, ready_in, ready_since, worker};
use crate::{Depth, Hint};

/// Over all shards, with the age of the oldest.
pub async fn depths_are_counted_by_queue_and_priority(h: &impl Harness) {
    assert!(h.queue().depths().await.unwrap().is_empty());
    let mut all = entries(h, 30);
    all[7] = ready_since(all[7].clone(), Duration::from_secs(100));
    all.extend((30..35).map(|n| Entry {
        queue: queue("mail"),
        priority: Priority::Low,
        ..entry(h, id(n))
    }));
    all.extend((35..38).map(|n| Entry {
        priority: Priority::Critical,
        ..entry(h, id(n))
    }));
    all.push(ready_in(entry(h, id(50)), Duration::from_secs(60)));
    h.queue().push(&all).await.unwrap();
    h.advance(Duration::from_secs(10));

    let mut depths = h.queue().depths().await.unwrap();
    depths.sort_by_key(|depth| (depth.queue.clone(), depth.priority));
    let counted: Vec<_> = depths
        .iter()
        .map(|depth| (depth.queue.as_str(), depth.priority, depth.ready))
        .collect();
    assert_eq!(
        counted,
        [
            ("default", Priority::Critical, 3),
            ("default", Priority::Default, 30),
            ("mail", Priority::Low, 5)
        ]
    );
    for (depth, expected) in depths.iter().zip([10, 110, 10]) {
        let oldest = depth.oldest.unwrap();
        let expected = Duration::from_secs(expected);
        assert!(
            oldest + Duration::from_secs(1) >= expected && oldest < expected + Duration::from_secs(5),
            "{oldest:?}"
        );
    }
}

/// Whoever reads the depths sets the others to zero.
pub async fn an_emptied_line_is_not_listed(h: &impl Harness) {
    let all = entries(h, 10);
    h.queue().push(&all).await.unwrap();
    h.queue()
        .push(&[Entry {
            queue: queue("mail"),
            ..entry(h, id(10))
        }])
        .await
        .unwrap();
    h.queue().remove(&all).await.unwrap();
    let depths = h.queue().depths().await.unwrap();
    assert!(
        matches!(depths.as_slice(), [Depth { queue: name, ready: 1, .. }] if *name == queue("mail")),
        "{depths:?}"
    );
    drain(h, &worker("a")).await;
    assert!(h.queue().depths().await.unwrap().is_empty());
}

/// Through every place.
pub async fn sizes_follow_an_entry_through_the_queue(h: &impl Harness) {
    let sizes = async || {
        let sizes = h.queue().sizes().await.unwrap();
        (sizes.ready, sizes.delayed, sizes.leased, sizes.workers)
    };
    assert_eq!(sizes().await, (0, 0, 0, 0));
    h.queue()
        .push(&[
            entry(h, id(1)),
            ready_in(entry(h, id(2)), Duration::from_secs(60)),
        ])
        .await
        .unwrap();
    assert_eq!(sizes().await, (1, 1, 0, 0));
    claim(h, &worker("a"), 10).await;
    assert_eq!(sizes().await, (0, 1, 1, 1));
    h.queue()
        .ack(&worker("a"), &[(id(1), entry(h, id(1)).epoch)])
        .await
        .unwrap();
    assert_eq!(sizes().await, (0, 1, 0, 1));
    h.advance(Duration::from_secs(61));
    super::fixtures::promote_all(h).await;
    assert_eq!(sizes().await, (1, 0, 0, 0));
}

/// Nothing more.
pub async fn it_answers_a_ping(h: &impl Harness) {
    h.queue().ping().await.unwrap();
}

/// Everything from the subscription on, in order.
pub async fn hints_reach_every_subscriber(h: &impl Harness) {
    h.queue().publish(Hint::Cancelled(id(1))).await.unwrap();
    let mut first = h.queue().subscribe().await.unwrap();
    let mut second = h.queue().subscribe().await.unwrap();
    let hints = [
        Hint::Changed(vec![id(1), id(2)]),
        Hint::Cancelled(id(3)),
        Hint::Changed((0..500).map(id).collect()),
    ];
    for hint in &hints {
        h.queue().publish(hint.clone()).await.unwrap();
    }
    for receiver in [&mut first, &mut second] {
        for hint in &hints {
            let got = tokio::time::timeout(Duration::from_secs(5), receiver.recv())
                .await
                .unwrap()
                .unwrap();
            assert_eq!(got, *hint);
        }
    }
}
