use scheduler_client::testing::{FakeScheduler, Rpc};
use scheduler_client::{JobRequest, State};

use crate::{fake, run, run_with_input};

/// Seven dead jobs of two types, and a live one.
fn graveyard() -> FakeScheduler {
    let fake = fake();
    for _ in 0..6 {
        fake.put(JobRequest::new("email"), &[State::Running, State::DeadLetter]);
    }
    fake.put(JobRequest::new("report"), &[State::Running, State::Failed]);
    fake.put(JobRequest::new("email"), &[State::Running]);
    fake
}

fn count(fake: &FakeScheduler, state: State) -> usize {
    let jobs = fake.jobs();
    jobs.iter()
        .filter(|job| fake.status(&job.job_id).unwrap().state == state.number())
        .count()
}

#[test]
fn the_dead_are_listed_and_nobody_else() {
    let fake = graveyard();
    assert_eq!(
        run(&fake, &["dlq", "list", "-o", "name"]).code(0).lines().len(),
        7
    );
    assert_eq!(
        run(&fake, &["dlq", "list", "--state", "failed", "-o", "name"])
            .code(0)
            .lines()
            .len(),
        1
    );
    assert_eq!(
        run(&fake, &["dlq", "list", "--type", "email", "-o", "name"])
            .code(0)
            .lines()
            .len(),
        6
    );
    let cut = run(&fake, &["dlq", "list", "--limit", "2", "-o", "name"]).code(0);
    assert_eq!(cut.lines().len(), 2);
    assert!(cut.err.contains("there are more"), "{}", cut.err);
    run(&fake, &["dlq", "list", "--state", "queued"]).code(2);
}

#[test]
fn nothing_is_touched_without_saying_which() {
    let fake = graveyard();
    for verb in ["replay", "purge"] {
        let ran = run(&fake, &["dlq", verb, "--yes"]).code(2);
        assert!(ran.err.contains("--all"), "{}", ran.err);
        run(&fake, &["dlq", verb, "--all", "some-id"]).code(2);
        run(&fake, &["dlq", verb, "--type", "email", "some-id"]).code(2);
    }
    assert_eq!((fake.calls(Rpc::Retry), fake.calls(Rpc::Delete)), (0, 0));
}

#[test]
fn a_dry_run_shows_how_many_and_five_of_them() {
    let fake = graveyard();
    let ran = run(&fake, &["dlq", "purge", "--all", "--dry-run"]).code(0);
    assert_eq!(ran.out, "7 jobs would be purged\n");
    assert!(
        ran.err.starts_with("7 jobs to be purged, such as:\n"),
        "{}",
        ran.err
    );
    assert_eq!(ran.err.matches("it broke").count(), 5);
    assert_eq!(fake.calls(Rpc::Delete), 0);
}

#[test]
fn it_asks_and_takes_only_yes_for_yes() {
    let fake = graveyard();
    for answer in ["", "no\n", "y\n"] {
        let ran = run_with_input(&fake, &["dlq", "replay", "--all"], answer).code(1);
        assert!(ran.err.contains("nothing was changed"), "{}", ran.err);
    }
    assert_eq!(fake.calls(Rpc::Retry), 0);
    let ran = run_with_input(&fake, &["dlq", "replay", "--all"], "yes\n").code(0);
    assert_eq!(ran.out, "7 jobs replayed\n");
    assert_eq!(count(&fake, State::Queued), 7);
}

#[test]
fn a_filter_chooses() {
    let fake = graveyard();
    let ran = run(
        &fake,
        &["dlq", "purge", "--type", "report", "--yes", "-o", "json"],
    )
    .code(0);
    assert_eq!(
        ran.json(),
        serde_json::json!({ "found": 1, "done": 1, "skipped": 0, "dry_run": false })
    );
    assert_eq!(
        (count(&fake, State::Failed), count(&fake, State::DeadLetter)),
        (0, 6)
    );
    run(&fake, &["dlq", "replay", "--state", "deadletter", "--yes"]).code(0);
    assert_eq!(count(&fake, State::DeadLetter), 0);
}

#[test]
fn ids_choose_and_what_does_not_apply_is_skipped() {
    let fake = graveyard();
    let jobs = fake.jobs();
    let (dead, live) = (&jobs[0].job_id, &jobs[7].job_id);
    let ran = run(&fake, &["dlq", "replay", "--yes", dead, live]).code(0);
    assert_eq!(ran.out, "1 job replayed, 1 skipped: not dead, or not any more\n");
    run(&fake, &["dlq", "replay", "--yes", "no-such-job"]).code(3);
}

#[test]
fn a_job_that_succeeded_is_not_purged_though_it_could_be_deleted() {
    let fake = graveyard();
    let id = fake.put(JobRequest::new("noop"), &[State::Succeeded]);
    let ran = run(&fake, &["dlq", "purge", "--yes", &id]).code(0);
    assert_eq!(ran.out, "0 jobs purged, 1 skipped: not dead, or not any more\n");
    assert_eq!(fake.calls(Rpc::Delete), 0);
}

#[test]
fn nothing_dead_is_nothing_to_ask() {
    let fake = fake();
    let ran = run(&fake, &["dlq", "purge", "--all"]).code(0);
    assert_eq!(ran.out, "0 jobs purged\n");
}
