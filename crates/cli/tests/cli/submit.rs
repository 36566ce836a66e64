use scheduler_client::testing::Rpc;
use scheduler_client::{State, v1};

use crate::{fake, run, run_with_input};

#[test]
fn the_id_alone_goes_to_standard_output() {
    let fake = fake();
    let ran = run(&fake, &["jobs", "submit", "noop"]).code(0);
    assert_eq!(ran.out.trim(), fake.jobs()[0].job_id);
    assert_eq!(ran.err, "", "no hints where nobody sits");
}

#[test]
fn every_option_reaches_the_scheduler() {
    let fake = fake();
    let id = "6ba7b810-9dad-41d1-80b4-00c04fd430c8";
    let args = [
        "jobs",
        "submit",
        "email.send",
        "--payload",
        r#"{"to":"ada"}"#,
        "--priority",
        "high",
        "--queue",
        "mail",
        "--run-at",
        "2027-01-02T03:04:05Z",
        "--attempt-timeout",
        "90s",
        "--key",
        "welcome-1",
        "--id",
        id,
        "--max-attempts",
        "7",
        "--label",
        "team=a",
        "--label",
        "env=test",
        "--retry-initial",
        "200ms",
        "--retry-max",
        "5s",
        "--retry-multiplier",
        "3",
        "--no-jitter",
    ];
    run(&fake, &args).code(0);
    let span = |seconds, nanos| Some(prost_types::Duration { seconds, nanos });
    let expected = v1::Job {
        job_id: id.to_owned(),
        r#type: "email.send".to_owned(),
        priority: 2,
        payload_json: r#"{"to":"ada"}"#.to_owned(),
        idempotency_key: "welcome-1".to_owned(),
        max_attempts: 7,
        queue: "mail".to_owned(),
        run_at: Some(prost_types::Timestamp {
            seconds: 1_798_859_045,
            nanos: 0,
        }),
        timeout: span(90, 0),
        labels: [
            ("team".to_owned(), "a".to_owned()),
            ("env".to_owned(), "test".to_owned()),
        ]
        .into(),
        retry_policy: Some(v1::RetryPolicy {
            initial_interval: span(0, 200_000_000),
            multiplier: 3.0,
            max_interval: span(5, 0),
            jitter: v1::retry_policy::Jitter::None.into(),
        }),
        delay: None,
    };
    assert_eq!(fake.jobs(), [expected]);
}

#[test]
fn a_payload_is_read_from_a_file_or_from_standard_input() {
    let fake = fake();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "[1]").unwrap();
    run(
        &fake,
        &[
            "jobs",
            "submit",
            "noop",
            "--payload",
            &format!("@{}", file.path().display()),
        ],
    )
    .code(0);
    run_with_input(&fake, &["jobs", "submit", "noop", "--payload", "-"], "[2]").code(0);
    let payloads: Vec<String> = fake.jobs().into_iter().map(|job| job.payload_json).collect();
    assert_eq!(payloads, ["[1]", "[2]"]);
}

#[test]
fn a_payload_that_is_not_json_never_leaves_this_machine() {
    let fake = fake();
    let ran = run(&fake, &["jobs", "submit", "noop", "--payload", "{"]).code(2);
    assert!(ran.err.contains("not JSON"), "{}", ran.err);
    assert_eq!(fake.calls(Rpc::Submit), 0);
}

#[test]
fn options_that_contradict_each_other_are_usage_errors() {
    let fake = fake();
    for args in [
        ["--run-at=2027-01-02T03:04:05Z", "--delay=5m"],
        ["--count=2", "--key=k"],
        ["--count=2", "--watch"],
        ["--watch", "--wait"],
        ["--max-attempts=0", "--key=k"],
    ] {
        run(&fake, &[&["jobs", "submit", "noop"], &args[..]].concat()).code(2);
    }
}

#[test]
fn a_key_used_before_is_told() {
    let fake = fake();
    run(&fake, &["jobs", "submit", "noop", "--key", "k"]).code(0);
    let ran = run(&fake, &["jobs", "submit", "noop", "--key", "k", "-o", "json"]).code(0);
    assert_eq!(ran.json()["replayed"], true);
    assert!(ran.err.contains("there already"), "{}", ran.err);
    let ran = run(&fake, &["jobs", "submit", "sleep", "--key", "k"]).code(4);
    assert!(ran.err.contains("take another --id or --key"), "{}", ran.err);
}

#[test]
fn many_jobs_go_in_batches() {
    let fake = fake();
    let ran = run(
        &fake,
        &["jobs", "submit", "noop", "--count", "2500", "-o", "name"],
    )
    .code(0);
    assert_eq!(ran.lines().len(), 2500);
    assert_eq!((fake.jobs().len(), fake.calls(Rpc::SubmitBatch)), (2500, 3));
}

#[test]
fn many_jobs_can_be_awaited() {
    let fake = fake();
    let ran = run(&fake, &["jobs", "submit", "noop", "--count", "20", "--wait"]).code(0);
    assert_eq!(ran.out, "20 SUCCEEDED\n");
    fake.lives(&[State::Queued, State::Running, State::Failed]);
    let ran = run(&fake, &["jobs", "submit", "noop", "--count", "2", "--wait"]).code(7);
    assert_eq!(ran.lines()[2], "2 FAILED");
    assert!(ran.lines()[0].contains("it broke"), "{}", ran.out);
    let ran = run(
        &fake,
        &["jobs", "submit", "noop", "--count", "2", "--wait", "-o", "json"],
    )
    .code(7);
    assert_eq!(ran.json().as_array().unwrap().len(), 2);
}
