//! What the report says of a run as a whole.

use scheduler_domain::State;
use serde_json::json;

use super::script::{A, B, Script, setup, status};
use crate::history::{Folder, Invariant, Kind, Op, Reach, Recorder, Status, Told, Verdict, judge};

#[test]
fn a_run_that_does_not_reach_what_it_was_to_reach_is_invalid() {
    let setup = setup().reaching([Reach::LeaseReclaimed, Reach::QueueRebuilt]);
    let mut script = Script::of(setup);
    script.life(0, A, "w1");
    script.tell(10, "api-1", Told::note(Op::Reached).code("queue_rebuilt"));
    let report = script.report();
    assert_eq!(report.verdict, Verdict::Invalid);
    assert_eq!(report.missed, [Reach::LeaseReclaimed]);
}

#[test]
fn a_run_in_which_nothing_happened_holds_nothing() {
    let report = Script::new().report();
    assert_eq!(report.verdict, Verdict::Invalid);
    for judged in &report.invariants {
        assert_ne!(judged.status, Status::Held, "{}", judged.invariant);
        assert!(judged.why.is_some(), "{}", judged.invariant);
    }
}

#[test]
fn what_can_be_seen_of_rare_states_is_seen() {
    let mut script = Script::new();
    script.submits(0, A, json!({}));
    script.inserts(1, A, 0);
    script.fault(50, 60, "flush", json!({"queued": 101}));
    script.starts(100, "w1", A, 1);
    script.reaps(4_000, A);
    script.starts(4_100, "w2", A, 2);
    script.reports(4_200, "w1", A, 1, State::Succeeded, Kind::Fail);
    let replayed = Told::new(Kind::Ok, Op::Submit)
        .job(A)
        .reply(json!({"replayed": true}));
    script.call(4_300, "client-1", Told::note(Op::Submit), replayed);
    for (code, kind) in [
        ("ALREADY_EXISTS", Kind::Fail),
        ("RESOURCE_EXHAUSTED", Kind::Fail),
        ("UNAVAILABLE", Kind::Info),
    ] {
        let answered = Told::new(kind, Op::Submit).code(code);
        script.call(4_400, "client-1", Told::note(Op::Submit).job(B), answered);
    }
    script.changes(4_450, A, Some("w2"), |row| row.state = State::Running.number());
    script.cancels(4_500, A);
    script.changes(4_501, A, None, |row| row.state = State::Cancelled.number());
    script.tell(4_600, "w2", Told::note(Op::Drain).args(json!({"running": 1})));
    script.works(4_700, "w2", Op::HandBack, A, 2);
    let reached = script.report().reached;
    let expected = [
        Reach::StaleReportRefused,
        Reach::LeaseReclaimed,
        Reach::IdempotentReplay,
        Reach::ConflictRefused,
        Reach::FlushWithBacklog,
        Reach::DrainWithWork,
        Reach::HandedBack,
        Reach::RequestShed,
        Reach::CancelWhileRunning,
        Reach::IndeterminateAnswer,
        Reach::AttemptsOverlapped,
    ];
    assert_eq!(reached.into_keys().collect::<Vec<_>>(), expected);
}

#[test]
fn a_folder_is_judged_and_the_report_shows_what_happened_to_the_job() {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::create(place.path().join("run"), &setup()).unwrap();
    let recorder = Recorder::create(&folder, "client-1").unwrap();
    let call = recorder.tell(Told::new(Kind::Invoke, Op::Submit).job(A));
    recorder.tell(Told::new(Kind::Ok, Op::Submit).job(A).answers(call));
    recorder.fault("F1", json!({})).ends();
    folder.write_lines("final.jsonl", Vec::<u64>::new()).unwrap();
    // An empty file says that there are no rows, which is not the same as no file.
    let report = judge(&folder).unwrap();
    assert_eq!(report.verdict, Verdict::Violated);
    assert_eq!(status(&report, Invariant::S1), Status::Violated);
    let text = std::fs::read_to_string(folder.path().join("report.txt")).unwrap();
    assert!(
        text.contains("S1 violated: job") && text.contains("submit ok") && text.contains("F1 begins"),
        "{text}"
    );
    let json = std::fs::read(folder.path().join("report.json")).unwrap();
    assert_eq!(
        serde_json::from_slice::<crate::history::Report>(&json).unwrap(),
        report
    );
}
