//! The worker: takes jobs, runs them in a bounded pool, reports, renews, and leaves in good order.
//!
//! ```text
//! intake ──(buffer)──▶ slots × pool_size ──(reports, batched)──▶ store
//!   ▲ never more than what can start soon
//! heartbeat: renews all leases; notes long attempts; hears of cancels
//! ```

mod beat;
mod held;
mod intake;
mod slot;

use std::sync::Arc;
use std::time::Duration;

use scheduler_domain::WorkerId;
use scheduler_engine::{Engine, Session};
use scheduler_queue::Served;
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::info;

use crate::Registry;
use held::Held;
use intake::Pace;

/// Reports that may be on their way at once: past this, slots wait before they begin another job.
const REPORTS: usize = 4_096;

/// How a worker runs.
#[derive(Debug, Clone)]
pub struct Options {
    /// Names the process; a boot id is added.
    pub instance: String,
    /// Attempts at once.
    pub pool_size: usize,
    /// Which queues it takes from.
    pub served: Served,
    /// After the drain begins, running attempts have so long to finish before they are handed back.
    pub drain_grace: Duration,
}

/// When a worker stops.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Take no more, finish what runs.
    pub drain: CancellationToken,
    /// Hand everything back now.
    pub abort: CancellationToken,
}

/// What the parts of one worker share.
struct Shared {
    session: Session,
    engine: Engine,
    registry: Registry,
    held: Held,
    pace: Pace,
    reports: Arc<Semaphore>,
    reporting: TaskTracker,
}

/// Runs a worker until `stop`: then jobs that have not begun go back unharmed, those that run may finish within the grace, and the
/// rest is handed back without being charged.
pub async fn run(engine: Engine, registry: Registry, options: Options, stop: Stop) {
    let worker = WorkerId::new(&options.instance, engine.entropy().uuid());
    let session = engine.session(worker.clone(), options.served.clone());
    info!(worker = %worker, pool_size = options.pool_size, types = ?registry, "worker starts");
    let (inlet, outlet) = mpsc::unbounded_channel();
    let shared = Arc::new(Shared {
        session,
        registry,
        held: Held::default(),
        pace: Pace::new(options.pool_size),
        reports: Arc::new(Semaphore::new(REPORTS)),
        reporting: TaskTracker::new(),
        engine,
    });

    let beats = TaskTracker::new();
    let over = CancellationToken::new();
    beats.spawn(beat::renew(Arc::clone(&shared), over.clone()));
    beats.spawn(beat::note(Arc::clone(&shared), over.clone()));
    beats.spawn(beat::hear(Arc::clone(&shared), over.clone()));

    let slots = TaskTracker::new();
    let outlet = Arc::new(Mutex::new(outlet));
    for _ in 0..options.pool_size {
        slots.spawn(slot::work(
            Arc::clone(&shared),
            Arc::clone(&outlet),
            stop.drain.clone(),
        ));
    }
    slots.close();
    intake::take(Arc::clone(&shared), inlet, stop.drain.clone()).await;

    // Draining: the slots take nothing more; what waits in the buffer goes back.
    let unstarted = shared.held.take_unstarted();
    info!(worker = %worker, released = unstarted.len(), running = shared.held.len(), "worker drains");
    shared.session.release(unstarted).await;
    tokio::select! {
        () = slots.wait() => {}
        () = tokio::time::sleep(options.drain_grace) => {}
        () = stop.abort.cancelled() => {}
    }
    // First what is finished but not yet stored: handing that back would run it again.
    shared.reporting.close();
    let _ = tokio::time::timeout(Duration::from_secs(5), shared.reporting.wait()).await;
    let running = shared.held.take_running();
    info!(worker = %worker, handed_back = running.len(), "worker stops");
    shared.session.hand_back(running).await;
    over.cancel();
    beats.close();
    beats.wait().await;
    shared.session.retire().await;
}
