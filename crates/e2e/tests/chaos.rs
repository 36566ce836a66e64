//! The short set of faults: each on a site of its own, under load, with a verdict. `ci/chaos.sh` runs all of them for longer.
//!
//! The seconds are how long a fault is made to happen at least: a run goes on until it has reached what it is about.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use scheduler_e2e::Settings;
use scheduler_e2e::chaos::{FAULTS, Order, run};
use tokio::sync::Mutex;

/// Sites are heavy: one at a time, so that what a test measures is not its neighbour.
static ONE: Mutex<()> = Mutex::const_new(());

/// Makes this fault happen under load until `lasts` is over; then nothing may be lost, done twice or stuck.
async fn nothing_is_lost(fault: &str, lasts: Duration, seed: u64) {
    let Some(settings) = Settings::read() else {
        return;
    };
    let _one = ONE.lock().await;
    let folder = tempfile::tempdir().unwrap();
    let faults: Vec<_> = FAULTS.iter().copied().filter(|known| known.is(fault)).collect();
    assert!(!faults.is_empty(), "no fault is called {fault}");
    let order = Order {
        bin: settings.bin,
        envoy: settings.envoy,
        folder: folder.path().to_owned(),
        seed,
        lasts,
        faults,
        pause: Duration::from_millis(100),
        breath: Duration::from_secs(1),
        calm: Duration::from_secs(1),
        due: 1_000,
        old: None,
        progress: false,
    };
    let outcome = Box::pin(run(&order)).await.unwrap();
    if !outcome.is_good() {
        let kept = folder.keep();
        panic!("{outcome}\nkept: {}", kept.display());
    }
}

macro_rules! short_set {
    ($($name:ident: $fault:literal for $seconds:literal s, seed $seed:literal;)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            nothing_is_lost($fault, Duration::from_secs($seconds), $seed).await;
        })*
    };
}

short_set! {
    f1_an_api_is_killed: "F1" for 6 s, seed 101;
    f2_a_worker_is_killed: "F2" for 6 s, seed 102;
    f5_redis_is_flushed: "F5_redis_flushed" for 6 s, seed 105;
    f15_the_database_is_killed: "F15" for 6 s, seed 115;
    f17_replies_to_commits_are_lost: "F17" for 6 s, seed 117;
    f18_commits_do_not_arrive: "F18" for 6 s, seed 118;
    f19_statements_meet_conflicts: "F19_serialization_once" for 6 s, seed 119;
    f28_apis_are_restarted_one_by_one: "F28" for 5 s, seed 128;
    f29_workers_are_restarted_one_by_one: "F29" for 5 s, seed 129;
    f35_a_worker_stands_still_past_its_lease: "F35" for 5 s, seed 135;
}
