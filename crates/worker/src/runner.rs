//! The worker: takes jobs, runs them in a bounded pool, reports, renews, and leaves in good order.
//!
//! ```text
//! intake ──▶ buffer ──▶ slots × pool_size ──(reports, batched)──▶ store
//!   ▲ pace: never more than can start soon
//! heartbeat renews all leases; while it fails, nothing is taken and nothing begins
//! cancel stops attempts that are not wanted any more
//! stuck gives up what blocks
//! tend gives back what waits too long
//! note stores what attempts say of their progress
//! ```
//!
//! To add something that goes on beside the attempts: write it as an `async fn(Arc<Shared>, CancellationToken)` in a file of its
//! own, and spawn it in [`run`].

mod buffer;
mod cancel;
mod drain;
mod heartbeat;
mod held;
mod intake;
mod note;
mod options;
mod pace;
mod pulse;
mod report;
mod slot;
mod stuck;
mod tend;

use std::sync::Arc;

use scheduler_domain::{JobId, WorkerId};
use scheduler_engine::{Engine, Session};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::info;

use crate::Registry;
use crate::metrics::Meters;
use buffer::Buffer;
use held::Held;
use pace::Pace;
use pulse::Pulse;
use stuck::Turned;

pub use options::Options;
pub use scheduler_service::shutdown::Stop;

/// Reports that may be on their way at once: past this, nothing is taken and slots wait before they begin another job.
const REPORTS: usize = 4_096;

/// What the parts of one worker share.
struct Shared {
    session: Session,
    engine: Engine,
    registry: Registry,
    meters: Meters,
    pool_size: usize,
    claim_batch: usize,
    busy: watch::Sender<usize>,
    buffer: Buffer,
    held: Held,
    pace: Pace,
    pulse: Pulse,
    turned: Turned,
    /// A permit for each attempt, from before it begins until its report is recorded.
    reports: Arc<Semaphore>,
    reporting: TaskTracker,
    /// Cancelled when running handlers are to be dropped.
    forced: CancellationToken,
}

impl Shared {
    /// Stops and forgets what is not wanted here any more.
    fn unwanted(&self, ids: &[JobId]) {
        for entry in self.held.unwanted(ids) {
            self.session.forget(&entry);
        }
    }
}

/// Runs a worker until `stop`: then jobs that have not begun go back unharmed, those that run may finish within the grace, and the
/// rest is handed back without being charged.
pub async fn run(engine: Engine, registry: Registry, options: Options, stop: Stop) {
    let Options {
        instance,
        pool_size,
        claim_batch,
        served,
        busy,
        drain_grace,
    } = options;
    let worker = WorkerId::new(&instance, engine.entropy().uuid());
    info!(worker = %worker, pool_size, types = ?registry, "worker starts");
    let shared = Arc::new(Shared {
        session: engine.session(worker, served),
        meters: Meters::new(&registry),
        registry,
        pool_size,
        claim_batch,
        busy,
        buffer: Buffer::default(),
        held: Held::default(),
        pace: Pace::new(pool_size),
        pulse: Pulse::new(engine.options().lease),
        turned: Turned::default(),
        reports: Arc::new(Semaphore::new(REPORTS + pool_size)),
        reporting: TaskTracker::new(),
        forced: CancellationToken::new(),
        engine,
    });

    let beside = TaskTracker::new();
    let over = CancellationToken::new();
    beside.spawn(heartbeat::renew(Arc::clone(&shared), over.clone()));
    beside.spawn(cancel::hear(Arc::clone(&shared), over.clone()));
    beside.spawn(cancel::ask(Arc::clone(&shared), over.clone()));
    beside.spawn(stuck::give_up(Arc::clone(&shared), over.clone()));
    beside.spawn(tend::tend(Arc::clone(&shared), over.clone()));
    beside.spawn(note::write(Arc::clone(&shared), over.clone()));

    shared.session.opens(pool_size);
    let slots = TaskTracker::new();
    for _ in 0..pool_size {
        slots.spawn(slot::work(Arc::clone(&shared), stop.drain.clone()));
    }
    intake::take(&shared, &stop.drain).await;
    drain::leave(&shared, &slots, &stop, drain_grace).await;
    over.cancel();
    drain::retire(&shared, &beside).await;
}
