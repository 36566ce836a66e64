//! A history as long as a real one.

use rustix::time::ClockId;
use uuid::Uuid;

use super::script::Script;
use crate::history::{Call, Change, Verdict, Work, check};

/// Each is told of by ten lines.
const JOBS: u128 = 20_000;

/// Processor time of this thread, which other work on the machine does not lengthen, in milliseconds.
fn spent_ms() -> i64 {
    let time = rustix::time::clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec * 1_000 + time.tv_nsec / 1_000_000
}

fn judged(jobs: u128) -> i64 {
    let mut script = Script::new();
    for n in 0..jobs {
        let worker = format!("w{}", n % 10);
        // In no order, as ids are.
        let job = Uuid::from_u128(n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
        script.life(u64::try_from(n).unwrap() * 3, job, &worker);
    }
    let history = script.history();
    let before = spent_ms();
    let report = check(&history);
    let spent = spent_ms() - before;
    assert_eq!(report.verdict, Verdict::Clean, "{report}");
    spent
}

#[test]
fn two_hundred_thousand_events_take_seconds_and_ten_times_as_many_jobs_ten_times_as_long() {
    let (few, many) = (judged(JOBS / 10), judged(JOBS));
    // What is quadratic would take a hundred times as long; a tree of ids and sorting some more than ten.
    assert!(
        many < (few + 20) * 30,
        "{few} ms, and {many} ms for ten times as many"
    );
    assert!(many < 20_000, "{many} ms");
}

#[test]
fn of_a_million_events_less_than_two_hundred_megabytes_are_kept() {
    let (call, work, change) = (size_of::<Call>(), size_of::<Work>(), size_of::<Change>());
    assert!(
        call.max(work).max(change) <= 192,
        "{call}, {work} and {change} bytes"
    );
}
