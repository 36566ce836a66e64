use scheduler_client::{JobRequest, State};

use crate::{Ran, fake, run, tsctl};

#[test]
fn an_unknown_verb_is_a_usage_error_that_suggests_the_nearest() {
    let ran = run(&fake(), &["jobs", "sumbit", "noop"]).code(2);
    assert!(ran.err.contains("submit"), "{}", ran.err);
}

#[test]
fn help_tells_the_exit_codes() {
    let ran = run(&fake(), &["--help"]).code(0);
    assert!(
        ran.out.contains("7 the awaited job did not succeed"),
        "{}",
        ran.out
    );
}

#[test]
fn the_address_comes_from_the_command_line_before_the_environment() {
    let fake = fake();
    let nowhere = "http://127.0.0.1:1";
    Ran::of(
        tsctl(nowhere, &["queues", "list", "--address", &fake.address()])
            .spawn()
            .unwrap(),
    )
    .code(0);
    run(&fake, &["queues", "list", "--address", nowhere]).code(6);
}

#[test]
fn colour_is_for_terminals_unless_it_is_asked_for() {
    let fake = fake();
    fake.put(JobRequest::new("noop"), &[State::Failed]);
    let colored = |args: &[&str]| run(&fake, args).code(0).out.contains('\u{1b}');
    assert!(!colored(&["jobs", "list"]));
    assert!(colored(&["jobs", "list", "--color", "always"]));
    assert!(!colored(&["jobs", "list", "--color", "never"]));
    let mut plain = tsctl(&fake.address(), &["jobs", "list", "--color", "always"]);
    let ran = Ran::of(plain.env("NO_COLOR", "1").spawn().unwrap()).code(0);
    assert!(
        ran.out.contains('\u{1b}'),
        "what is typed counts more than the environment"
    );
}

#[test]
fn a_reader_that_has_had_enough_is_no_error() {
    let fake = fake();
    for _ in 0..2_000 {
        fake.put(JobRequest::new("noop"), &[State::Queued]);
    }
    let mut child = tsctl(&fake.address(), &["jobs", "list", "--all"])
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let ran = Ran::of(child).code(0);
    assert_eq!(ran.err, "");
}

#[test]
fn queues_are_listed_in_every_format() {
    let fake = fake();
    fake.put(JobRequest::new("noop").queue("mail"), &[State::Queued]);
    fake.set_workers(3);
    let table = run(&fake, &["queues", "list"]).code(0);
    assert_eq!(
        table.lines()[0],
        "QUEUE  READY  OLDEST  RUNNING  IN/S  OUT/S  RUN  WORKERS  CRITICAL  HIGH  DEFAULT  LOW"
    );
    assert_eq!(
        table.lines()[1],
        "mail   1      90s     0        0.0   0.0         0.00     0         0     1        0"
    );
    assert!(table.err.contains("workers 3"));
    let json = run(&fake, &["queues", "list", "-o", "json"]).code(0).json();
    assert_eq!(
        (json["workers"].as_i64(), json["queues"][0]["name"].as_str()),
        (Some(3), Some("mail"))
    );
    assert!(
        run(&fake, &["queues", "list", "-o", "yaml"])
            .code(0)
            .out
            .contains("queues:\n- name: mail\n")
    );
    assert_eq!(
        run(&fake, &["queues", "list", "-o", "name"]).code(0).out,
        "mail\n"
    );
}

#[test]
fn what_needs_no_scheduler_works_without() {
    let offline = |args: &[&str]| Ran::of(tsctl("http://127.0.0.1:1", args).spawn().unwrap()).code(0);
    assert!(offline(&["version"]).out.starts_with("tsctl "));
    assert!(offline(&["version", "-o", "json"]).json()["version"].is_string());
    assert!(offline(&["completion", "bash"]).out.contains("_tsctl"));
    assert!(offline(&["config", "schema"]).json()["properties"].is_object());
    assert!(offline(&["config", "print"]).out.contains("[api]"));
    assert!(offline(&["config", "reference"]).out.contains("api"));
}
