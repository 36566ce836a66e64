//! The command that judges a recorded run, as scripts call it.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::process::{Command, Output};

use scheduler_e2e::history::{Folder, Kind, Op, Reach, Recorder, Report, Setup, Told, Verdict};
use uuid::Uuid;

fn history(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_history"))
        .args(args)
        .output()
        .unwrap()
}

/// A run in which a job was acknowledged, read at the end through the API or not.
fn run(place: &Path, name: &str, setup: &Setup, is_shown: bool) -> String {
    let folder = Folder::create(place.join(name), setup).unwrap();
    let job = Uuid::from_u128(1);
    let recorder = Recorder::create(&folder, "client-1").unwrap();
    let call = recorder.tell(Told::new(Kind::Invoke, Op::Submit).job(job));
    recorder.tell(Told::new(Kind::Ok, Op::Submit).answers(call));
    let shown = scheduler_e2e::history::Shown {
        job,
        state: 3,
        attempts: 1,
        sequence: 3,
        result: None,
    };
    folder
        .write_lines("shown.jsonl", is_shown.then_some(shown))
        .unwrap();
    folder.path().display().to_string()
}

#[test]
fn the_exit_code_tells_clean_from_violated_from_worthless() {
    let place = tempfile::tempdir().unwrap();
    let setup = Setup::new("test", 1);
    let clean = run(place.path(), "clean", &setup, true);
    let lost = run(place.path(), "lost", &setup, false);
    let vacuous = run(
        place.path(),
        "vacuous",
        &setup.reaching([Reach::HandedBack]),
        true,
    );
    let nothing = place.path().join("nothing").display().to_string();
    for (folder, code) in [(&clean, 0), (&lost, 1), (&vacuous, 2), (&nothing, 2)] {
        let output = history(&["check", folder]);
        assert_eq!(output.status.code(), Some(code), "{folder}: {output:?}");
    }
    for args in [&["check"][..], &["judge", &clean], &["check", "--jsn", &clean]] {
        let output = history(args);
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8(output.stderr).unwrap().starts_with("usage: "));
    }
}

#[test]
fn the_report_is_text_or_json() {
    let place = tempfile::tempdir().unwrap();
    let lost = run(place.path(), "lost", &Setup::new("test", 1), false);
    let text = String::from_utf8(history(&["check", &lost]).stdout).unwrap();
    assert!(
        text.contains("S1   nothing lost                 VIOLATED"),
        "{text}"
    );
    let report: Report = serde_json::from_slice(&history(&["check", "--json", &lost]).stdout).unwrap();
    assert_eq!(report.verdict, Verdict::Violated);
}
