use std::io::{BufRead as _, BufReader};
use std::process::Command;

use scheduler_client::testing::{FakeScheduler, Rpc};
use scheduler_client::{JobRequest, State};

use crate::{Ran, fake, run, tsctl};

const SUCCEEDS: [State; 3] = [State::Queued, State::Running, State::Succeeded];

#[test]
fn watching_prints_each_change_and_how_it_ended() {
    let fake = fake();
    let ran = run(&fake, &["jobs", "submit", "noop", "--watch"]).code(0);
    let id = &fake.jobs()[0].job_id;
    let expected = format!(
        "{id}\n\
         2026-01-01T00:00:01.000Z  QUEUED      queued\n\
         2026-01-01T00:00:01.100Z  RUNNING     running\n\
         2026-01-01T00:00:01.200Z  SUCCEEDED   succeeded\n\
         {id} SUCCEEDED with 1 attempt, 200ms after it was accepted\n"
    );
    assert_eq!(ran.out, expected);
}

#[test]
fn waiting_prints_the_end_alone() {
    let fake = fake();
    let ran = run(&fake, &["jobs", "submit", "noop", "--wait"]).code(0);
    assert_eq!(ran.lines().len(), 2);
    let ran = run(&fake, &["jobs", "submit", "noop", "--wait", "-o", "json"]).code(0);
    assert_eq!(ran.json()["state"], "SUCCEEDED");
}

#[test]
fn a_job_that_does_not_succeed_is_exit_code_7() {
    let fake = fake();
    for end in [State::Failed, State::DeadLetter, State::Cancelled] {
        let id = fake.put(JobRequest::new("noop"), &[State::Running, end]);
        let ran = run(&fake, &["jobs", "watch", &id]).code(7);
        assert!(ran.lines()[2].contains(end.name()), "{}", ran.out);
        fake.lives(&[State::Running, end]);
        run(&fake, &["jobs", "submit", "noop", "--wait"]).code(7);
    }
}

#[test]
fn to_programs_each_change_is_a_line_of_json() {
    let fake = fake();
    let id = fake.put(JobRequest::new("noop"), &SUCCEEDS);
    let ran = run(&fake, &["jobs", "watch", &id, "-o", "json"]).code(0);
    let events: Vec<serde_json::Value> = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let states: Vec<_> = events
        .iter()
        .map(|event| event["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, SUCCEEDS.map(State::name));
    assert_eq!(events[2]["sequence"], 3);
    assert_eq!(
        run(&fake, &["jobs", "watch", &id, "-o", "name"]).code(0).out,
        "QUEUED\nRUNNING\nSUCCEEDED\n"
    );
    assert_eq!(
        run(&fake, &["jobs", "watch", &id, "-o", "yaml"])
            .code(0)
            .out
            .matches("---\n")
            .count(),
        3
    );
}

#[test]
fn a_broken_stream_is_not_noticed() {
    let fake = fake();
    let id = fake.put(JobRequest::new("noop"), &SUCCEEDS);
    fake.break_watch_after(1);
    let ran = run(&fake, &["jobs", "watch", &id]).code(0);
    assert_eq!((ran.lines().len(), ran.err.as_str()), (4, ""));
    assert_eq!(fake.calls(Rpc::Watch), 2);
}

#[test]
fn ctrl_c_ends_the_watching_and_not_the_job() {
    let fake = fake();
    let id = fake.put(JobRequest::new("noop"), &[State::Running]);
    let ran = interrupted(&fake, &["jobs", "watch", &id]).code(130);
    assert!(ran.err.contains("the job goes on"), "{}", ran.err);
    assert!(
        ran.err.contains(&format!("tsctl jobs cancel {id}")),
        "{}",
        ran.err
    );
    assert_eq!(fake.calls(Rpc::Cancel), 0);

    fake.lives(&[State::Running]);
    let ran = interrupted(&fake, &["jobs", "submit", "noop", "--wait"]).code(130);
    assert!(ran.err.contains("the job goes on"), "{}", ran.err);
    assert_eq!(
        fake.status(&fake.jobs()[1].job_id).unwrap().state,
        State::Running.number()
    );
}

/// Interrupts it after its first line of output and when it watches.
fn interrupted(fake: &FakeScheduler, args: &[&str]) -> Ran {
    let watching = fake.calls(Rpc::Watch);
    let mut child = tsctl(&fake.address(), args).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut String::new()).unwrap();
    while fake.calls(Rpc::Watch) == watching {
        std::thread::yield_now();
    }
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    Ran::of(child)
}
