//! Progress that handlers note.

use std::time::Duration;

use scheduler_domain::{JobId, Outcome, State, limits};
use scheduler_worker::{JobContext, JobError, Registry, handlers};
use serde_json::Value;

use crate::world::World;

async fn checkpoint(world: &World, id: JobId) -> Option<String> {
    let progress = world.get(id).await.progress?;
    progress.checkpoint().map(str::to_owned)
}

#[tokio::test(start_paused = true)]
async fn a_running_attempt_is_seen_to_come_on_and_is_written_once_a_second_at_most() {
    let world = World::new();
    let counts = |job: JobContext, _: Value| async move {
        for n in 0..1_000_u32 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            job.checkpoint(&n)?;
            job.progress(u8::try_from(n / 10).unwrap(), "counting");
        }
        Ok(())
    };
    world.worker(Registry::new().function("counts", counts), 1);
    let id = world.submit("counts", "{}").await;
    tokio::time::sleep(Duration::from_millis(5_500)).await;
    let progress = world.get(id).await.progress.unwrap();
    let percent = progress.percent().unwrap();
    assert!((40..=55).contains(&percent), "{percent}");
    assert_eq!(progress.message(), "counting");
    world.end(id).await;
    let written = world.store.faults.noted();
    assert!((9..=11).contains(&written), "{written} writes in ten seconds");
}

#[tokio::test(start_paused = true)]
async fn what_is_handed_back_has_its_last_checkpoint_noted() {
    let world = World::new();
    let worker = world.worker(handlers::stock(), 1);
    let begun = world.elapsed();
    let id = world.submit("sleep", r#"{"ms":600000,"resume":true}"#).await;
    world.running(id).await;
    world.stop.drain.cancel();
    let before = world.elapsed();
    worker.await.unwrap();
    assert!(
        world.elapsed() - before >= Duration::from_secs(10),
        "it had its grace"
    );
    assert_eq!(world.outcomes(id).await, [Outcome::Released]);
    let job = world.get(id).await;
    assert_eq!((job.state, job.attempts), (State::Queued, 0));
    let slept: u64 = checkpoint(&world, id).await.unwrap().parse().unwrap();
    // It notes twice a second, and the last note is at most that much older than the hand-back.
    let ran = u64::try_from((world.elapsed() - begun).as_millis()).unwrap();
    assert!((ran - 600..=ran).contains(&slept), "{slept} of {ran}");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_fails_at_once_leaves_its_checkpoint_to_the_next() {
    let world = World::new();
    let climbs = |job: JobContext, _: Value| async move {
        let step = job.resume::<u32>()?.unwrap_or(0) + 1;
        job.checkpoint(&step)?;
        if step < 3 {
            return Err(JobError::retry("not there yet"));
        }
        Ok(step)
    };
    world.worker(Registry::new().function("climbs", climbs), 1);
    let job = world.end(world.submit("climbs", "{}").await).await;
    assert_eq!(
        (job.state, job.attempts, job.result.as_deref()),
        (State::Succeeded, 3, Some("3"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_that_is_too_long_or_cannot_be_read_fails_the_job_for_good() {
    let world = World::new();
    let boasts = |job: JobContext, length: usize| async move {
        job.checkpoint(&"x".repeat(length - 2))?;
        Ok(())
    };
    let mistakes = |job: JobContext, _: Value| async move {
        job.checkpoint(&"text")?;
        job.resume::<u32>()
    };
    let registry = Registry::new()
        .function("boasts", boasts)
        .function("mistakes", mistakes);
    world.worker(registry, 1);
    let longest = limits::MAX_CHECKPOINT_BYTES;
    let job = world
        .end(world.submit("boasts", &longest.to_string()).await)
        .await;
    assert_eq!(job.state, State::Succeeded);
    for (job_type, payload, words) in [
        ("boasts", (longest + 1).to_string(), "65537 bytes, at most 65536"),
        ("mistakes", "{}".to_owned(), "the checkpoint cannot be read"),
    ] {
        let job = world.end(world.submit(job_type, &payload).await).await;
        let error = job.error.unwrap();
        assert_eq!((job.state, error.kind.as_str()), (State::Failed, "checkpoint"));
        assert!(error.message.contains(words), "{}", error.message);
    }
}

#[tokio::test(start_paused = true)]
async fn a_note_that_could_not_be_stored_is_stored_when_the_store_is_back() {
    let world = World::new();
    let once = |job: JobContext, _: Value| async move {
        job.checkpoint(&1)?;
        job.cancelled().await;
        Err::<(), _>(JobError::cancelled())
    };
    world.worker(Registry::new().function("once", once), 1);
    world.store.faults.refuse_notes(true);
    let id = world.submit("once", "{}").await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(checkpoint(&world, id).await, None);
    world.store.faults.refuse_notes(false);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(checkpoint(&world, id).await.as_deref(), Some("1"));
}
