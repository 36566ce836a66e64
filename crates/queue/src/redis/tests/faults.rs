//! The server stops, hangs, or runs out of memory.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use tokio::time::{Instant, timeout};

use super::server::{Server, entries, worker};
use crate::conformance::fixtures::{id, ids};
use crate::{Claimed, Dispatch as _, Hint, Hints as _, Inspect as _, RedisQueue, Served, Upkeep as _};

async fn claim(queue: &RedisQueue, limit: usize) -> Vec<Claimed> {
    queue
        .claim(&worker("a"), &Served::All, None, limit)
        .await
        .unwrap()
}

async fn claim_all(queue: &RedisQueue) -> usize {
    let mut claimed = 0;
    loop {
        match claim(queue, 100).await.len() {
            0 => return claimed,
            some => claimed += some,
        }
    }
}

/// Tries until it works, as callers do.
async fn eventually<T, E: std::fmt::Debug>(mut call: impl AsyncFnMut() -> Result<T, E>) -> T {
    let begun = Instant::now();
    loop {
        match call().await {
            Ok(answer) => return answer,
            Err(error) if begun.elapsed() > Duration::from_secs(10) => panic!("{error:?}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

#[tokio::test]
async fn it_can_be_made_before_the_server_is_there() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    server.kill();
    let queue = server.queue();
    assert!(queue.ping().await.is_err());
    assert!(queue.wait(&Served::All, Duration::from_millis(10)).await.is_err());
    assert!(queue.subscribe().await.is_err());
    server.revive().await;
    eventually(async || queue.ping().await).await;
    queue.push(&entries(1)).await.unwrap();
    assert_eq!(claim(&queue, 1).await.len(), 1);
}

/// A lost push would wait for the reconciler; so the first call after a restart must not fail.
#[tokio::test]
async fn no_call_fails_after_a_restart() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    let queue = server.queue();
    queue.push(&entries(10)).await.unwrap();
    let before = queue.incarnation().await.unwrap();
    queue.wait(&Served::All, Duration::from_millis(10)).await.unwrap();
    server.kill();
    server.revive().await;
    queue.push(&entries(10)).await.unwrap();
    assert!(
        queue
            .wait(&Served::All, Duration::from_secs(5))
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(claim(&queue, 100).await.len(), 2);
    assert_ne!(queue.incarnation().await.unwrap(), before);
}

/// Even when the content survives, the last second of it may not have.
#[tokio::test]
async fn a_restart_is_another_incarnation_whatever_survives() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    let queue = server.queue();
    let before = queue.incarnation().await.unwrap();
    let key: redis::Value = server.run(&["GET", "t:incarnation"]).await;
    server.kill();
    server.revive().await;
    let redis::Value::BulkString(name) = key else {
        panic!("{key:?}")
    };
    server
        .run(&["SET", "t:incarnation", std::str::from_utf8(&name).unwrap()])
        .await;
    assert_ne!(queue.incarnation().await.unwrap(), before);
}

/// What stands in line in a file has perhaps been claimed since, and its job runs: given out again it would run twice under one epoch.
#[tokio::test]
async fn what_a_server_has_from_before_it_started_is_not_used() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    let queue = server.queue();
    queue.push(&entries(10)).await.unwrap();
    server.run(&["SAVE"]).await;
    assert_eq!(claim_all(&queue).await, 10);
    let before = queue.incarnation().await.unwrap();
    server.kill();
    server.revive().await;
    assert_ne!(
        server.run(&["DBSIZE"]).await,
        redis::Value::Int(0),
        "it has its file"
    );
    assert_eq!(claim_all(&queue).await, 0);
    assert_ne!(queue.incarnation().await.unwrap(), before);
    queue.push(&entries(10)).await.unwrap();
    assert_eq!(claim_all(&queue).await, 10, "what is of this life is kept");
}

/// The old connections lead to the old server, which answers, and refuses everything.
#[tokio::test]
async fn it_follows_a_failover() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    let queue = server.queue();
    queue.push(&entries(10)).await.unwrap();
    queue.wait(&Served::All, Duration::from_millis(10)).await.unwrap();
    let before = queue.incarnation().await.unwrap();
    let old = server.fail_over().await;
    assert_ne!(queue.incarnation().await.unwrap(), before);
    queue.push(&entries(20)).await.unwrap();
    let mut claimed = 0;
    while claimed < 20 {
        claimed += claim(&queue, 5).await.len();
    }
    let woken = eventually(async || queue.wait(&Served::All, Duration::from_secs(5)).await).await;
    assert!(woken.is_some());
    drop(old);
}

#[tokio::test]
async fn a_wait_fails_when_the_server_goes_and_works_when_it_is_back() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    let queue = Arc::new(server.queue());
    let waiting = {
        let queue = Arc::clone(&queue);
        tokio::spawn(async move { queue.wait(&Served::All, Duration::from_secs(30)).await })
    };
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.kill();
    assert!(
        timeout(Duration::from_secs(2), waiting)
            .await
            .unwrap()
            .unwrap()
            .is_err()
    );
    server.revive().await;
    queue.push(&entries(1)).await.unwrap();
    let woken = eventually(async || queue.wait(&Served::All, Duration::from_secs(5)).await).await;
    assert!(woken.is_some());
}

/// Not when its time would have been up: there are only so many connections.
#[tokio::test]
async fn a_dropped_wait_gives_its_connection_back() {
    let Some(server) = Server::start().await else {
        return;
    };
    let queue = Arc::new(server.queue());
    for _ in 0..3 {
        let mut waits = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let queue = Arc::clone(&queue);
            waits.spawn(async move { queue.wait(&Served::All, Duration::from_secs(30)).await });
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        waits.shutdown().await;
        assert_eq!(
            queue.wait(&Served::All, Duration::from_millis(10)).await.unwrap(),
            None
        );
    }
}

/// Published until somebody subscribes again, for nobody says when that is.
async fn hints_flow(queue: &RedisQueue, hints: &mut Receiver<Hint>) {
    let got = timeout(Duration::from_secs(10), async {
        loop {
            let _ = queue.publish(Hint::Cancelled(id(1))).await;
            if let Ok(hint) = timeout(Duration::from_millis(50), hints.recv()).await {
                return hint;
            }
        }
    });
    assert_eq!(got.await.unwrap().unwrap(), Hint::Cancelled(id(1)));
}

#[tokio::test]
async fn hints_flow_again_after_a_restart() {
    let Some(mut server) = Server::start().await else {
        return;
    };
    let queue = server.queue();
    let mut hints = queue.subscribe().await.unwrap();
    server.kill();
    server.revive().await;
    hints_flow(&queue, &mut hints).await;
}

#[tokio::test]
async fn a_subscription_whose_server_has_fallen_silent_does_not_count_as_one() {
    let Some(server) = Server::start().await else {
        return;
    };
    let queue = server.queue();
    let mut hints = queue.subscribe().await.unwrap();
    server.signal("-STOP");
    eventually(async || match queue.subscribe().await {
        Ok(_) => Err("still taken for one that hears"),
        Err(_) => Ok(()),
    })
    .await;
    server.signal("-CONT");
    hints_flow(&queue, &mut hints).await;
}

#[tokio::test]
async fn rubbish_on_the_channel_does_not_end_the_subscription() {
    let Some(server) = Server::start().await else {
        return;
    };
    let queue = server.queue();
    let mut hints = queue.subscribe().await.unwrap();
    for rubbish in [
        "",
        "x",
        "\u{1}abc",
        "a much longer message than any that was sent by us",
    ] {
        server.run(&["PUBLISH", "t:hints", rubbish]).await;
    }
    queue.publish(Hint::Changed(vec![id(1)])).await.unwrap();
    assert_eq!(hints.recv().await.unwrap(), Hint::Changed(vec![id(1)]));
}

/// What the claims during the stall took must come back, or it would stay leased as long as the worker lives.
#[tokio::test]
async fn a_claim_whose_answer_was_lost_is_answered_later() {
    let Some(server) = Server::start().await else {
        return;
    };
    let queue = server.queue();
    queue.push(&entries(400)).await.unwrap();
    assert_eq!(claim(&queue, 10).await.len(), 10);
    server.signal("-STOP");
    for _ in 0..3 {
        let begun = Instant::now();
        assert!(queue.claim(&worker("a"), &Served::All, None, 10).await.is_err());
        assert!(
            begun.elapsed() < Duration::from_secs(2),
            "bounded by its timeouts"
        );
    }
    server.signal("-CONT");

    let mut got = HashSet::new();
    while got.len() < 390 {
        let claimed = eventually(async || queue.claim(&worker("a"), &Served::All, None, 10).await).await;
        assert!(
            !claimed.is_empty(),
            "{} entries are leased to nobody's knowledge",
            390 - got.len()
        );
        for id in ids(&claimed) {
            assert!(got.insert(id), "{id} was claimed twice");
        }
    }
}

/// Dropped on its way, as by a timeout of the caller's.
#[tokio::test]
async fn a_claim_that_was_dropped_is_answered_later() {
    let Some(server) = Server::start().await else {
        return;
    };
    let queue = server.queue();
    queue.push(&entries(400)).await.unwrap();
    let mut got = 0;
    for micros in (0..2_000).step_by(20) {
        if let Ok(claimed) = timeout(Duration::from_micros(micros), claim(&queue, 3)).await {
            got += claimed.len();
        }
    }
    loop {
        let claimed = claim(&queue, 100).await;
        if claimed.is_empty() {
            break;
        }
        got += claimed.len();
    }
    assert_eq!(got, 400);
}

#[tokio::test]
async fn an_answer_that_comes_late_is_given_out_by_limits() {
    let Some(server) = Server::start().await else {
        return;
    };
    let queue = server.queue();
    queue.push(&entries(80)).await.unwrap();
    server.signal("-STOP");
    assert!(queue.claim(&worker("a"), &Served::All, None, 10).await.is_err());
    server.signal("-CONT");
    let mut got = HashSet::new();
    for _ in 0..5 {
        let claimed = eventually(async || queue.claim(&worker("a"), &Served::All, None, 2).await).await;
        assert_eq!(claimed.len(), 2);
        got.extend(ids(&claimed));
    }
    assert_eq!((got.len(), queue.sizes().await.unwrap().leased), (10, 10));
}

/// Pushes may fail; what gives memory back must not.
#[tokio::test]
async fn a_full_server_refuses_pushes_and_serves_claims() {
    let Some(server) = Server::start().await else {
        return;
    };
    let queue = server.queue();
    let all = entries(2_000);
    queue.push(&all).await.unwrap();
    server.run(&["CONFIG", "SET", "maxmemory", "1mb"]).await;
    assert!(queue.push(&entries(5_000)).await.is_err());
    let claimed = claim(&queue, 100).await;
    assert_eq!(claimed.len(), 100);
    let (start, back) = claimed.split_at(50);
    let ended: Vec<_> = start
        .iter()
        .map(|claimed| (claimed.entry.id, claimed.entry.epoch))
        .collect();
    queue.ack(&worker("a"), &ended).await.unwrap();
    let back: Vec<_> = back.iter().map(|claimed| claimed.entry.clone()).collect();
    queue.release(&worker("a"), &back).await.unwrap();
    queue
        .extend(&worker("a"), Duration::from_secs(30), &[])
        .await
        .unwrap();
    queue.remove(&all[1_000..]).await.unwrap();
    assert!(queue.incarnation().await.is_ok());
    let sizes = queue.sizes().await.unwrap();
    assert_eq!(sizes.leased, 0);
    server.run(&["CONFIG", "SET", "maxmemory", "0"]).await;
    queue.push(&all).await.unwrap();
}

#[tokio::test]
async fn more_waits_than_connections_wait_for_each_other_and_none_fails() {
    let Some(server) = Server::start().await else {
        return;
    };
    let queue = Arc::new(server.queue());
    // Four connections, and twice as long as a caller would wait in the pool.
    let longest = Duration::from_millis(1_200);
    let begun = Instant::now();
    let waits: Vec<_> = (0..20)
        .map(|_| {
            let queue = Arc::clone(&queue);
            tokio::spawn(async move { queue.wait(&Served::All, longest).await })
        })
        .collect();
    for wait in waits {
        assert_eq!(wait.await.unwrap().unwrap(), None);
    }
    assert!(begun.elapsed() < longest * 2, "{:?}", begun.elapsed());
}
