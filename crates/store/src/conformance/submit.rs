//! Accepting jobs.

use std::time::Duration;

use scheduler_domain::{Epoch, Jitter, Priority, QueueName, RetryPolicy, Sequence, State, Timestamp};

use super::Harness;
use super::jobs::{a_job, at, chosen, get, id, keyed, submit, submit_all};
use crate::{Jobs as _, Submitted};

/// Every part of the body, and every field that the store fills in.
pub async fn a_new_job_comes_back_as_it_was_asked_for(h: &impl Harness) {
    let store = h.store();
    let mut new = keyed(1, 1);
    new.trace = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned());
    new.spec.queue = QueueName::parse("mail").unwrap();
    new.spec.priority = Priority::Critical;
    new.spec.max_attempts = 7;
    new.spec.options.timeout = Some(Duration::from_millis(1_500));
    new.spec
        .options
        .labels
        .insert("team".to_owned(), "größe \u{1f980}".to_owned());
    let created = submit(store, at(0), new.clone()).await;
    assert_eq!(created.spec, new.spec);
    assert_eq!(created.trace, new.trace);
    assert_eq!(
        (created.state, created.epoch, created.sequence),
        (State::Queued, Epoch::FIRST, Sequence::FIRST)
    );
    assert_eq!(
        (created.created_at, created.updated_at, created.run_at),
        (at(0), at(0), at(0))
    );
    assert_eq!((created.attempts, created.crashes), (0, 0));
    assert_eq!(get(store, id(1)).await, created);
}

/// A second from now, and in the year 9999.
pub async fn a_job_for_later_is_scheduled(h: &impl Harness) {
    let store = h.store();
    let far = Timestamp::from_timestamp_micros(253_402_300_799_999_999).unwrap();
    for (n, run_at) in [(1, at(1)), (2, far)] {
        let mut new = a_job(n);
        new.spec.options.run_at = Some(run_at);
        let created = submit(store, at(0), new).await;
        assert_eq!((created.state, created.run_at), (State::Scheduled, run_at));
        assert_eq!(get(store, id(n)).await, created);
    }
    assert_eq!(get(store, id(1)).await.state_at(at(1)), State::Queued);
}

/// And what was asked for is kept, so that the same submission can be recognised.
pub async fn a_time_that_has_passed_means_now(h: &impl Harness) {
    let store = h.store();
    let mut new = chosen(1);
    new.spec.options.run_at = Some(at(0));
    let created = submit(store, at(10), new.clone()).await;
    assert_eq!((created.state, created.run_at), (State::Queued, at(10)));
    assert_eq!(created.spec.options.run_at, Some(at(0)));
    assert_eq!(
        store.submit(at(20), vec![new]).await.unwrap(),
        [Submitted::Existing(created)]
    );
}

/// Unlike a moment, a delay is the same whenever the job is submitted again.
pub async fn a_delay_counts_from_acceptance_and_makes_the_same_job_again(h: &impl Harness) {
    let store = h.store();
    let mut new = keyed(1, 1);
    new.spec.options.delay = Some(Duration::from_secs(5));
    let created = submit(store, at(10), new.clone()).await;
    assert_eq!((created.state, created.run_at), (State::Scheduled, at(15)));
    assert_eq!(
        store.submit(at(20), vec![new.clone()]).await.unwrap(),
        [Submitted::Existing(created)]
    );
    new.spec.options.delay = None;
    let answers = store.submit(at(20), vec![new]).await.unwrap();
    assert!(matches!(&answers[..], [Submitted::Conflict { fields, .. }] if fields == &["delay"]));
}

/// Whether the ids are ours or the client's, new or known.
pub async fn answers_come_in_the_order_of_the_batch(h: &impl Harness) {
    let store = h.store();
    let known = submit(store, at(0), chosen(3)).await;
    let batch = vec![a_job(9), keyed(8, 1), chosen(3), a_job(7), chosen(6), keyed(5, 2)];
    let ids: Vec<_> = batch.iter().map(|new| new.id).collect();
    let answers = store.submit(at(1), batch).await.unwrap();
    for (n, (answer, id)) in answers.iter().zip(ids).enumerate() {
        match answer {
            Submitted::Created(job) => assert_eq!((job.id, n == 2), (id, false)),
            Submitted::Existing(job) => assert_eq!((job, n), (&known, 2)),
            Submitted::Conflict { .. } => panic!("no conflict expected at {n}"),
        }
    }
    assert_eq!(answers.len(), 6);
}

/// In, out.
pub async fn an_empty_batch_is_no_work(h: &impl Harness) {
    let store = h.store();
    assert_eq!(store.submit(at(0), Vec::new()).await.unwrap(), []);
    assert_eq!(store.finish(at(0), Vec::new()).await.unwrap(), []);
    assert_eq!(store.load(&[], 1).await.unwrap(), crate::Loaded::default());
    assert_eq!(store.get(&[]).await.unwrap(), []);
    assert_eq!(store.mark_running(at(0), Vec::new()).await.unwrap(), []);
}

/// More than one statement's worth, of both kinds.
pub async fn a_large_batch_is_stored_whole(h: &impl Harness) {
    let store = h.store();
    let batch: Vec<_> = (0..2_500)
        .map(|n| if n % 2 == 0 { a_job(n) } else { keyed(n, n) })
        .collect();
    let created = submit_all(store, at(0), batch).await;
    let ids: Vec<_> = created.iter().map(|job| job.id).collect();
    assert_eq!(ids, (0..2_500).map(id).collect::<Vec<_>>());
    let stored = store.get(&ids).await.unwrap();
    assert!(
        stored
            .iter()
            .zip(&created)
            .all(|(stored, created)| stored.as_ref() == Some(created))
    );
}

/// Whatever the spelling, up to the largest.
pub async fn payloads_come_back_byte_for_byte(h: &impl Harness) {
    let store = h.store();
    let payloads = [
        String::new(),
        "null".to_owned(),
        " {\"b\" : 1,\t\"a\":9007199254740993,\r\n\"a\": 1.10 } ".to_owned(),
        "\"\\u0000 \u{7f} größe 名前 \u{1f980} \u{202e} \\\\x00 {} , NULL\"".to_owned(),
        format!("\"{}\"", "ü".repeat((1 << 19) - 1)),
    ];
    for (n, payload) in (1..).zip(payloads) {
        for mut new in [a_job(n), chosen(100 + n)] {
            new.spec.payload.clone_from(&payload);
            let created = submit(store, at(0), new).await;
            assert_eq!(created.spec.payload, payload);
            assert_eq!(get(store, created.id).await.spec.payload, payload);
        }
    }
}

/// Else the same submission would not be recognised.
pub async fn a_retry_policy_comes_back_bit_for_bit(h: &impl Harness) {
    let store = h.store();
    for (n, multiplier) in [
        (1, 1.1),
        (2, 1.000_000_000_000_000_2),
        (3, 29.123_456_789_012_347),
        (4, 100.0 / 3.0),
    ] {
        let mut new = chosen(n);
        new.spec.options.retry = Some(RetryPolicy {
            initial: Duration::from_nanos(1),
            multiplier,
            max_interval: Duration::from_secs(86_400),
            jitter: Jitter::None,
        });
        let created = submit(store, at(0), new.clone()).await;
        assert_eq!(get(store, id(n)).await, created);
        assert_eq!(
            store.submit(at(1), vec![new]).await.unwrap(),
            [Submitted::Existing(created)]
        );
    }
}

/// That is what a caller does who was told that the store is unavailable.
pub async fn a_batch_of_our_own_ids_submitted_again_changes_nothing(h: &impl Harness) {
    let store = h.store();
    let first = submit_all(store, at(0), (0..20).map(a_job).collect()).await;
    let again = store.submit(at(1), (0..30).map(a_job).collect()).await.unwrap();
    for (n, answer) in again.into_iter().enumerate() {
        match answer {
            Submitted::Existing(job) => assert_eq!(job, first[n]),
            Submitted::Created(job) => assert!(n >= 20 && job.created_at == at(1)),
            Submitted::Conflict { .. } => panic!("no conflict expected at {n}"),
        }
    }
}
