//! S16: what clients read.

use scheduler_domain::State;
use serde_json::json;

use super::script::{A, Script};
use crate::history::{Invariant, Kind, Op, Told};

fn done() -> Script {
    let mut script = Script::new();
    script.life(0, A, "w1");
    script
}

#[test]
fn a_job_that_is_not_found_after_it_was_acknowledged_is_found_out() {
    for (ms, lost) in [(1, false), (500, true)] {
        let mut script = done();
        let unknown = Told::new(Kind::Fail, Op::Get).code("NOT_FOUND");
        script.call(ms, "client-2", Told::note(Op::Get).job(A), unknown);
        // Before the acknowledgement it may be there or not.
        let report = script.report();
        assert_eq!(report.violates(Invariant::S16), lost, "{report}");
    }
}

#[test]
fn a_client_that_reads_an_older_change_is_found() {
    let mut script = done();
    script.reads(1_000, "client-1", A, State::Succeeded, 3);
    script.reads(1_100, "client-1", A, State::Succeeded, 2);
    script.violates(Invariant::S16, &[]);
}

#[test]
fn reads_at_the_same_time_or_of_two_clients_are_in_no_order() {
    let mut script = done();
    script.reads(200, "client-1", A, State::Queued, 3);
    script.reads(201, "client-1", A, State::Queued, 1);
    script.reads(300, "client-2", A, State::Queued, 1);
    script.keeps(Invariant::S16);
}

#[test]
fn running_that_is_only_shown_may_be_taken_back() {
    let mut script = done();
    script.reads(200, "client-1", A, State::Running, 2);
    script.reads(300, "client-1", A, State::Queued, 1);
    script.keeps(Invariant::S16);
}

#[test]
fn a_stream_that_goes_back_is_found() {
    let mut script = done();
    let call = script.tell(50, "client-1", Told::new(Kind::Invoke, Op::Watch).job(A));
    for (ms, sequence) in [(100, 3), (200, 2)] {
        let change = Told::note(Op::Watch)
            .job(A)
            .answers(call)
            .reply(json!({"state": 1, "sequence": sequence}));
        script.tell(ms, "client-1", change);
    }
    script.violates(Invariant::S16, &[]);
}
