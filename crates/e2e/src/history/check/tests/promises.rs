//! S1, S2, S5, S6, S15: what clients were promised.

use scheduler_domain::State;
use serde_json::json;

use super::script::{A, B, Script, setup};
use crate::history::{Invariant, Kind, Op, Setup, Told, check};

#[test]
fn a_job_that_is_submitted_run_and_done_violates_nothing() {
    for invariant in [
        Invariant::S1,
        Invariant::S2,
        Invariant::S3,
        Invariant::S4,
        Invariant::S5,
        Invariant::S6,
        Invariant::S7,
        Invariant::S8,
        Invariant::S9,
        Invariant::S10,
        Invariant::S15,
        Invariant::L1,
        Invariant::L3,
    ] {
        let mut script = Script::new();
        script.life(0, A, "w1");
        script.keeps(invariant);
    }
}

#[test]
fn an_acknowledged_job_that_has_no_row_is_lost() {
    let mut script = Script::new();
    script.life(0, A, "w1");
    script.submits(10, B, json!({}));
    script.violates(Invariant::S1, &[]);
}

#[test]
fn a_row_that_is_deleted_while_open_is_lost() {
    let mut script = Script::new();
    script.submits(0, A, json!({}));
    script.inserts(1, A, 0);
    script.deletes(500, A);
    script.violates(Invariant::S1, &[]);
}

#[test]
fn a_final_job_may_be_deleted() {
    let mut script = Script::new();
    script.life(0, A, "w1");
    script.deletes(5_000, A);
    script.keeps(Invariant::S1);
}

fn refused(code: &str, setup: Setup) -> Script {
    let mut script = Script::of(setup);
    script.life(0, A, "w1");
    let refused = Told::new(Kind::Fail, Op::Submit).code(code);
    script.call(10, "client-1", Told::note(Op::Submit).job(B), refused);
    script
}

#[test]
fn what_was_refused_for_certain_is_not_there() {
    refused("RESOURCE_EXHAUSTED", setup()).keeps(Invariant::S1);
    let mut script = refused("RESOURCE_EXHAUSTED", setup());
    script.inserts(11, B, 0);
    script.changes(12, B, None, |row| row.state = State::Cancelled.number());
    script.violates(Invariant::S1, &[]);
}

#[test]
fn a_refusal_may_hide_an_earlier_try_when_a_gateway_repeats() {
    let setup = Setup {
        gateway_repeats: true,
        ..setup()
    };
    let mut script = refused("RESOURCE_EXHAUSTED", setup);
    script.inserts(11, B, 0);
    script.changes(12, B, None, |row| row.state = State::Cancelled.number());
    script.keeps(Invariant::S1);
}

#[test]
fn an_answer_that_is_not_known_allows_both() {
    for is_there in [false, true] {
        let mut script = Script::new();
        script.life(0, A, "w1");
        let lost = Told::new(Kind::Info, Op::Submit).code("UNAVAILABLE");
        script.call(10, "client-1", Told::note(Op::Submit).job(B), lost);
        if is_there {
            script.inserts(11, B, 0);
            script.changes(12, B, None, |row| row.state = State::Cancelled.number());
        }
        script.keeps(Invariant::S1);
    }
}

#[test]
fn a_key_that_is_answered_with_two_jobs_is_not_idempotent() {
    let mut script = Script::new();
    for (job, ms) in [(A, 0), (B, 10)] {
        script.submits(ms, job, json!({"key": "k", "body": 1}));
        script.inserts(ms + 1, job, 0);
        script.changes(ms + 2, job, None, |row| row.state = State::Cancelled.number());
    }
    script.violates(Invariant::S2, &[]);
}

#[test]
fn a_key_that_is_answered_with_the_same_job_again_is_idempotent() {
    let mut script = Script::new();
    script.life(0, A, "w1");
    for ms in [2_000, 3_000] {
        script.submits(ms, A, json!({"key": "k", "body": 7}));
    }
    script.keeps(Invariant::S2);
}

#[test]
fn two_rows_with_one_key_are_found() {
    let mut script = Script::new();
    script.life(0, A, "w1");
    script.life(10, B, "w1");
    let mut history = script.history();
    for past in history.jobs.values_mut() {
        past.last.as_mut().unwrap().key = Some(A);
    }
    assert!(check(&history).violates(Invariant::S2));
}

#[test]
fn a_job_that_takes_two_bodies_is_merged() {
    let mut script = Script::new();
    script.life(0, A, "w1");
    script.submits(2_000, A, json!({"body": 8}));
    script.violates(Invariant::S2, &[]);
}

#[test]
fn a_reaper_that_goes_by_id_alone_leaves_a_final_state() {
    let mut script = Script::new();
    script.life(0, A, "w1");
    script.reaps(2_000, A);
    script.starts(2_100, "w1", A, 2);
    script.reports(2_900, "w1", A, 2, State::Succeeded, Kind::Ok);
    script.ends(2_901, A, "w1", State::Succeeded);
    // It succeeds twice, for the same reason.
    script.violates(Invariant::S5, &[Invariant::S6]);
}

#[test]
fn a_redrive_leaves_a_final_state_if_somebody_asked_for_it() {
    for asked in [true, false] {
        let mut script = Script::new();
        script.submits(0, A, json!({}));
        script.inserts(1, A, 0);
        script.starts(100, "w1", A, 1);
        script.reports(200, "w1", A, 1, State::Failed, Kind::Ok);
        script.ends(201, A, "w1", State::Failed);
        if asked {
            let redriven = Told::new(Kind::Ok, Op::Redrive).reply(json!({"state": 1, "sequence": 3}));
            script.call(1_000, "client-1", Told::note(Op::Redrive).job(A), redriven);
        }
        script.changes(1_001, A, None, |row| {
            (row.state, row.epoch, row.attempts) = (State::Queued.number(), 2, 0);
        });
        script.starts(1_100, "w1", A, 2);
        script.reports(1_200, "w1", A, 2, State::Succeeded, Kind::Ok);
        script.ends(1_201, A, "w1", State::Succeeded);
        if asked {
            script.keeps(Invariant::S5);
        } else {
            script.violates(Invariant::S5, &[]);
        }
    }
}

#[test]
fn two_final_states_seen_by_clients_are_not_final() {
    let mut script = Script::new();
    script.life(0, A, "w1");
    script.reads(2_000, "client-1", A, State::Succeeded, 3);
    script.reads(3_000, "client-2", A, State::DeadLetter, 4);
    script.violates(Invariant::S5, &[]);
}

#[test]
fn successes_under_two_epochs_are_one_too_many() {
    let mut script = Script::new();
    script.life(0, A, "w1");
    script.starts(2_000, "w2", A, 2);
    script.reports(2_500, "w2", A, 2, State::Succeeded, Kind::Ok);
    // The row never was under that epoch.
    script.violates(Invariant::S6, &[Invariant::S4, Invariant::S7]);
}

#[test]
fn a_result_other_than_the_accepted_one_is_found() {
    let mut script = Script::new();
    script.life(0, A, "w1");
    script.result(A, 43);
    script.violates(Invariant::S15, &[]);
}

#[test]
fn a_row_that_changes_behind_its_changes_is_found() {
    let mut script = Script::new();
    script.life(0, A, "w1");
    let mut history = script.history();
    let last = history
        .jobs
        .get_mut(&A)
        .and_then(|past| past.last.as_mut())
        .unwrap();
    last.row.attempts = 2;
    let report = check(&history);
    assert!(report.violates(Invariant::S15), "{report}");
}

#[test]
fn an_api_that_shows_something_else_than_the_row_is_found() {
    let mut script = Script::new();
    script.life(0, A, "w1");
    let mut history = script.history();
    let shown = history
        .jobs
        .get_mut(&A)
        .and_then(|past| past.shown.as_mut())
        .unwrap();
    shown.sequence += 1;
    let report = check(&history);
    assert!(report.violates(Invariant::S15), "{report}");
}
