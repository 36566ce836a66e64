//! The engine over memory backends, with a clock that moves only when told.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use scheduler_domain::{
    Clock, Entropy, Epoch, Job, JobFailure, JobId, JobOptions, JobSpec, Lease, ManualClock, Outcome,
    SeededEntropy, Shard, State, WorkerId,
};
use scheduler_engine::upkeep::{Promoter, Reaper, Reconciler, Retention};
use scheduler_engine::{Engine, Options, Session, Submission, Taken};
use scheduler_queue::{Inspect as _, MemoryQueue, Served, Upkeep as _};
use scheduler_store::{Cancelled, MemoryStore, Redriven, Report, ReportKind, Submitted, Verdict};
use tokio_util::sync::CancellationToken;

use common::{noop, submission};

struct World {
    engine: Engine,
    queue: Arc<MemoryQueue>,
    clock: Arc<ManualClock>,
    workers: SeededEntropy,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::default());
        let options = Options::default();
        let queue = Arc::new(MemoryQueue::new(
            clock.clone(),
            Duration::from_secs(30),
            options.lease,
        ));
        let store = Arc::new(MemoryStore::new());
        let entropy = Arc::new(SeededEntropy::new(7));
        let engine = Engine::new(store, queue.clone(), clock.clone(), entropy, options);
        Self {
            engine,
            queue,
            clock,
            workers: SeededEntropy::new(8),
        }
    }

    fn worker(&self) -> Session {
        self.engine
            .session(WorkerId::new("w", self.workers.uuid()), Served::All)
    }

    async fn submit(&self, spec: JobSpec) -> Job {
        match self
            .engine
            .submit(vec![submission(spec)])
            .await
            .unwrap()
            .pop()
            .unwrap()
        {
            Ok(Submitted::Created(job)) => job,
            other => panic!("expected a new job, got {other:?}"),
        }
    }

    async fn state(&self, job: &Job) -> State {
        self.engine.get(job.id).await.unwrap().unwrap().state
    }

    async fn reap(&self) {
        Reaper::new(self.engine.clone(), "test".to_owned())
            .step()
            .await
            .unwrap();
    }

    async fn promote(&self) {
        Promoter::new(self.engine.clone()).step().await.unwrap();
    }

    /// One walk over every shard, as if every quiet time had passed.
    async fn reconcile(&self) -> usize {
        let reconciler = Reconciler::new(self.engine.clone(), "test".to_owned());
        let incarnation = self.queue.incarnation().await.unwrap();
        let mut recovered = 0;
        for shard in scheduler_domain::Shard::all() {
            let swept = reconciler.sweep(shard, None, &incarnation).await.unwrap();
            recovered += swept.unwrap().recovered;
        }
        recovered
    }
}

async fn one(session: &Session) -> Taken {
    let never = CancellationToken::new();
    let taken = tokio::time::timeout(Duration::from_secs(5), session.next(1, &never)).await;
    taken.expect("a job within five seconds").pop().unwrap()
}

async fn nothing(session: &Session) {
    let taken = tokio::time::timeout(
        Duration::from_millis(50),
        session.next(1, &CancellationToken::new()),
    )
    .await;
    assert!(taken.is_err(), "nothing should be ready: {taken:?}");
}

fn report(session: &Session, taken: &Taken, verdict: ReportKind) -> Report {
    Report {
        id: taken.job.id,
        epoch: taken.job.epoch,
        worker: session.worker().clone(),
        started_at: taken.claimed_at,
        verdict,
    }
}

async fn finish(session: &Session, taken: &Taken, verdict: ReportKind) -> Verdict {
    session
        .finish(report(session, taken, verdict), taken.entry.clone())
        .await
        .unwrap()
}

fn success() -> ReportKind {
    ReportKind::Succeeded { result: None }
}

fn boom() -> JobFailure {
    JobFailure::new("boom", "it went boom", true)
}

fn lease(session: &Session, taken: &Taken) -> Lease {
    Lease {
        id: taken.job.id,
        epoch: taken.job.epoch,
        worker: session.worker().clone(),
        since: taken.claimed_at,
    }
}

#[tokio::test]
async fn a_job_is_shown_running_while_leased_and_succeeds() {
    let world = World::new();
    let worker = world.worker();
    let job = world.submit(noop()).await;
    let taken = one(&worker).await;
    assert_eq!(taken.job.id, job.id);
    assert_eq!(world.state(&job).await, State::Running);
    assert_eq!(finish(&worker, &taken, success()).await, Verdict::Accepted);
    assert_eq!(world.state(&job).await, State::Succeeded);
    let accepted_again = finish(&worker, &taken, success()).await;
    assert_eq!(
        accepted_again,
        Verdict::Accepted,
        "the accepted report, sent again, is the accepted report"
    );
    assert_eq!(
        finish(&world.worker(), &taken, success()).await,
        Verdict::Fenced,
        "anybody else's is not"
    );
}

#[tokio::test]
async fn a_retry_waits_for_its_time_and_runs_under_the_next_epoch() {
    let world = World::new();
    let worker = world.worker();
    let job = world.submit(noop()).await;
    let taken = one(&worker).await;
    let at = scheduler_domain::clock::add(world.clock.now(), Duration::from_secs(10));
    finish(&worker, &taken, ReportKind::Retry { at, error: boom() }).await;
    assert_eq!(world.state(&job).await, State::Retry);
    nothing(&worker).await;
    world.clock.advance(Duration::from_secs(11));
    Promoter::new(world.engine.clone()).step().await.unwrap();
    let again = one(&worker).await;
    assert_eq!(again.job.epoch, Epoch::FIRST.next());
    assert_eq!(again.job.attempts, 1);
    finish(&worker, &again, success()).await;
    let outcomes: Vec<Outcome> = world
        .engine
        .attempts(job.id)
        .await
        .unwrap()
        .unwrap()
        .iter()
        .map(|a| a.outcome)
        .collect();
    assert_eq!(outcomes, [Outcome::Failed, Outcome::Succeeded]);
}

#[tokio::test]
async fn a_silent_workers_job_runs_elsewhere_and_its_late_report_is_refused() {
    let world = World::new();
    let (silent, other) = (world.worker(), world.worker());
    let job = world.submit(noop()).await;
    let lost = one(&silent).await;
    world.clock.advance(Duration::from_secs(16));
    world.reap().await;
    let again = one(&other).await;
    assert_eq!(
        (again.job.id, again.job.crashes, again.job.attempts),
        (job.id, 1, 0)
    );
    assert_eq!(finish(&silent, &lost, success()).await, Verdict::Fenced);
    assert_eq!(finish(&other, &again, success()).await, Verdict::Accepted);
}

#[tokio::test]
async fn a_worker_that_beats_keeps_its_leases() {
    let world = World::new();
    let worker = world.worker();
    world.submit(noop()).await;
    let taken = one(&worker).await;
    for _ in 0..10 {
        world.clock.advance(Duration::from_secs(10));
        assert!(worker.beat(&[lease(&worker, &taken)]).await.unwrap().is_empty());
        world.reap().await;
    }
    assert_eq!(finish(&worker, &taken, success()).await, Verdict::Accepted);
}

#[tokio::test]
async fn the_crash_budget_ends_in_a_dead_letter_and_a_redrive_reopens_it() {
    let world = World::new();
    let job = world.submit(noop()).await;
    for _ in 0..world.engine.options().crash_budget {
        let worker = world.worker();
        one(&worker).await;
        world.clock.advance(Duration::from_secs(16));
        world.reap().await;
        // From the second time on it waits, for two leases at most.
        world.clock.advance(Duration::from_secs(31));
        world.promote().await;
    }
    assert_eq!(world.state(&job).await, State::DeadLetter);
    assert!(matches!(
        world.engine.redrive(job.id).await.unwrap(),
        Redriven::Done(_)
    ));
    let worker = world.worker();
    let taken = one(&worker).await;
    assert_eq!((taken.job.crashes, taken.job.attempts), (0, 0));
    finish(&worker, &taken, success()).await;
    assert_eq!(world.state(&job).await, State::Succeeded);
}

#[tokio::test]
async fn jobs_that_were_lost_together_twice_are_not_handed_out_together_again() {
    let world = World::new();
    for _ in 0..20 {
        world.submit(noop()).await;
    }
    for _ in 0..2 {
        let worker = world.worker();
        for _ in 0..20 {
            one(&worker).await;
        }
        world.clock.advance(Duration::from_secs(16));
        world.reap().await;
    }
    let mut ready = Vec::new();
    for _ in 0..4 {
        world.clock.advance(Duration::from_secs(4));
        world.promote().await;
        ready.push(world.queue.sizes().await.unwrap().ready);
    }
    assert!(ready[0] < 15 && ready[0] < ready[2], "{ready:?}");
    assert_eq!(ready[3], 20, "{ready:?}");
}

#[tokio::test]
async fn a_cancelled_job_is_not_claimed_and_its_success_is_refused() {
    let world = World::new();
    let worker = world.worker();
    let queued = world.submit(noop()).await;
    assert!(matches!(
        world.engine.cancel(queued.id).await.unwrap(),
        Cancelled::Done(_)
    ));
    nothing(&worker).await;

    let running = world.submit(noop()).await;
    let taken = one(&worker).await;
    let mut hints = worker.cancellations().await.unwrap();
    assert!(matches!(
        world.engine.cancel(running.id).await.unwrap(),
        Cancelled::Done(_)
    ));
    assert_eq!(
        hints.recv().await.unwrap(),
        scheduler_queue::Hint::Cancelled(running.id)
    );
    let noted = scheduler_store::Running {
        id: running.id,
        epoch: taken.job.epoch,
        worker: worker.worker().clone(),
        started_at: taken.claimed_at,
    };
    assert_eq!(
        worker.note_running(vec![noted]).await.unwrap(),
        [running.id],
        "the durable way says so too"
    );
    assert_eq!(finish(&worker, &taken, success()).await, Verdict::Fenced);
    assert_eq!(world.state(&running).await, State::Cancelled);
}

#[tokio::test]
async fn after_the_queue_forgets_everything_due_jobs_run_again_and_running_ones_do_not() {
    let world = World::new();
    let worker = world.worker();
    let running = world.submit(noop()).await;
    let taken = one(&worker).await;
    let queued = world.submit(noop()).await;
    world.clock.advance(Duration::from_secs(5));

    world.queue.lose_everything();
    assert!(
        worker.beat(&[lease(&worker, &taken)]).await.unwrap().is_empty(),
        "the lease is re-created"
    );
    assert_eq!(world.reconcile().await, 1);

    let again = one(&worker).await;
    assert_eq!((again.job.id, again.job.epoch), (queued.id, Epoch::FIRST.next()));
    nothing(&worker).await;
    assert_eq!(finish(&worker, &taken, success()).await, Verdict::Accepted);
    assert_eq!(world.state(&running).await, State::Succeeded);
    assert_eq!(world.reconcile().await, 0, "what the queue knows is left alone");
}

#[tokio::test]
async fn a_job_handed_back_unstarted_keeps_its_epoch_and_one_that_began_is_charged_nothing() {
    let world = World::new();
    let (leaving, other) = (world.worker(), world.worker());
    world.submit(noop()).await;
    let unstarted = one(&leaving).await;
    leaving.release(vec![unstarted.entry.clone()]).await;
    let begun = one(&leaving).await;
    assert_eq!(begun.job.epoch, Epoch::FIRST);
    leaving.hand_back(vec![lease(&leaving, &begun)]).await;
    let again = one(&other).await;
    assert_eq!(
        (again.job.epoch, again.job.attempts, again.job.crashes),
        (Epoch::FIRST.next(), 0, 0)
    );
}

#[tokio::test]
async fn a_job_far_ahead_is_loaded_when_it_is_near_and_runs_on_time() {
    let world = World::new();
    let worker = world.worker();
    let run_at = scheduler_domain::clock::add(world.clock.now(), Duration::from_secs(3_600));
    let options = JobOptions {
        run_at: Some(run_at),
        ..JobOptions::default()
    };
    let job = world.submit(JobSpec { options, ..noop() }).await;
    assert_eq!(world.state(&job).await, State::Scheduled);
    world.clock.advance(Duration::from_secs(3_550));
    assert_eq!(world.reconcile().await, 0, "loading is not recovering");
    Promoter::new(world.engine.clone()).step().await.unwrap();
    nothing(&worker).await;
    world.clock.advance(Duration::from_secs(51));
    Promoter::new(world.engine.clone()).step().await.unwrap();
    assert_eq!(one(&worker).await.job.epoch, Epoch::FIRST);
}

#[tokio::test]
async fn a_watcher_sees_the_present_state_then_each_change_and_ends_with_the_final_one() {
    let world = World::new();
    let worker = world.worker();
    let job = world.submit(noop()).await;
    let mut watch = world.engine.watch(job.id, None).await;
    assert_eq!(watch.next().await.unwrap().unwrap().0.state, State::Queued);
    let taken = one(&worker).await;
    let running = watch.next().await.unwrap().unwrap().0;
    assert_eq!(running.state, State::Running);
    finish(&worker, &taken, success()).await;
    assert_eq!(watch.next().await.unwrap().unwrap().0.state, State::Succeeded);
    assert!(watch.next().await.unwrap().is_none());

    let mut resumed = world.engine.watch(job.id, Some(running.sequence)).await;
    assert_eq!(resumed.next().await.unwrap().unwrap().0.state, State::Succeeded);
    assert!(resumed.next().await.unwrap().is_none());
}

#[tokio::test]
async fn jobs_finished_longer_ago_than_the_retention_are_deleted_and_no_others() {
    let world = World::new();
    let worker = world.worker();
    let old = world.submit(noop()).await;
    let taken = one(&worker).await;
    finish(&worker, &taken, success()).await;
    let open = world.submit(noop()).await;
    world.clock.advance(Duration::from_secs(8 * 24 * 3600));
    Retention::new(world.engine.clone(), "test".to_owned())
        .step(&CancellationToken::new())
        .await
        .unwrap();
    assert!(world.engine.get(old.id).await.unwrap().is_none());
    assert!(world.engine.get(open.id).await.unwrap().is_some());
}

#[tokio::test]
async fn a_submit_past_the_bound_is_refused_and_says_when_to_come_back() {
    let world = World::new();
    let many = |n: usize| (0..n).map(|_| submission(noop())).collect::<Vec<_>>();
    let bound = world.engine.options().max_waiting_jobs;
    let refused = world.engine.submit(many(bound + 1)).await;
    assert!(matches!(refused, Err(scheduler_engine::Error::Busy { .. })));
    assert_eq!(world.engine.submit(many(10)).await.unwrap().len(), 10);
}

#[tokio::test]
async fn a_claim_of_large_payloads_takes_what_fits_and_leaves_the_rest_to_others() {
    let world = World::new();
    let large = JobSpec {
        payload: format!("\"{}\"", "x".repeat((1 << 20) - 2)),
        ..noop()
    };
    // A claim takes from one shard.
    for n in 0..70 {
        let chosen = Submission {
            id: Some(JobId::generate(world.clock.now(), [n; 10], Shard::wrapping(0))),
            ..submission(large.clone())
        };
        world.engine.submit(vec![chosen]).await.unwrap();
    }
    let (one, other) = (world.worker(), world.worker());
    let stop = CancellationToken::new();
    assert_eq!(one.next(1_000, &stop).await.len(), 64);
    assert_eq!(
        other.next(1_000, &stop).await.len(),
        6,
        "at once, not when a lease runs out"
    );
}
