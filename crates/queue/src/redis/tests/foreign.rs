//! Somebody else writes under our prefix: at most one call fails, nothing comes to a stand, and nothing wrong is believed.

use std::time::Duration;

use scheduler_domain::Shard;

use super::server::{Server, entries, worker};
use crate::conformance::fixtures::{id, ids};
use crate::{Dispatch as _, Inspect as _, RedisQueue, Served, Upkeep as _};

/// Everything a queue does, once in every shard.
async fn whole_round(queue: &RedisQueue) -> Result<(), crate::Error> {
    let all = entries(16);
    queue.remove(&all).await?;
    queue.push(&all).await?;
    queue.depths().await?;
    queue.sizes().await?;
    for shard in Shard::all() {
        queue.promote(shard, 10).await?;
        queue.expired(shard, 10).await?;
        queue.unknown(shard, &all).await?;
        queue.elect(shard, "me", Duration::from_secs(1)).await?;
    }
    queue.incarnation().await?;
    queue.leases(&[id(1)]).await?;
    queue.extend(&worker("a"), Duration::from_secs(30), &[]).await?;
    let mut claimed = Vec::new();
    loop {
        let more = queue.claim(&worker("a"), &Served::All, None, 5).await?;
        if more.is_empty() {
            break;
        }
        claimed.extend(more);
    }
    assert_eq!(claimed.len(), 16);
    let ended: Vec<_> = claimed
        .iter()
        .map(|claimed| (claimed.entry.id, claimed.entry.epoch))
        .collect();
    queue.ack(&worker("a"), &ended).await?;
    queue.retire(&worker("a")).await?;
    while queue
        .wait(&Served::All, Duration::from_millis(1))
        .await?
        .is_some()
    {}
    Ok(())
}

#[tokio::test]
async fn a_key_of_the_wrong_type_fails_one_call_and_is_dropped() {
    let Some(server) = Server::start().await else {
        return;
    };
    let queue = server.queue();
    whole_round(&queue).await.unwrap();
    for key in [
        "{3}:lines",
        "{3}:ready:default:3",
        "{3}:delayed",
        "{3}:leases",
        "{3}:workers",
        "{3}:claims",
        "{3}:elect",
    ] {
        for command in [
            &["SET"][..],
            &["LPUSH"],
            &["ZADD", "1"],
            &["HSET", "f"],
            &["SADD"],
        ] {
            let key = format!("t:{key}");
            server.run(&["DEL", &key]).await;
            let (name, between) = command.split_first().unwrap();
            server
                .run(&[&[*name, &key][..], between, &["rubbish"]].concat())
                .await;
            let before = queue.incarnation().await.unwrap();
            let mut failures = 0;
            while whole_round(&queue).await.is_err() {
                failures += 1;
                assert!(failures < 10, "{name} {key}");
            }
            // Whoever watches the incarnation learns that something was lost.
            assert!(
                failures == 0 || queue.incarnation().await.unwrap() != before,
                "{name} {key}"
            );
        }
    }
    for (key, command) in [
        ("t:{bell}:*", "SADD"),
        ("t:{bell}:default", "SET"),
        ("t:incarnation", "LPUSH"),
    ] {
        server.run(&["DEL", key]).await;
        server.run(&[command, key, "rubbish"]).await;
        whole_round(&queue).await.unwrap();
    }
}

/// Members, leases, scores and lines that no version of us writes.
#[tokio::test]
async fn rubbish_in_the_right_places_is_dropped() {
    let Some(server) = Server::start().await else {
        return;
    };
    let queue = server.queue();
    let member = "0123456789abcdefABCD";
    let huge = "x".repeat(1_000_000);
    let long_line = &format!("{}:1", "x".repeat(1_000));
    for shard in Shard::all() {
        let key = |name: &str| format!("t:{{{shard}}}:{name}");
        for line in [
            "default:3",
            "default:9",
            "",
            ":",
            "no line at all",
            "x:3",
            long_line,
        ] {
            server.run(&["SADD", &key("lines"), line]).await;
            let ready = key(&format!("ready:{line}"));
            server
                .run(&[
                    "ZADD",
                    &ready,
                    "-inf",
                    "short",
                    "inf",
                    "far",
                    "1e300",
                    member,
                    "-1",
                    &huge,
                    "123456789012345678",
                    "odd",
                ])
                .await;
        }
        server.run(&["SADD", &key("lines"), "empty:1", &huge]).await;
        server
            .run(&[
                "ZADD",
                &key("delayed"),
                "0",
                "short",
                "1",
                &huge,
                "2",
                member,
                "inf",
                "never",
            ])
            .await;
        server
            .run(&["ZADD", &key("workers"), "inf", "for-ever", "-inf", "never"])
            .await;
        let id = "0123456789abcdef";
        server
            .run(&["HSET", &key("leases"), id, "", "short", "rubbish", &huge, &huge])
            .await;
        server.run(&["HSET", &key("claims"), "a", "short"]).await;
        server.run(&["SET", &key("elect"), "no deadline"]).await;
    }
    let claimed = loop {
        let claimed = queue.claim(&worker("b"), &Served::All, None, 10).await.unwrap();
        if claimed.is_empty() {
            break claimed;
        }
        // A member of the right length is an entry for all the queue knows; the store will not know the job.
        let strangers: Vec<_> = claimed
            .iter()
            .map(|claimed| (claimed.entry.id, claimed.entry.epoch))
            .collect();
        queue.ack(&worker("b"), &strangers).await.unwrap();
    };
    assert!(claimed.is_empty());
    for shard in Shard::all() {
        queue.promote(shard, 10).await.unwrap();
        let expired = queue.expired(shard, 100).await.unwrap();
        queue.evict(&expired).await.unwrap();
    }
    whole_round(&queue).await.unwrap();
}

/// A line that is full of stale entries hides nothing behind them.
#[tokio::test]
async fn many_stale_entries_do_not_hide_a_good_one() {
    let Some(server) = Server::start().await else {
        return;
    };
    let queue = server.queue();
    let key = "t:{1}:ready:default:3";
    server.run(&["SADD", "t:{1}:lines", "default:3"]).await;
    let stale: Vec<String> = (0..5_000).map(|n| format!("stale-{n}")).collect();
    let arguments = stale.iter().flat_map(|member| ["1", member.as_str()]);
    server
        .run(&["ZADD", key].into_iter().chain(arguments).collect::<Vec<_>>())
        .await;
    let good = entries(2).remove(1);
    assert_eq!(good.id.shard(), Shard::wrapping(1));
    queue.push(std::slice::from_ref(&good)).await.unwrap();
    let claimed = queue.claim(&worker("a"), &Served::All, None, 10).await.unwrap();
    assert_eq!(ids(&claimed), [good.id]);
}
