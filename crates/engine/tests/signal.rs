//! What reading the load costs.
//!
//! Needs `TEST_REDIS_URL`, as `ci/test.sh` sets it.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use scheduler_domain::{
    Clock as _, Entropy as _, Entry, Epoch, JobId, JobSpec, JobType, Priority, QueueName, Shard, SystemClock,
    SystemEntropy,
};
use scheduler_engine::{Engine, Options};
use scheduler_queue::{Dispatch as _, RedisOptions, RedisQueue};
use scheduler_store::MemoryStore;
use tokio::time::Instant;
use uuid::Uuid;

use common::{noop, submission};

/// What a reading may take, as `desired_workers` is to be asked for often.
const MOST: Duration = Duration::from_millis(5);
const FEW: u64 = 1_000;
const MANY: u64 = 1_000_000;

#[expect(clippy::disallowed_methods, reason = "the harness is told by the environment")]
fn redis_url() -> Option<String> {
    let url = std::env::var("TEST_REDIS_URL").ok();
    if url.is_none() {
        // Past the test harness, which would keep it to itself.
        let _ = writeln!(std::io::stderr(), "SKIPPED: TEST_REDIS_URL is not set");
    }
    url
}

/// Makes the ready jobs of all four priorities of two queues `upto` in number.
async fn fill(queue: &RedisQueue, from: u64, upto: u64) {
    let entry = |n: u64| Entry {
        id: JobId(Uuid::from_u64_pair(n, n % u64::from(Shard::COUNT))),
        epoch: Epoch::FIRST,
        queue: QueueName::parse(if n.is_multiple_of(3) { "mail" } else { "bulk" }).unwrap(),
        priority: Priority::ALL[usize::try_from(n % 4).unwrap()],
        ready_at: SystemClock.now(),
    };
    let mut next = from;
    while next < upto {
        let batch: Vec<Entry> = (next..upto.min(next + 5_000)).map(entry).collect();
        next += batch.len() as u64;
        queue.push(&batch).await.unwrap();
    }
}

/// The middle and the fastest of a hundred readings, and what they find.
async fn read(engine: &Engine) -> (Duration, Duration, u64) {
    let mut took = Vec::new();
    let mut ready = 0;
    for _ in 0..100 {
        let begun = Instant::now();
        let signal = engine.signal(Duration::ZERO).await.unwrap();
        took.push(begun.elapsed());
        ready = signal.lines.iter().map(|line| line.figures.ready).sum();
    }
    took.sort();
    (took[50], took[0], ready)
}

#[tokio::test]
async fn reading_the_load_takes_no_longer_with_a_million_ready_jobs_than_with_a_thousand() {
    let Some(url) = redis_url() else { return };
    let options = Options::default();
    let prefix = format!("test-{}:", SystemEntropy.uuid().simple());
    let queue = RedisQueue::connect(RedisOptions {
        url: url.clone(),
        sentinel: None,
        ssl_root_cert: None,
        max_connections: 2,
        connect_timeout: Duration::from_secs(5),
        command_timeout: Duration::from_secs(30),
        key_prefix: prefix.clone(),
        aging_step: Duration::from_secs(30),
        lease: options.lease,
    });
    let queue = Arc::new(queue.unwrap());
    let engine = Engine::new(
        Arc::new(MemoryStore::new()),
        queue.clone(),
        Arc::new(SystemClock),
        Arc::new(SystemEntropy),
        options,
    );
    // So that there is a report with some series in it.
    let some = |n: usize| JobSpec {
        job_type: JobType::parse(format!("type-{}", n % 20)).unwrap(),
        queue: QueueName::parse("mail").unwrap(),
        priority: Priority::High,
        ..noop()
    };
    engine
        .submit((0..100).map(some).map(submission).collect())
        .await
        .unwrap();

    fill(&queue, 0, FEW - 100).await;
    let (middle_of_few, least_of_few, ready) = read(&engine).await;
    assert_eq!(ready, FEW);
    fill(&queue, FEW - 100, MANY - 100).await;
    let (middle_of_many, least_of_many, ready) = read(&engine).await;
    assert_eq!(ready, MANY);
    println!(
        "a reading took {middle_of_few:?} at {FEW} ready jobs and {middle_of_many:?} at {MANY} (median of 100; fastest {least_of_few:?} and {least_of_many:?})"
    );
    // The fastest, for the machine may be busy with something else.
    assert!(least_of_few <= MOST && least_of_many <= MOST);
    assert!(least_of_many <= least_of_few * 3, "it grows with the backlog");
    remove(&url, &prefix).await;
}

/// Leaves nothing behind of a million entries.
async fn remove(url: &str, prefix: &str) {
    let mut redis = redis::Client::open(url)
        .unwrap()
        .get_multiplexed_async_connection()
        .await
        .unwrap();
    let mut cursor = 0_u64;
    loop {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor)
            .arg("MATCH")
            .arg(format!("{prefix}*"))
            .arg("COUNT")
            .arg(1_000);
        let (next, keys): (u64, Vec<Vec<u8>>) = scan.query_async(&mut redis).await.unwrap();
        if !keys.is_empty() {
            redis::cmd("UNLINK")
                .arg(keys)
                .exec_async(&mut redis)
                .await
                .unwrap();
        }
        cursor = next;
        if cursor == 0 {
            return;
        }
    }
}
