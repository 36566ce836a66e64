//! How much memory and time the server needs.

use std::time::Duration;

use scheduler_domain::{Entry, Shard, clock};
use tokio::time::Instant;

use super::server::{Server, entries, worker};
use crate::{Dispatch as _, Inspect as _, Served, Upkeep as _};

const HOUR: Duration = Duration::from_secs(3_600);
const JOBS: u64 = 50_000;
/// What a queued job may take, bytes.
const MOST_PER_JOB: u64 = 200;

async fn used_memory(server: &Server) -> u64 {
    let redis::Value::BulkString(info) = server.run(&["INFO", "memory"]).await else {
        panic!("no text")
    };
    let info = String::from_utf8(info).unwrap();
    info.lines()
        .find_map(|line| line.strip_prefix("used_memory:"))
        .unwrap()
        .parse()
        .unwrap()
}

/// However they went; only the names of the content stay, and the bells, which go by themselves.
#[tokio::test]
async fn nothing_is_left_of_jobs_that_are_gone() {
    let Some(server) = Server::start().await else {
        return;
    };
    let queue = server.queue();
    let all = entries(80);
    let later = |entry: &Entry| Entry {
        ready_at: clock::add(entry.ready_at, HOUR),
        ..entry.clone()
    };
    queue.push(&all).await.unwrap();
    queue.remove(&all).await.unwrap();
    queue
        .push(&all.iter().map(later).collect::<Vec<_>>())
        .await
        .unwrap();
    queue.advance(HOUR * 2);
    for shard in Shard::all() {
        queue.promote(shard, 100).await.unwrap();
    }
    let mut claimed = Vec::new();
    while claimed.len() < 80 {
        claimed.extend(queue.claim(&worker("a"), &Served::All, None, 100).await.unwrap());
    }
    let (acknowledged, evicted): (Vec<_>, Vec<_>) = claimed
        .iter()
        .map(|claimed| (claimed.entry.id, claimed.entry.epoch))
        .partition(|(id, _)| id.0.as_u128() % 2 == 0);
    assert!(!acknowledged.is_empty() && !evicted.is_empty());
    queue.ack(&worker("a"), &acknowledged).await.unwrap();
    queue.retire(&worker("a")).await.unwrap();
    for shard in Shard::all() {
        let expired = queue.expired(shard, 100).await.unwrap();
        queue.evict(&expired).await.unwrap();
        assert!(queue.expired(shard, 100).await.unwrap().is_empty());
    }
    let keys: Vec<String> = redis::cmd("KEYS")
        .arg("*")
        .query_async(&mut server.admin().await)
        .await
        .unwrap();
    let stays = |key: &String| key.starts_with("t:{bell}:") || key.ends_with(":life");
    assert!(keys.iter().all(stays), "{keys:?}");
}

/// Prints what it measures, also how fast; see it with `--nocapture`.
#[tokio::test]
async fn a_queued_job_takes_little_memory() {
    let Some(server) = Server::start().await else {
        return;
    };
    let queue = server.queue();
    let all = entries(JOBS);
    queue.ping().await.unwrap();
    let empty = used_memory(&server).await;

    let begun = Instant::now();
    for batch in all.chunks(1_000) {
        queue.push(batch).await.unwrap();
    }
    let pushed = begun.elapsed();
    let ready = (used_memory(&server).await - empty) / JOBS;
    let sampled = queue.sizes().await.unwrap().ready_bytes / JOBS;

    let begun = Instant::now();
    let mut claimed = Vec::new();
    loop {
        let more = queue
            .claim(&worker("a-worker-of-some-pod-1234abcd"), &Served::All, None, 100)
            .await
            .unwrap();
        if more.is_empty() {
            break;
        }
        claimed.extend(more);
    }
    let claiming = begun.elapsed();
    assert_eq!(claimed.len() as u64, JOBS);
    let leased = (used_memory(&server).await - empty) / JOBS;

    let begun = Instant::now();
    let ended: Vec<_> = claimed
        .iter()
        .map(|claimed| (claimed.entry.id, claimed.entry.epoch))
        .collect();
    for batch in ended.chunks(100) {
        queue
            .ack(&worker("a-worker-of-some-pod-1234abcd"), batch)
            .await
            .unwrap();
    }
    let acking = begun.elapsed();

    let later: Vec<Entry> = all
        .iter()
        .map(|entry| Entry {
            ready_at: clock::add(entry.ready_at, Duration::from_secs(600)),
            ..entry.clone()
        })
        .collect();
    server.run(&["FLUSHALL"]).await;
    let empty = used_memory(&server).await;
    for batch in later.chunks(1_000) {
        queue.push(batch).await.unwrap();
    }
    let delayed = (used_memory(&server).await - empty) / JOBS;

    eprintln!("bytes per job: {ready} ready ({sampled} as sampled), {delayed} delayed, {leased} leased");
    let rate = |took: Duration| f64::from(u32::try_from(JOBS).unwrap()) / took.as_secs_f64();
    eprintln!(
        "jobs per second, one caller, debug build: push by 1,000 {:.0}, claim by 100 {:.0}, ack by 100 {:.0}",
        rate(pushed),
        rate(claiming),
        rate(acking)
    );
    assert!(ready <= MOST_PER_JOB && delayed <= MOST_PER_JOB && leased <= MOST_PER_JOB + 100);
    assert!(
        sampled.abs_diff(ready) < ready / 2,
        "what is reported is near what is used"
    );
}
