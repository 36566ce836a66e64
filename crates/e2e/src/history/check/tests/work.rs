//! S3, S4, S7, S8, S9, S10, S11, S12: what workers and background loops may do.

use scheduler_domain::State;
use serde_json::json;

use super::script::{A, Script, setup, status};
use crate::history::{Invariant, Kind, Op, Setup, Status, Told};

/// Submitted and inserted.
fn submitted() -> Script {
    let mut script = Script::new();
    script.submits(0, A, json!({}));
    script.inserts(1, A, 0);
    script
}

/// Started by `w1` under epoch 1, which falls silent; reaped at 4 s, started by `w2` under epoch 2 at 4.1 s.
fn reaped() -> Script {
    let mut script = submitted();
    script.fault(400, 450, "pause", json!({}));
    script.starts(100, "w1", A, 1);
    script.beats(100, 500, "w1");
    script.reaps(4_000, A);
    script.starts(4_100, "w2", A, 2);
    script
}

fn succeeds(script: &mut Script, ms: u64, worker: &str, epoch: i32) {
    script.reports(ms, worker, A, epoch, State::Succeeded, Kind::Ok);
    script.ends(ms + 1, A, worker, State::Succeeded);
}

#[test]
fn a_lost_lease_that_is_charged_and_a_late_report_that_is_refused_violate_nothing() {
    for invariant in [Invariant::S3, Invariant::S4, Invariant::S8, Invariant::S10] {
        let mut script = reaped();
        script.reports(4_200, "w1", A, 1, State::Succeeded, Kind::Fail);
        succeeds(&mut script, 4_500, "w2", 2);
        script.keeps(invariant);
    }
}

#[test]
fn an_epoch_that_falls_is_found() {
    // A completion that goes by id alone writes the epoch that it was claimed under.
    let mut script = reaped();
    script.reports(4_200, "w1", A, 1, State::Succeeded, Kind::Ok);
    script.changes(4_201, A, Some("w1"), |row| {
        (row.state, row.epoch, row.attempts) = (State::Succeeded.number(), 1, 1);
    });
    script.reports(4_500, "w2", A, 2, State::Succeeded, Kind::Fail);
    script.violates(Invariant::S3, &[Invariant::S4]);
}

#[test]
fn a_hand_out_under_the_same_epoch_is_found() {
    let mut script = submitted();
    script.fault(400, 450, "kill", json!({}));
    script.starts(100, "w1", A, 1);
    script.changes(4_000, A, None, |row| row.crashes = 1);
    script.starts(4_100, "w2", A, 1);
    succeeds(&mut script, 4_500, "w2", 1);
    script.violates(Invariant::S3, &[]);
}

#[test]
fn an_entry_that_two_workers_start_was_claimed_twice() {
    let mut script = submitted();
    script.starts(100, "w1", A, 1);
    script.starts(110, "w2", A, 1);
    succeeds(&mut script, 500, "w1", 1);
    script.reports(600, "w2", A, 1, State::Succeeded, Kind::Fail);
    script.violates(Invariant::S3, &[Invariant::S8]);
}

#[test]
fn an_entry_given_back_unstarted_may_be_claimed_under_its_epoch() {
    let mut script = submitted();
    for op in [Op::Claim, Op::Take, Op::Release] {
        script.works(50, "w1", op, A, 1);
    }
    script.starts(100, "w2", A, 1);
    succeeds(&mut script, 500, "w2", 1);
    script.keeps(Invariant::S3);
}

#[test]
fn a_report_that_is_accepted_without_a_change_of_the_row_is_found() {
    let mut script = reaped();
    script.reports(4_200, "w1", A, 1, State::Succeeded, Kind::Ok);
    succeeds(&mut script, 4_500, "w2", 2);
    // Two workers were told of success.
    script.violates(Invariant::S4, &[Invariant::S6]);
}

#[test]
fn where_rows_are_not_recorded_a_take_under_a_higher_epoch_fences_what_is_sent_later() {
    let fenced = |sent| {
        let mut script = Script::new();
        script.fault(50, 60, "pause", json!({}));
        script.submits(0, A, json!({}));
        script.starts(100, "w1", A, 1);
        script.starts(4_000, "w2", A, 2);
        script.reports(sent, "w1", A, 1, State::Succeeded, Kind::Ok);
        script
    };
    fenced(3_900).keeps(Invariant::S4);
    assert!(fenced(4_100).report().violates(Invariant::S4));
}

#[test]
fn a_report_that_is_repeated_may_be_accepted_again() {
    let mut script = submitted();
    script.starts(100, "w1", A, 1);
    succeeds(&mut script, 500, "w1", 1);
    script.reports(600, "w1", A, 1, State::Succeeded, Kind::Ok);
    script.keeps(Invariant::S4);
}

#[test]
fn an_accepted_report_of_what_was_never_started_is_a_phantom() {
    let mut script = submitted();
    succeeds(&mut script, 500, "w1", 1);
    script.violates(Invariant::S7, &[]);
}

#[test]
fn a_second_worker_while_the_first_renews_its_lease_is_found() {
    let mut script = reaped();
    script.beats(500, 5_000, "w1");
    script.reports(4_200, "w1", A, 1, State::Succeeded, Kind::Fail);
    succeeds(&mut script, 4_500, "w2", 2);
    script.violates(Invariant::S8, &[]);
}

/// The queue loses its content at 2 s while `w1` runs; it is handed out again at 3.2 s.
fn flushed(beats_until: u64) -> Script {
    let mut script = submitted();
    script.starts(100, "w1", A, 1);
    script.beats(100, beats_until, "w1");
    script.fault(2_000, 2_001, "flush", json!({"queued": 1}));
    script.changes(3_200, A, None, |row| row.epoch = 2);
    script.starts(3_300, "w2", A, 2);
    script.reports(3_500, "w1", A, 1, State::Succeeded, Kind::Fail);
    succeeds(&mut script, 3_600, "w2", 2);
    script
}

#[test]
fn a_lease_that_the_queue_lost_counts_only_if_its_worker_was_not_heard_since() {
    flushed(1_900).keeps(Invariant::S8);
    flushed(3_000).violates(Invariant::S8, &[]);
}

#[test]
fn an_overlap_without_any_fault_is_found() {
    let mut script = submitted();
    script.starts(100, "w1", A, 1);
    script.beats(100, 500, "w1");
    script.reaps(4_000, A);
    script.starts(4_100, "w2", A, 2);
    script.reports(4_200, "w1", A, 1, State::Succeeded, Kind::Fail);
    succeeds(&mut script, 4_500, "w2", 2);
    script.violates(Invariant::S8, &[]);
}

#[test]
fn an_epoch_is_begun_by_one_worker_unless_there_were_two_queues() {
    let begun_by_two = |two_queues| {
        let mut script = Script::of(Setup {
            two_queues,
            ..setup()
        });
        script.submits(0, A, json!({}));
        script.inserts(1, A, 0);
        script.fault(50, 5_000, "F10_redis_split_brain", json!({"redis_lost": true}));
        script.starts(100, "w1", A, 1);
        script.starts(150, "w2", A, 1);
        succeeds(&mut script, 200, "w1", 1);
        script.reports(300, "w2", A, 1, State::Succeeded, Kind::Fail);
        script
    };
    begun_by_two(false).violates(Invariant::S3, &[Invariant::S8, Invariant::S12]);
    begun_by_two(true).keeps(Invariant::S3);
    begun_by_two(true).keeps(Invariant::S4);
    begun_by_two(true).keeps(Invariant::S8);
}

#[test]
fn an_attempt_before_its_time_is_found() {
    let early = |start| {
        let mut script = Script::new();
        script.submits(0, A, json!({}));
        script.inserts(1, A, 5_000);
        script.starts(start, "w1", A, 1);
        succeeds(&mut script, 5_500, "w1", 1);
        script
    };
    early(4_990).keeps(Invariant::S9);
    early(4_900).violates(Invariant::S9, &[]);
}

#[test]
fn a_retry_that_is_not_charged_is_found() {
    let mut script = submitted();
    script.starts(100, "w1", A, 1);
    script.reports(200, "w1", A, 1, State::Retry, Kind::Info);
    script.changes(201, A, None, |row| {
        (row.state, row.epoch) = (State::Retry.number(), 2);
    });
    script.starts(300, "w1", A, 2);
    succeeds(&mut script, 400, "w1", 2);
    script.violates(Invariant::S10, &[]);
}

#[test]
fn a_budget_that_is_used_up_is_the_end() {
    let mut script = submitted();
    for (ms, epoch) in [(100, 1), (200, 2), (300, 3)] {
        script.starts(ms, "w1", A, epoch);
        script.reports(ms + 10, "w1", A, epoch, State::Retry, Kind::Ok);
        script.ends(ms + 11, A, "w1", State::Retry);
    }
    script.changes(400, A, None, |row| {
        (row.state, row.epoch) = (State::Cancelled.number(), 4);
    });
    script.violates(Invariant::S10, &[]);
}

#[test]
fn a_lost_lease_beyond_the_crash_budget_is_found() {
    let crashed = |last: State| {
        let mut script = submitted();
        script.fault(50, 60, "kill", json!({}));
        for _ in 0..4 {
            script.reaps(1_000, A);
        }
        script.changes(2_000, A, None, |row| {
            (row.state, row.epoch, row.crashes) = (last.number(), 6, 5);
        });
        script
    };
    crashed(State::DeadLetter).keeps(Invariant::S10);
    let mut script = crashed(State::Queued);
    script.changes(3_000, A, None, |row| row.state = State::Cancelled.number());
    script.violates(Invariant::S10, &[]);
}

#[test]
fn a_change_that_charges_twice_is_found() {
    let mut script = submitted();
    script.changes(500, A, None, |row| {
        (row.state, row.epoch, row.attempts, row.crashes) = (State::DeadLetter.number(), 2, 1, 1);
    });
    script.violates(Invariant::S10, &[]);
}

#[test]
fn a_hand_back_that_is_charged_is_found_unless_a_fault_forbade_it() {
    let handed_back = |fault: bool| {
        let mut script = submitted();
        if fault {
            script.fault(150, 5_000, "database down", json!({}));
        }
        script.starts(100, "w1", A, 1);
        script.works(200, "w1", Op::HandBack, A, 1);
        script.reaps(300, A);
        script.starts(400, "w2", A, 2);
        succeeds(&mut script, 500, "w2", 2);
        script
    };
    handed_back(true).keeps(Invariant::S10);
    handed_back(false).violates(Invariant::S10, &[]);
}

/// Cancelled at 200 ms.
fn cancelled() -> Script {
    let mut script = submitted();
    script.cancels(200, A);
    script.changes(201, A, None, |row| row.state = State::Cancelled.number());
    script
}

#[test]
fn a_worker_that_read_the_row_before_its_cancel_may_start_it() {
    let mut script = submitted();
    script.works(190, "w1", Op::Claim, A, 1);
    script.cancels(200, A);
    script.changes(201, A, None, |row| row.state = State::Cancelled.number());
    script.works(300, "w1", Op::Take, A, 1);
    script.works(301, "w1", Op::Start, A, 1);
    script.reports(400, "w1", A, 1, State::Succeeded, Kind::Fail);
    script.keeps(Invariant::S11);
}

#[test]
fn a_claim_after_a_cancel_is_found() {
    let mut script = cancelled();
    script.starts(300, "w1", A, 1);
    script.reports(400, "w1", A, 1, State::Succeeded, Kind::Fail);
    script.violates(Invariant::S11, &[]);
}

#[test]
fn a_cancel_that_is_overwritten_is_found() {
    let mut script = submitted();
    script.starts(100, "w1", A, 1);
    script.cancels(200, A);
    script.changes(201, A, None, |row| row.state = State::Cancelled.number());
    succeeds(&mut script, 300, "w1", 1);
    // It left a final state, by a change that is no end of an attempt.
    script.violates(Invariant::S11, &[Invariant::S4, Invariant::S5]);
}

#[test]
fn an_entry_that_is_in_the_queue_before_its_row_is_found() {
    let claimed = |ms, epoch| {
        let mut script = Script::new();
        script.submits(100, A, json!({}));
        script.inserts(1_001, A, 100);
        for op in [Op::Claim, Op::Stale] {
            script.works(ms, "w1", op, A, epoch);
        }
        script.changes(2_000, A, None, |row| row.state = State::Cancelled.number());
        script
    };
    claimed(1_500, 1).keeps(Invariant::S7);
    claimed(500, 1).violates(Invariant::S7, &[]);
    claimed(1_500, 2).violates(Invariant::S7, &[]);
}

#[test]
fn a_row_that_was_there_before_the_record_began_may_be_claimed() {
    let mut script = submitted();
    script.works(50, "w1", Op::Claim, A, 1);
    script.changes(100, A, None, |row| row.epoch = 2);
    script.changes(200, A, None, |row| row.state = State::Cancelled.number());
    let mut history = script.history();
    let past = history.jobs.get_mut(&A).unwrap();
    past.rows.remove(0);
    assert!(!crate::history::check(&history).violates(Invariant::S7));
}

#[test]
fn what_the_queue_may_do_is_judged_when_it_lost_something() {
    let mut script = Script::new();
    script.life(0, A, "w1");
    assert_eq!(status(&script.report(), Invariant::S12), Status::NotChecked);

    let mut script = Script::new();
    script.life(0, A, "w1");
    script.fault(100, 200, "F15", json!({"redis_lost": true}));
    script.keeps(Invariant::S12);

    let mut script = Script::new();
    script.fault(100, 200, "F15", json!({"redis_lost": true}));
    script.life(0, A, "w1");
    script.reaps(2_000, A);
    script.changes(2_100, A, None, |row| row.state = State::Cancelled.number());
    script.violates(Invariant::S12, &[Invariant::S5]);
}

#[test]
fn without_the_words_of_workers_phantoms_and_overlaps_are_not_checked() {
    let mut setup = setup();
    setup.workers_tell = false;
    let mut script = Script::of(setup);
    script.submits(0, A, json!({}));
    script.inserts(1, A, 0);
    script.ends(500, A, "w1", State::Succeeded);
    script.tell(600, "w1", Told::note(Op::Remark));
    let report = script.report();
    for invariant in [Invariant::S7, Invariant::S8] {
        assert_eq!(status(&report, invariant), Status::NotChecked);
    }
}
