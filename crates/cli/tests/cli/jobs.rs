use scheduler_client::testing::{FakeScheduler, Rpc};
use scheduler_client::{JobRequest, Priority, State};

use crate::{fake, run};

fn put(fake: &FakeScheduler, state: State) -> String {
    fake.put(JobRequest::new("noop"), &[state])
}

#[test]
fn a_job_is_shown_in_every_format() {
    let fake = fake();
    let job = JobRequest::new("email")
        .queue("mail")
        .priority(Priority::High)
        .label("team", "a");
    let id = fake.put(job, &[State::Queued, State::Running, State::Failed]);
    let text = run(&fake, &["jobs", "get", &id]).code(0).out;
    for line in [
        "state     FAILED",
        "priority  high",
        "attempts  1/3",
        "labels    team=a",
        "error     boom: it broke",
    ] {
        assert!(text.lines().any(|l| l == line), "{line:?} in\n{text}");
    }
    let json = run(&fake, &["jobs", "get", &id, "-o", "json"]).code(0).json();
    assert_eq!(
        (json["job_id"].as_str(), json["state"].as_str()),
        (Some(id.as_str()), Some("FAILED"))
    );
    assert_eq!(json["created_at"], "2026-01-01T00:00:01.000Z");
    assert_eq!(json["error"]["message"], "it broke");
    assert!(
        run(&fake, &["jobs", "get", &id, "-o", "yaml"])
            .code(0)
            .out
            .contains("state: FAILED\n")
    );
    assert_eq!(
        run(&fake, &["jobs", "get", &id, "-o", "name"]).code(0).out,
        format!("{id}\n")
    );
}

#[test]
fn a_list_has_a_line_for_each_job_newest_first() {
    let fake = fake();
    let (old, new) = (put(&fake, State::Queued), put(&fake, State::Running));
    let ran = run(&fake, &["jobs", "list"]).code(0);
    let heads: Vec<&str> = ran.lines()[0].split_whitespace().collect();
    assert_eq!(
        heads,
        ["ID", "TYPE", "STATE", "PRIORITY", "QUEUE", "ATTEMPTS", "AGE"]
    );
    let cells: Vec<&str> = ran.lines()[1].split_whitespace().collect();
    assert_eq!(cells[..6], [&new, "noop", "RUNNING", "default", "default", "1/3"]);
    assert_eq!(
        run(&fake, &["jobs", "list", "-o", "name"]).code(0).out,
        format!("{new}\n{old}\n")
    );
    assert_eq!(
        run(&fake, &["jobs", "list", "-o", "json"])
            .code(0)
            .json()
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

#[test]
fn an_empty_list_is_nothing_to_people_and_an_empty_list_to_programs() {
    let fake = fake();
    assert_eq!(run(&fake, &["jobs", "list"]).code(0).out, "");
    assert_eq!(run(&fake, &["jobs", "list", "-o", "json"]).code(0).out, "[]\n");
    assert_eq!(run(&fake, &["jobs", "list", "-o", "yaml"]).code(0).out, "[]\n");
}

#[test]
fn a_list_that_was_cut_says_so() {
    let fake = fake();
    for _ in 0..5 {
        put(&fake, State::Queued);
    }
    let ran = run(&fake, &["jobs", "list", "--limit", "3", "-o", "name"]).code(0);
    assert_eq!(ran.lines().len(), 3);
    assert!(ran.err.contains("there are more"), "{}", ran.err);
    assert_eq!(
        run(&fake, &["jobs", "list", "--limit", "3", "-q"]).code(0).err,
        ""
    );
    for args in [["--limit", "5"], ["--all", "--quiet"]] {
        let ran = run(&fake, &[&["jobs", "list", "-o", "name"], &args[..]].concat()).code(0);
        assert_eq!((ran.lines().len(), ran.err.as_str()), (5, ""));
    }
}

#[test]
fn a_list_can_be_filtered() {
    let fake = fake();
    let wanted = fake.put(
        JobRequest::new("email").queue("mail").priority(Priority::Low),
        &[State::Failed],
    );
    put(&fake, State::Failed);
    put(&fake, State::Queued);
    for filter in [["--type", "email"], ["--queue", "mail"], ["--priority", "low"]] {
        let ran = run(
            &fake,
            &[&["jobs", "list", "--state", "failed", "-o", "name"], &filter[..]].concat(),
        );
        assert_eq!(ran.code(0).out, format!("{wanted}\n"));
    }
    run(&fake, &["jobs", "list", "--state", "done"]).code(2);
}

#[test]
fn verbs_take_several_jobs_and_go_on_after_one_that_fails() {
    let fake = fake();
    let (one, two) = (put(&fake, State::Queued), put(&fake, State::Running));
    let ran = run(&fake, &["jobs", "cancel", &one, "no-such-job", &two]).code(3);
    assert_eq!(ran.out.matches("cancelled").count(), 2);
    assert!(ran.err.contains("there is no job no-such-job"), "{}", ran.err);
    assert_eq!(fake.status(&two).unwrap().state, State::Cancelled.number());
}

#[test]
fn a_job_that_had_ended_cannot_be_cancelled() {
    let fake = fake();
    let id = put(&fake, State::Succeeded);
    let ran = run(&fake, &["jobs", "cancel", &id]).code(4);
    assert!(ran.out.contains("had already ended"), "{}", ran.out);
}

#[test]
fn a_dead_job_runs_again_and_a_live_one_does_not() {
    let fake = fake();
    let (dead, live) = (put(&fake, State::DeadLetter), put(&fake, State::Running));
    let json = run(&fake, &["jobs", "retry", &dead, "-o", "json"]).code(0).json();
    assert_eq!(
        json,
        serde_json::json!([{ "job_id": dead, "outcome": "queued again" }])
    );
    let ran = run(&fake, &["jobs", "retry", &live]).code(4);
    assert!(
        ran.err
            .contains("is RUNNING; this needs it to be FAILED or DEADLETTER"),
        "{}",
        ran.err
    );
}

#[test]
fn an_ended_job_can_be_deleted() {
    let fake = fake();
    let id = put(&fake, State::Succeeded);
    assert_eq!(
        run(&fake, &["jobs", "delete", &id, "-o", "name"]).code(0).out,
        format!("{id}\n")
    );
    run(&fake, &["jobs", "get", &id]).code(3);
    run(&fake, &["jobs", "delete", &put(&fake, State::Running)]).code(4);
    assert_eq!(fake.calls(Rpc::Delete), 2);
}

#[test]
fn attempts_are_shown_with_their_errors() {
    let fake = fake();
    let states = [State::Running, State::Retry, State::Running, State::Succeeded];
    let id = fake.put(JobRequest::new("flaky"), &states);
    let ran = run(&fake, &["jobs", "attempts", &id]).code(0);
    assert_eq!(
        ran.lines()[1],
        "1        1      FAILED     2026-01-01T00:00:01.000Z  100ms  worker-1  boom: it broke"
    );
    assert_eq!(
        ran.lines()[2],
        "2        2      SUCCEEDED  2026-01-01T00:00:01.200Z  100ms  worker-1"
    );
    let json = run(&fake, &["jobs", "attempts", &id, "-o", "json"])
        .code(0)
        .json();
    assert_eq!(
        (json[0]["outcome"].as_str(), json[1]["number"].as_i64()),
        (Some("FAILED"), Some(2))
    );
}
