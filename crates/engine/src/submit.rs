//! Accepting jobs: the row first, then the queue entry.

mod isolate;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use scheduler_domain::{Clock, Entropy, Entry, JobId, JobSpec, KeyHash, NewJob, Shard};
use scheduler_store::{SharedStore, Submitted};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::lanes::{Batches, Lanes, Rejected};
use crate::push::Pusher;
use crate::tally::Tally;
use crate::{Engine, Error, Options};

/// Of calls, each with as many jobs as it has. Their callers wait, so that the distance is short.
const BATCHES: Batches = Batches {
    largest: 1_000,
    apart: Duration::from_millis(1),
};

/// A job as the API has checked it.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The id that the client chose.
    pub id: Option<JobId>,
    /// The idempotency key.
    pub key: Option<KeyHash>,
    /// The body.
    pub spec: JobSpec,
    /// W3C `traceparent` of the request.
    pub trace: Option<String>,
}

/// What became of one job: the store's answer, or why it refused just this one.
pub type Answer = Result<Submitted, Arc<scheduler_store::Error>>;
/// What became of one call's jobs; it fails as a whole where the store could not be reached.
type Answers = Result<Vec<Answer>, Arc<scheduler_store::Error>>;

/// What the lanes take: one call's jobs, with the room that they occupy while they wait.
struct Waiting {
    jobs: Vec<Submission>,
    _room: (OwnedSemaphorePermit, OwnedSemaphorePermit),
}

/// The way into the store: bounded, in batches.
pub(crate) struct Submitter {
    lanes: Lanes<Waiting, Answers>,
    places: Arc<Semaphore>,
    kibibytes: Arc<Semaphore>,
}

impl Submitter {
    pub(crate) fn start(
        store: SharedStore,
        pusher: Pusher,
        tally: Arc<Tally>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        options: &Options,
    ) -> Self {
        let turn = Arc::new(AtomicU64::new(u64::from(u32::from_le_bytes(random(&*entropy)))));
        let process = move |waiting: Vec<Waiting>| {
            let store = Arc::clone(&store);
            let (pusher, tally, clock) = (pusher.clone(), Arc::clone(&tally), Arc::clone(&clock));
            // One batch goes to one shard: one range in CockroachDB, one B-tree tail in PostgreSQL.
            let shard = Shard::wrapping(turn.fetch_add(1, Ordering::Relaxed));
            let entropy = Arc::clone(&entropy);
            async move { store_batch(&*store, &pusher, &tally, &*clock, &*entropy, shard, waiting).await }
                .instrument(tracing::debug_span!("engine.submit"))
        };
        Self {
            lanes: Lanes::start(
                "submit",
                options.submit_lanes,
                options.max_waiting_jobs,
                BATCHES,
                process,
            ),
            places: Arc::new(Semaphore::new(options.max_waiting_jobs)),
            kibibytes: Arc::new(Semaphore::new(options.max_waiting_bytes / 1024)),
        }
    }

    /// Room for these jobs, or a refusal: what waits is bounded in jobs and in bytes.
    fn admit(&self, jobs: Vec<Submission>) -> Result<Waiting, Error> {
        let places = u32::try_from(jobs.len()).map_err(|_| busy())?;
        let kibibytes: usize = jobs.iter().map(|job| job.spec.payload.len().div_ceil(1024)).sum();
        let kibibytes = u32::try_from(kibibytes).map_err(|_| busy())?;
        let places = Arc::clone(&self.places)
            .try_acquire_many_owned(places)
            .map_err(|_| busy())?;
        let kibibytes = Arc::clone(&self.kibibytes)
            .try_acquire_many_owned(kibibytes)
            .map_err(|_| busy())?;
        Ok(Waiting {
            jobs,
            _room: (places, kibibytes),
        })
    }
}

impl Engine {
    /// Accepts jobs; for each, in order, what became of it. Those that it returns as submitted are durable.
    ///
    /// # Errors
    /// [`Error::Busy`] when too much waits already, [`Error::Stopped`], or the store's failure: then it is unknown which of the
    /// jobs exist, and submitting those that carry an id or a key again is safe.
    pub async fn submit(&self, jobs: Vec<Submission>) -> Result<Vec<Answer>, Error> {
        let submitter = &self.parts.submitter;
        let waiting = submitter.admit(jobs)?;
        let answer = submitter
            .lanes
            .try_call(waiting)
            .map_err(|rejected| match rejected {
                Rejected::Full => busy(),
                Rejected::Closed => Error::Stopped,
            })?;
        answer.await.ok_or(Error::Stopped)?.map_err(Error::Batch)
    }
}

/// Too much waits: a batch or two later there is room.
fn busy() -> Error {
    Error::Busy {
        retry_after: Duration::from_millis(250),
    }
}

async fn store_batch(
    store: &dyn scheduler_store::Store,
    pusher: &Pusher,
    tally: &Tally,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
    shard: Shard,
    waiting: Vec<Waiting>,
) -> Vec<Answers> {
    let now = clock.now();
    let sizes: Vec<usize> = waiting.iter().map(|call| call.jobs.len()).collect();
    let jobs: Vec<NewJob> = waiting
        .into_iter()
        .flat_map(|call| call.jobs)
        .map(|job| NewJob {
            id: job
                .id
                .unwrap_or_else(|| JobId::generate(now, random(entropy), shard)),
            chosen: job.id.is_some(),
            key: job.key,
            spec: job.spec,
            trace: job.trace,
        })
        .collect();

    match isolate::submit(store, now, jobs).await {
        Ok(outcomes) => {
            let mut created: Vec<Entry> = Vec::with_capacity(outcomes.len());
            for outcome in &outcomes {
                if let Ok(Submitted::Created(job)) = outcome {
                    let entry = job.entry();
                    if entry.ready_at <= now {
                        tally.arrived(&job.spec);
                    }
                    created.push(entry);
                }
            }
            pusher.push(Instant::now(), created);
            let mut outcomes = outcomes.into_iter();
            sizes
                .into_iter()
                .map(|size| Ok(outcomes.by_ref().take(size).collect()))
                .collect()
        }
        Err(error) => {
            tracing::error!(
                jobs = sizes.iter().sum::<usize>(),
                error = &error as &dyn std::error::Error,
                "submit failed"
            );
            let error = Arc::new(error);
            sizes.into_iter().map(|_| Err(Arc::clone(&error))).collect()
        }
    }
}

fn random<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}
