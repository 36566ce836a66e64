//! What becomes of an attempt.

use std::time::Duration;

use scheduler_domain::{JobFailure, Outcome, State};
use scheduler_worker::{JobContext, JobError, Registry, handlers};
use serde_json::Value;

use crate::world::{Count, World};

#[tokio::test(start_paused = true)]
async fn a_job_succeeds_and_its_result_is_kept() {
    let world = World::new();
    let registry = Registry::new()
        .function("double", |_: JobContext, n: i64| async move { Ok(n * 2) })
        .function("nothing", |_: JobContext, _: Value| async { Ok(()) });
    world.worker(registry, 2);
    let job = world.end(world.submit("double", "21").await).await;
    assert_eq!(
        (job.state, job.result.as_deref(), job.attempts),
        (State::Succeeded, Some("42"), 1)
    );
    let job = world.end(world.submit("nothing", "{}").await).await;
    assert_eq!((job.state, job.result), (State::Succeeded, None));
}

#[tokio::test(start_paused = true)]
async fn a_handler_is_told_of_its_attempt() {
    let world = World::new();
    let tells = |job: JobContext, _: Value| async move {
        let deadline = job.deadline - tokio::time::Instant::now();
        Ok((
            job.id.to_string(),
            job.attempt,
            job.max_attempts,
            job.labels.clone(),
            deadline.as_secs(),
            job.is_cancelled(),
        ))
    };
    world.worker(Registry::new().function("tells", tells), 1);
    let id = world
        .submit_with("tells", "{}", |spec| {
            spec.options.labels.insert("team".to_owned(), "a".to_owned());
            spec.options.timeout = Some(Duration::from_secs(60));
        })
        .await;
    let expected = format!(r#"["{id}",1,3,{{"team":"a"}},60,false]"#);
    assert_eq!(world.end(id).await.result, Some(expected));
}

#[tokio::test(start_paused = true)]
async fn failures_are_retried_with_backoff_until_one_succeeds() {
    let world = World::new();
    world.worker(handlers::stock(), 2);
    let job = world.end(world.submit("flaky", r#"{"failures":2}"#).await).await;
    assert_eq!((job.state, job.attempts), (State::Succeeded, 3));
    assert_eq!(
        world.outcomes(job.id).await,
        [Outcome::Failed, Outcome::Failed, Outcome::Succeeded]
    );
    let seconds = world.elapsed().as_secs();
    assert!(
        (3..6).contains(&seconds),
        "it waited one second, then two: {seconds}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_last_failed_attempt_leads_to_a_dead_letter() {
    let world = World::new();
    world.worker(handlers::stock(), 2);
    let job = world
        .end(world.submit("always_fail", r#"{"message":"no"}"#).await)
        .await;
    assert_eq!((job.state, job.attempts), (State::DeadLetter, 3));
    assert_eq!(job.error, Some(JobFailure::new("always_fail", "no", true)));
}

#[tokio::test(start_paused = true)]
async fn what_trying_again_cannot_help_fails_at_once_and_says_why() {
    let world = World::new();
    let registry = handlers::stock()
        .function("fatal", |_: JobContext, _: Value| async {
            Err::<(), _>(JobError::fatal("no such account").kind("account"))
        })
        .function("huge", |_: JobContext, _: Value| async { Ok("x".repeat(70_000)) });
    world.worker(registry, 2);
    for (job_type, payload, kind, word) in [
        ("fatal", "{}", "account", "no such account"),
        ("huge", "{}", "result_too_large", "65536"),
        (
            "nobody_knows",
            "{}",
            "unknown_type",
            "it has always_fail, fatal, flaky, huge, noop, sleep",
        ),
        ("sleep", r#"{"ms":"x"}"#, "invalid_payload", "ms: invalid type"),
    ] {
        let job = world.end(world.submit(job_type, payload).await).await;
        let error = job.error.unwrap();
        assert_eq!(
            (job.state, job.attempts, error.kind.as_str(), error.retryable),
            (State::Failed, 1, kind, false)
        );
        assert!(error.message.contains(word), "{}", error.message);
    }
}

#[tokio::test(start_paused = true)]
async fn any_error_is_retryable_through_a_question_mark() {
    let world = World::new();
    let parses = |_: JobContext, text: String| async move { Ok(text.parse::<i64>()?) };
    world.worker(Registry::new().function("parses", parses), 1);
    let job = world
        .end(
            world
                .submit_with("parses", r#""x""#, |spec| spec.max_attempts = 1)
                .await,
        )
        .await;
    assert_eq!(
        job.error,
        Some(JobFailure::new("error", "invalid digit found in string", true))
    );
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failure_and_the_slot_lives_on() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    let world = World::new();
    let registry = Registry::new()
        .function("panics", |_: JobContext, boom: bool| async move {
            assert!(!boom, "boom");
            Ok(())
        })
        .function("panics_late", |_: JobContext, _: Value| async {
            let _bomb = Bomb;
            std::future::pending::<Result<(), JobError>>().await
        });
    world.worker(registry, 1);
    let once = |spec: &mut scheduler_domain::JobSpec| {
        spec.max_attempts = 1;
        spec.options.timeout = Some(Duration::from_secs(1));
    };
    let job = world.end(world.submit_with("panics", "true", once).await).await;
    assert_eq!(
        job.error,
        Some(JobFailure::new("panic", "the handler panicked: boom", true))
    );
    let job = world
        .end(world.submit_with("panics_late", "{}", once).await)
        .await;
    assert_eq!(job.error.unwrap().kind, "timeout");
    assert_eq!(
        world.end(world.submit("panics", "false").await).await.state,
        State::Succeeded
    );
}

#[tokio::test(start_paused = true)]
async fn an_attempt_ends_at_its_timeout_whatever_the_handler_does() {
    let world = World::new();
    let told = Count::default();
    let stubborn = {
        let told = told.clone();
        move |job: JobContext, _: Value| {
            let (told, over) = (told.clone(), job.cancellation_token());
            tokio::spawn(async move {
                over.cancelled().await;
                told.add();
            });
            std::future::pending::<Result<(), JobError>>()
        }
    };
    world.worker(Registry::new().function("stubborn", stubborn), 1);
    let id = world
        .submit_with("stubborn", "{}", |spec| {
            spec.max_attempts = 1;
            spec.options.timeout = Some(Duration::from_secs(2));
        })
        .await;
    let job = world.end(id).await;
    assert_eq!(
        (job.state, job.error.unwrap().kind.as_str()),
        (State::DeadLetter, "timeout")
    );
    assert_eq!(world.elapsed().as_secs(), 2);
    assert_eq!(told.get(), 1, "what it spawned is told that the attempt is over");
}

#[tokio::test(start_paused = true)]
async fn a_job_that_names_no_timeout_has_the_engines() {
    let world = World::new();
    world.worker(handlers::stock(), 1);
    let id = world
        .submit_with("sleep", r#"{"ms":86400000}"#, |spec| spec.max_attempts = 1)
        .await;
    assert_eq!(world.end(id).await.error.unwrap().kind, "timeout");
    assert_eq!(
        world.elapsed().as_secs(),
        world.engine.options().default_timeout.as_secs()
    );
}
