//! L1, L2, L3, L5, L6: what has to happen in the end.

use scheduler_domain::State;
use serde_json::json;
use uuid::Uuid;

use super::script::{A, B, Script, setup, status};
use crate::history::{Invariant, Kind, Setup, Status};

#[test]
fn a_job_that_is_open_at_the_end_of_a_run_that_drains_is_found() {
    let mut script = Script::new();
    script.life(0, A, "w1");
    script.submits(10, B, json!({}));
    script.inserts(11, B, 0);
    script.violates(Invariant::L1, &[]);

    let mut script = Script::of(Setup {
        drains: false,
        ..setup()
    });
    script.submits(10, B, json!({}));
    script.inserts(11, B, 0);
    assert_eq!(status(&script.report(), Invariant::L1), Status::NotChecked);
}

#[test]
fn a_job_that_was_forgotten_for_too_long_is_found() {
    let forgotten = |ms| {
        let mut script = Script::new();
        script.life(0, A, "w1");
        script.fault(100, 2_000, "F9", json!({}));
        script.submits(10, B, json!({}));
        script.inserts(11, B, 0);
        script.starts(ms, "w1", B, 1);
        script.reports(ms, "w1", B, 1, State::Succeeded, Kind::Ok);
        script.ends(ms, B, "w1", State::Succeeded);
        script
    };
    forgotten(30_000).keeps(Invariant::L1);
    forgotten(60_000).violates(Invariant::L1, &[]);
}

#[test]
fn a_run_with_no_fault_and_no_phase_begins_at_its_first_step() {
    // A host that was up for long: its monotonic clock does not begin at the run.
    let up = 3_600_000;
    let lived = |ms| {
        let mut script = Script::new();
        script.life(up, A, "w1");
        // Nobody asked for anything meanwhile.
        let later = up + 600_000;
        script.submits(later, B, json!({}));
        script.inserts(later + 1, B, later);
        script.starts(later + ms, "w1", B, 1);
        script.reports(later + ms, "w1", B, 1, State::Succeeded, Kind::Ok);
        script.ends(later + ms, B, "w1", State::Succeeded);
        script
    };
    lived(30_000).keeps(Invariant::L1);
    lived(60_000).violates(Invariant::L1, &[]);
}

#[test]
fn a_job_whose_time_comes_late_is_not_late() {
    let mut script = Script::new();
    script.life(0, A, "w1");
    script.submits(10, B, json!({}));
    script.inserts(11, B, 600_000);
    script.starts(600_010, "w1", B, 1);
    script.reports(600_020, "w1", B, 1, State::Succeeded, Kind::Ok);
    script.ends(600_021, B, "w1", State::Succeeded);
    script.keeps(Invariant::L1);
}

/// The queue is flushed at 1 s; `B`, due since the start, begins at `ms`.
fn flushed(ms: u64) -> Script {
    let mut script = Script::of(Setup {
        rebuilt_within_ms: Some(2_000),
        ..setup()
    });
    script.life(2_000, A, "w1");
    script.submits(10, B, json!({}));
    script.inserts(11, B, 0);
    script.fault(1_000, 1_001, "flush", json!({"queued": 101}));
    script.changes(ms - 10, B, None, |row| row.epoch = 2);
    script.starts(ms, "w1", B, 2);
    script.reports(ms + 10, "w1", B, 2, State::Succeeded, Kind::Ok);
    script.ends(ms + 11, B, "w1", State::Succeeded);
    script
}

#[test]
fn a_due_job_that_begins_late_after_a_flush_is_found() {
    flushed(2_500).keeps(Invariant::L2);
    flushed(3_500).violates(Invariant::L2, &[]);
}

/// `B` is left as it is at 100 ms, and the run ends at 60 s.
fn at_rest(running: bool) -> Script {
    let mut script = Script::of(Setup {
        drains: false,
        ..setup()
    });
    script.life(0, A, "w1");
    script.submits(10, B, json!({}));
    script.inserts(11, B, 0);
    if running {
        script.starts(90, "w2", B, 1);
        script.changes(100, B, Some("w2"), |row| row.state = State::Running.number());
    }
    script.phase(20_000, "drain");
    script.phase(60_000, "done");
    script
}

#[test]
fn a_row_that_is_running_for_a_silent_worker_or_due_and_unclaimed_is_found_at_rest() {
    at_rest(true).violates(Invariant::L3, &[]);
    at_rest(false).violates(Invariant::L3, &[]);
    let mut script = at_rest(true);
    script.beats(100, 60_000, "w2");
    script.keeps(Invariant::L3);
}

/// Ten jobs per second until the fault at 20 s, `after` per second from its end at 30 s to 100 s.
fn goodput(after: u64) -> Script {
    let mut script = Script::of(Setup {
        goodput: Some(0.9),
        workers_tell: false,
        ..setup()
    });
    script.phase(0, "load");
    let before = (0..200).map(|n| n * 100);
    let later = (0..70 * after).map(|n| 30_000 + n * 1_000 / after);
    for (n, ms) in before.chain(later).enumerate() {
        let job = Uuid::from_u128(n as u128 + 100);
        script.inserts(ms, job, ms);
        script.ends(ms, job, "w1", State::Succeeded);
    }
    script.fault(20_000, 30_000, "F58", json!({}));
    script.phase(100_000, "drain");
    script
}

#[test]
fn a_throughput_that_does_not_come_back_is_found() {
    goodput(10).keeps(Invariant::L5);
    goodput(8).violates(Invariant::L5, &[]);
}

#[test]
fn what_grows_from_the_first_sample_to_the_last_leaks() {
    let sampled = |fds: u64, idle: u64| {
        let mut script = Script::new();
        script.life(0, A, "w1");
        script.sample(100, json!({"api-1.fds": 50, "idle_in_transaction": 0}));
        script.sample(5_000, json!({"api-1.fds": fds, "idle_in_transaction": idle}));
        script
    };
    sampled(60, 0).keeps(Invariant::L6);
    sampled(120, 0).violates(Invariant::L6, &[]);
    sampled(50, 1).violates(Invariant::L6, &[]);
}
