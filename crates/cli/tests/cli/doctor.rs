use scheduler_client::testing::Rpc;
use scheduler_client::{JobRequest, State};
use tonic::Status;

use crate::{Ran, fake, run, tsctl};

#[test]
fn a_healthy_scheduler_gets_a_clean_bill() {
    let fake = fake();
    fake.put(JobRequest::new("noop"), &[State::Queued]);
    let ran = run(&fake, &["doctor"]).code(0);
    let names: Vec<&str> = ran
        .out
        .lines()
        .map(|line| line.split_whitespace().nth(1).unwrap())
        .collect();
    assert_eq!(names, ["address", "health", "reflection", "queues", "workers"]);
    assert!(ran.out.lines().all(|line| line.starts_with("ok")), "{}", ran.out);
    assert!(ran.out.contains("served by fake-0"), "{}", ran.out);
    assert!(ran.out.contains("waiting 1 ·"), "{}", ran.out);
}

#[test]
fn no_workers_is_a_warning_with_a_fix() {
    let fake = fake();
    fake.set_workers(0);
    let ran = run(&fake, &["doctor"]).code(0);
    let last = ran.lines()[4];
    assert!(
        last.starts_with("warn") && last.contains("no workers are running"),
        "{last}"
    );
    assert!(
        last.ends_with("→ start one: scheduler-worker, or tsctl dev"),
        "{last}"
    );
    let checks = run(&fake, &["doctor", "-o", "json"]).code(0).json();
    assert_eq!(checks[4]["health"], "warning");
}

#[test]
fn nobody_there_is_a_failure_with_a_fix() {
    let ran = Ran::of(tsctl("http://127.0.0.1:1", &["doctor"]).spawn().unwrap()).code(1);
    assert_eq!(ran.lines().len(), 1);
    assert!(ran.out.starts_with("FAIL  address"), "{}", ran.out);
    assert!(ran.out.contains("→ start one: tsctl dev"), "{}", ran.out);
}

#[test]
fn a_scheduler_without_its_queue_is_told_from_no_scheduler() {
    let fake = fake();
    // As often as the client asks.
    for _ in 0..scheduler_client::ClientOptions::new("").attempts {
        fake.fail(Rpc::Queues, Status::unavailable("the queue cannot be reached"));
    }
    let ran = run(&fake, &["doctor"]).code(1);
    assert!(ran.out.contains("ok    health"), "{}", ran.out);
    assert!(ran.out.contains("FAIL  queues"), "{}", ran.out);
    fake.fail(Rpc::Queues, Status::unimplemented("no such method"));
    let ran = run(&fake, &["doctor"]).code(1);
    assert!(
        ran.out.contains("is no scheduler.v1.SchedulerService"),
        "{}",
        ran.out
    );
}

#[test]
fn backends_that_are_away_are_told_with_their_cause() {
    let fake = fake();
    let urls = [
        "--database-url",
        "postgres://root@127.0.0.1:1/scheduler",
        "--redis-url",
        "redis://127.0.0.1:1",
    ];
    let ran = run(&fake, &[&["doctor"], &urls[..]].concat()).code(1);
    let failed: Vec<&str> = ran.out.lines().filter(|line| line.starts_with("FAIL")).collect();
    assert!(
        failed[0].contains("database") && failed[0].contains("refused"),
        "{}",
        failed[0]
    );
    assert!(
        failed[1].contains("redis") && failed[1].contains("refused"),
        "{}",
        failed[1]
    );
}
