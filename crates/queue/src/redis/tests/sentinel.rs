//! Another server leads than before.

use std::error::Error as _;
use std::time::Duration;

use tokio::time::timeout;

use super::cluster::{Cluster, until};
use super::server::{entries, options, worker};
use crate::conformance::fixtures::id;
use crate::{
    Dispatch as _, Hint, Hints as _, Inspect as _, RedisOptions, RedisQueue, SentinelOptions, Served,
    Upkeep as _,
};

/// Sees that everything works, at the server that leads now.
async fn works(cluster: &Cluster, queue: &RedisQueue, old: usize) {
    // None of those that were claimed before.
    let all = entries(100);
    let (some, more) = all[60..].split_at(20);
    until("entries are pushed", async || queue.push(some).await.is_ok()).await;
    let mut claimed = 0;
    until("all entries are claimed", async || {
        let claim = queue.claim(&worker("b"), &Served::All, None, 20).await;
        claimed += claim.map_or(0, |claim| claim.len());
        claimed >= 20
    })
    .await;
    until("a wait is woken", async || {
        let _ = queue.push(more).await;
        let woken = queue.wait(&Served::All, Duration::from_secs(1)).await;
        matches!(woken, Ok(Some(_)))
    })
    .await;
    let new = cluster.leader().await.unwrap();
    assert_ne!(new, old, "another leads");
    assert!(cluster.keys(new).await.unwrap() > 0, "it has what was pushed");
}

/// Sees that hints arrive which are published now.
async fn hints_arrive(queue: &RedisQueue, hints: &mut tokio::sync::broadcast::Receiver<Hint>) {
    // Published until somebody subscribes again, for nobody says when that is.
    until("a hint arrives", async || {
        let _ = queue.publish(Hint::Cancelled(id(1))).await;
        matches!(timeout(Duration::from_millis(50), hints.recv()).await, Ok(Ok(_)))
    })
    .await;
}

#[tokio::test]
async fn calls_go_on_with_the_new_leader_after_the_old_one_was_killed() {
    let Some(mut cluster) = Cluster::start().await else {
        return;
    };
    let queue = cluster.queue();
    queue.push(&entries(10)).await.unwrap();
    queue.wait(&Served::All, Duration::from_millis(10)).await.unwrap();
    let mut hints = queue.subscribe().await.unwrap();
    let before = queue.incarnation().await.unwrap();
    let old = cluster.leader().await.unwrap();
    cluster.kill(old);
    works(&cluster, &queue, old).await;
    hints_arrive(&queue, &mut hints).await;
    assert_ne!(
        queue.incarnation().await.unwrap(),
        before,
        "the reconciler is told to look at once"
    );
}

/// It keeps its connections, and answers none of them.
#[tokio::test]
async fn calls_go_on_with_the_new_leader_after_the_old_one_hung() {
    let Some(cluster) = Cluster::start().await else {
        return;
    };
    let queue = RedisQueue::connect(RedisOptions {
        command_timeout: Duration::from_secs(1),
        ..cluster.options()
    })
    .unwrap();
    until("entries are pushed", async || {
        queue.push(&entries(10)).await.is_ok()
    })
    .await;
    let old = cluster.leader().await.unwrap();
    cluster.freeze(old);
    works(&cluster, &queue, old).await;
}

#[tokio::test]
async fn no_call_fails_while_the_leader_hands_over() {
    let Some(cluster) = Cluster::start().await else {
        return;
    };
    let queue = cluster.queue();
    let mut hints = queue.subscribe().await.unwrap();
    let old = cluster.leader().await.unwrap();
    let (mut calls, mut after) = (0, 0);
    let call = async || {
        queue.push(&entries(5)).await.unwrap();
        queue.claim(&worker("a"), &Served::All, None, 5).await.unwrap();
        queue.sizes().await.unwrap();
    };
    let calling = async {
        // Until the old one has become a replica, which is the last thing to happen, and then some.
        while after < 20 {
            call().await;
            calls += 1;
            let over =
                cluster.leader().await.is_some_and(|leader| leader != old) && cluster.follows(old).await;
            after += usize::from(over);
        }
    };
    let ((), over) = tokio::join!(cluster.hand_over(), timeout(super::cluster::PATIENCE, calling));
    over.expect("the old leader becomes a replica");
    assert!(calls >= 20);
    hints_arrive(&queue, &mut hints).await;
    works(&cluster, &queue, old).await;
}

#[tokio::test]
async fn an_error_says_what_each_sentinel_said() {
    let Some(cluster) = Cluster::start().await else {
        return;
    };
    let options = cluster.options();
    let sentinel = options.sentinel.clone().unwrap();
    let port = sentinel.addresses[0].1;
    let failing = async |sentinel: SentinelOptions| {
        let options = RedisOptions {
            sentinel: Some(sentinel),
            connect_timeout: Duration::from_secs(2),
            command_timeout: Duration::from_millis(100),
            ..options.clone()
        };
        let error = RedisQueue::connect(options).unwrap().ping().await.unwrap_err();
        error.source().unwrap().to_string()
    };
    let said = failing(SentinelOptions {
        master: "other".to_owned(),
        ..sentinel.clone()
    })
    .await;
    assert!(
        said.contains(&format!("127.0.0.1:{port}: it watches no master of this name"))
            && said.contains("other"),
        "{said}"
    );
    let said = failing(SentinelOptions {
        password: None,
        ..sentinel
    })
    .await;
    assert!(said.contains("no Sentinel names a server that leads"), "{said}");
    assert!(said.contains("NOAUTH"), "{said}");
}

#[tokio::test]
async fn nobody_to_ask_is_an_error_at_the_start() {
    let options = RedisOptions {
        sentinel: Some(SentinelOptions {
            addresses: Vec::new(),
            master: "queue".to_owned(),
            password: None,
        }),
        ..options("redis://localhost")
    };
    assert!(RedisQueue::connect(options).is_err());
}
