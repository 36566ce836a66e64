//! The engine while Redis goes away and comes back.
//!
//! Needs `TEST_REDIS_URL`, as `ci/test.sh` sets it: the queue is a real one behind a port that this test opens and closes.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use scheduler_domain::{Entropy as _, SystemClock, SystemEntropy, WorkerId};
use scheduler_engine::{Engine, Options};
use scheduler_queue::{RedisOptions, RedisQueue, Served};
use scheduler_service::http::Checks;
use scheduler_store::{MemoryStore, Submitted};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use common::{noop, submission};

/// Forwards to Redis while it is open; closed, it drops every connection, old and new.
async fn gate(listener: TcpListener, redis: String, open: Arc<AtomicBool>) {
    while let Ok((mut client, _)) = listener.accept().await {
        let (redis, open) = (redis.clone(), Arc::clone(&open));
        tokio::spawn(async move {
            let mut server = TcpStream::connect(redis).await.unwrap();
            let closed = async {
                while open.load(Ordering::SeqCst) {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
                () = closed => {}
            }
        });
    }
}

#[expect(clippy::disallowed_methods, reason = "the harness is told by the environment")]
fn redis_address() -> Option<String> {
    let Ok(url) = std::env::var("TEST_REDIS_URL") else {
        let _ = writeln!(std::io::stderr(), "SKIPPED: TEST_REDIS_URL is not set");
        return None;
    };
    let address = url
        .trim_start_matches("redis://")
        .split('/')
        .next()
        .unwrap_or_default();
    Some(address.to_owned())
}

/// An engine whose queue is behind a gate, and the gate.
async fn behind_a_gate() -> Option<(Engine, Arc<AtomicBool>)> {
    let redis = redis_address()?;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let open = Arc::new(AtomicBool::new(true));
    tokio::spawn(gate(listener, redis, Arc::clone(&open)));

    // The lease outlives the test: only the release can bring the job back.
    let options = Options {
        lease: Duration::from_secs(600),
        ..Options::default()
    };
    let queue = RedisQueue::connect(RedisOptions {
        url: format!("redis://127.0.0.1:{port}"),
        sentinel: None,
        ssl_root_cert: None,
        max_connections: 4,
        connect_timeout: Duration::from_millis(200),
        command_timeout: Duration::from_millis(200),
        key_prefix: format!("outage-{}:", SystemEntropy.uuid().simple()),
        aging_step: Duration::from_secs(30),
        lease: options.lease,
    })
    .unwrap();
    let store = Arc::new(MemoryStore::new());
    let engine = Engine::new(
        store,
        Arc::new(queue),
        Arc::new(SystemClock),
        Arc::new(SystemEntropy),
        options,
    );
    Some((engine, open))
}

#[tokio::test]
async fn without_redis_an_api_process_is_ready_and_accepts_jobs_and_a_worker_process_is_not_ready() {
    let Some((engine, open)) = behind_a_gate().await else {
        return;
    };
    let failing = async |checks: Checks| {
        let mut failing = Vec::new();
        for check in checks {
            if check.check().await.is_err() {
                failing.push(check.name());
            }
        }
        failing
    };
    assert!(failing(engine.checks_of_worker()).await.is_empty());
    open.store(false, Ordering::SeqCst);
    while engine.ping_queue().await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(failing(engine.checks_of_api()).await.is_empty());
    assert_eq!(failing(engine.checks_of_worker()).await, ["queue"]);
    let submitted = engine.submit(vec![submission(noop())]).await.unwrap();
    assert!(matches!(submitted[0], Ok(Submitted::Created(_))), "{submitted:?}");
}

#[tokio::test]
async fn a_job_whose_release_met_an_outage_is_given_back_when_redis_answers() {
    let Some((engine, open)) = behind_a_gate().await else {
        return;
    };
    let session = |name| engine.session(WorkerId::new(name, SystemEntropy.uuid()), Served::All);
    let (leaving, other) = (session("leaving"), session("other"));
    engine.submit(vec![submission(noop())]).await.unwrap();
    let never = CancellationToken::new();
    let claimed = tokio::time::timeout(Duration::from_secs(10), leaving.next(1, &never))
        .await
        .unwrap();

    open.store(false, Ordering::SeqCst);
    while engine.ping_queue().await.is_ok() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    leaving
        .release(claimed.iter().map(|taken| taken.entry.clone()).collect())
        .await;
    open.store(true, Ordering::SeqCst);

    let again = tokio::time::timeout(Duration::from_secs(20), other.next(1, &never))
        .await
        .unwrap();
    assert_eq!(
        (again[0].job.id, again[0].job.epoch),
        (claimed[0].job.id, claimed[0].job.epoch)
    );
    drop(leaving);
}
