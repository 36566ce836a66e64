//! Bugs that are planted in the harness' processes, each with a schedule that brings it out: the checker finds it and names the job,
//! and finds nothing wrong when the same schedule meets the product as it is.
#![expect(clippy::unwrap_used, reason = "tests")]

mod schedules;

use scheduler_e2e::harness::Bug;
use scheduler_e2e::history::{Folder, Invariant, Report, Setup, Verdict, judge};
use scheduler_e2e::{Settings, Stage};
use tokio::sync::Semaphore;

/// Runs at the same time: more only wait for each other.
static PLACES: Semaphore = Semaphore::const_new(6);

/// One run of a schedule, judged.
async fn run<S>(settings: &Settings, bug: Bug, planted: bool, schedule: S) -> Report
where
    S: AsyncFnOnce(&Stage, Option<Bug>) -> anyhow::Result<()>,
{
    let _place = PLACES.acquire().await.unwrap();
    let name = format!("{}_{}", if planted { "planted" } else { "clean" }, bug.name());
    let dir = tempfile::tempdir().unwrap();
    let stage = Stage::set(settings, dir.path(), &Setup::new(&name, 1))
        .await
        .unwrap();
    let outcome = schedule(&stage, planted.then_some(bug)).await;
    if let Err(error) = outcome {
        panic!("{name}: {error:#}\n{}", logs(&stage.folder));
    }
    judge(&stage.folder).unwrap()
}

fn logs(folder: &Folder) -> String {
    let files = std::fs::read_dir(folder.logs()).unwrap();
    let logs = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    logs.collect()
}

/// With the bug `invariant` is violated, by a job whose timeline is shown; without, nothing is.
async fn is_found<S>(bug: Bug, invariant: Invariant, schedule: S)
where
    S: AsyncFn(&Stage, Option<Bug>) -> anyhow::Result<()>,
{
    let Some(settings) = Settings::read() else {
        return;
    };
    let (planted, clean) = tokio::join!(
        Box::pin(run(&settings, bug, true, &schedule)),
        Box::pin(run(&settings, bug, false, &schedule))
    );
    assert_eq!(planted.verdict, Verdict::Violated, "{planted}");
    let found = planted
        .violations
        .iter()
        .find(|violation| violation.invariant == invariant);
    let found = found.unwrap_or_else(|| panic!("{invariant} is not found violated:\n{planted}"));
    assert!(found.job.is_some(), "the job is named: {found:?}");
    assert!(!found.timeline.is_empty(), "its timeline is shown: {found:?}");
    assert_eq!(clean.verdict, Verdict::Clean, "{clean}");
    assert!(clean.jobs > 0, "there was something to judge");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completion_that_is_taken_by_id_alone_is_found() {
    is_found(
        Bug::CompletionById,
        Invariant::S4,
        schedules::stopped_past_its_lease,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reaper_that_goes_by_id_alone_is_found() {
    is_found(
        Bug::ReaperById,
        Invariant::S5,
        schedules::killed_before_its_lease_was_dropped,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submit_that_is_acknowledged_before_its_commit_is_found() {
    is_found(
        Bug::AckBeforeCommit,
        Invariant::S1,
        schedules::api_killed_before_its_commit,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_before_the_commit_is_found() {
    is_found(
        Bug::PushBeforeCommit,
        Invariant::S7,
        schedules::api_killed_before_its_commit,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_that_is_overwritten_is_found() {
    is_found(
        Bug::CancelOverwritten,
        Invariant::S11,
        schedules::cancelled_while_it_runs,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_epoch_that_is_not_raised_is_found() {
    is_found(
        Bug::EpochNotRaised,
        Invariant::S3,
        schedules::stopped_past_its_lease,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_that_is_not_counted_is_found() {
    is_found(
        Bug::RetryWithoutAttempt,
        Invariant::S10,
        schedules::fails_as_often_as_it_may,
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_is_claimed_twice_is_found() {
    is_found(Bug::DoubleClaim, Invariant::S8, schedules::a_second_worker_comes).await;
}
