//! A job that the store refuses, in a batch with jobs of others.
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scheduler_domain::{
    Clock as _, Entropy as _, JobId, JobSpec, NewJob, Shard, SystemClock, SystemEntropy, Timestamp, WorkerId,
};
use scheduler_engine::{Answer, Engine, Error as EngineError, Options, Submission};
use scheduler_queue::{MemoryQueue, Served};
use scheduler_store::testing::{Faults, FaultyStore};
use scheduler_store::{Error, Jobs as _, MemoryStore, Submitted};
use tokio_util::sync::CancellationToken;

use common::{noop, submission};

/// Refuses batches that hold a job with this payload. As one that writes in several statements, it stores what comes before.
const REFUSED: &str = "\"refused\"";

#[derive(Default)]
struct Picky;

#[async_trait]
impl Faults for Picky {
    async fn submit(&self, store: &MemoryStore, now: Timestamp, jobs: &[NewJob]) -> Result<(), Error> {
        let Some(bad) = jobs.iter().position(|job| job.spec.payload == REFUSED) else {
            return Ok(());
        };
        store.submit(now, jobs[..bad].to_vec()).await?;
        Err(Error::Refused {
            context: "submit",
            source: "not this one".into(),
        })
    }
}

fn with_payload(payload: &str, chosen: bool) -> Submission {
    let id = || JobId::generate(SystemClock.now(), random(), Shard::wrapping(0));
    let spec = JobSpec {
        payload: payload.to_owned(),
        ..noop()
    };
    Submission {
        id: chosen.then(id),
        ..submission(spec)
    }
}

fn random() -> [u8; 10] {
    let mut bytes = [0; 10];
    SystemEntropy.fill(&mut bytes);
    bytes
}

#[tokio::test]
async fn a_refused_job_fails_alone_and_those_that_shared_its_batch_are_stored_and_run() {
    let clock = Arc::new(SystemClock);
    let options = Options {
        submit_lanes: 1,
        ..Options::default()
    };
    let queue = MemoryQueue::new(clock.clone(), Duration::from_secs(30), options.lease);
    let store = Arc::new(FaultyStore::<Picky>::default());
    let engine = Engine::new(store, Arc::new(queue), clock, Arc::new(SystemEntropy), options);

    let calls = (0..40).map(|n| {
        let refused = n == 7 || n == 23;
        let payload = if refused { REFUSED } else { "{}" };
        // Half of them with ids that clients chose, and each beside another job of the same call.
        let jobs = vec![with_payload("{}", n % 2 == 0), with_payload(payload, n % 2 == 0)];
        (refused, Box::pin(engine.submit(jobs)))
    });
    let mut calls: Vec<_> = calls.collect();
    // All are handed in before the lane, a task of this same thread, can look: they are one batch.
    for (_, call) in &mut calls {
        assert!(futures::poll!(call).is_pending());
    }
    let mut stored = 0;
    for (refused, call) in calls {
        let answers: Vec<Answer> = call.await.unwrap();
        assert!(matches!(answers[0], Ok(Submitted::Created(_))), "{answers:?}");
        assert_eq!(
            matches!(answers[1], Ok(Submitted::Created(_))),
            !refused,
            "{answers:?}"
        );
        assert_eq!(answers[1].is_err(), refused);
        stored += answers.iter().filter(|answer| answer.is_ok()).count();
    }
    assert_eq!(stored, 78);

    let session = engine.session(WorkerId::new("w", SystemEntropy.uuid()), Served::All);
    let never = CancellationToken::new();
    let mut taken = 0;
    while taken < stored {
        let next = session.next(100, &never);
        taken += tokio::time::timeout(Duration::from_secs(20), next)
            .await
            .unwrap()
            .len();
    }
}

#[tokio::test]
async fn a_call_of_one_refused_job_is_answered_with_the_refusal() {
    let clock = Arc::new(SystemClock);
    let options = Options::default();
    let queue = MemoryQueue::new(clock.clone(), Duration::from_secs(30), options.lease);
    let store = Arc::new(FaultyStore::<Picky>::default());
    let engine = Engine::new(store, Arc::new(queue), clock, Arc::new(SystemEntropy), options);
    let answers = engine.submit(vec![with_payload(REFUSED, false)]).await.unwrap();
    let error = EngineError::Batch(answers.into_iter().next().unwrap().unwrap_err());
    assert_eq!(error.to_string(), "the store refused a statement: submit");
}
