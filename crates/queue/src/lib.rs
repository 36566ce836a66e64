//! The fast dispatch index: which jobs wait, and who holds which. In Redis (or Valkey), or in memory.
//!
//! It holds nothing that cannot be rebuilt from the store: no payload, no finished job. Losing all of it loses time,
//! never a job. Invariants that every backend keeps, and that the conformance suite checks:
//! - one entry `(id, epoch)` is given to at most one worker, together with its lease, atomically;
//! - an entry is either waiting, delayed or leased: never two of these at once;
//! - a lease lives as long as its worker's heartbeats, by the queue's own clock.
//!
//! To add a backend: implement the five role traits, and stamp the conformance suite on it.

#[cfg(any(test, feature = "testing"))]
pub mod conformance;
mod error;
mod memory;
pub mod metrics;
mod model;
mod recent;
pub mod redis;
mod report;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scheduler_domain::{Entry, Epoch, JobId, Lease, Shard, WorkerId};

pub use error::Error;
pub use memory::MemoryQueue;
pub use model::{Claimed, Depth, Hint, Incarnation, Promoted, Served, Sizes, Woken};
pub use redis::{RedisOptions, RedisQueue, SentinelOptions};
pub use report::{Flow, REPORT_KEPT, Report, Reported};

/// The way of a job through the queue.
#[async_trait]
pub trait Dispatch: Send + Sync {
    /// Makes entries known: those due now are ready, the others wait until they are. Pushing the same entry twice is pushing it
    /// once; an entry that is leased is left alone. Wakes waiting workers.
    async fn push(&self, entries: &[Entry]) -> Result<(), Error>;

    /// Takes up to `limit` ready entries for `worker` and leases them to it, in one step.
    ///
    /// Order: by `ready_at` plus [`scheduler_domain::Priority::penalty`], over all queues served, within a shard. One call begins at `from`, and
    /// need not look at every shard once it has some: fewer than `limit` does not mean that there are no more, but none does.
    async fn claim(
        &self,
        worker: &WorkerId,
        served: &Served,
        from: Option<Shard>,
        limit: usize,
    ) -> Result<Vec<Claimed>, Error>;

    /// Blocks until something may be ready in a queue served, or for `longest`; then `None`.
    async fn wait(&self, served: &Served, longest: Duration) -> Result<Option<Woken>, Error>;

    /// Renews all of a worker's leases for `ttl`, and re-creates those that the queue has lost. Returns the jobs of `held` that are
    /// leased to somebody else by now, or under a higher epoch: stop running those.
    async fn extend(&self, worker: &WorkerId, ttl: Duration, held: &[Lease]) -> Result<Vec<JobId>, Error>;

    /// Drops leases: the attempt has ended and the store knows. Leases of another worker or epoch are left alone.
    async fn ack(&self, worker: &WorkerId, ended: &[(JobId, Epoch)]) -> Result<(), Error>;

    /// Gives entries back that were claimed and never started: ready again under the same epoch, in their old place. Wakes waiting workers.
    async fn release(&self, worker: &WorkerId, unstarted: &[Entry]) -> Result<(), Error>;

    /// Forgets entries, wherever they are: waiting, delayed or leased under this or a lower epoch.
    async fn remove(&self, entries: &[Entry]) -> Result<(), Error>;

    /// Takes a worker off the list; its remaining leases are expired at once.
    async fn retire(&self, worker: &WorkerId) -> Result<(), Error>;

    /// How to make the same queue over connections of its own. `None` where there are no connections.
    fn apart(&self) -> Option<Apart> {
        None
    }
}

/// What the background loops need.
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// Moves at most `limit` delayed entries of `shard` whose time has come to ready, atomically. Wakes waiting workers.
    async fn promote(&self, shard: Shard, limit: usize) -> Result<Promoted, Error>;

    /// Leases in `shard` whose worker's heartbeats have stopped (or that no known worker holds), at most `limit`.
    async fn expired(&self, shard: Shard, limit: usize) -> Result<Vec<Lease>, Error>;

    /// Drops leases found expired, after the store has handed the jobs out again.
    async fn evict(&self, leases: &[Lease]) -> Result<(), Error>;

    /// Of `entries`, those that the queue does not know: neither ready, delayed nor leased under their epoch.
    async fn unknown(&self, shard: Shard, entries: &[Entry]) -> Result<Vec<Entry>, Error>;

    /// Names this content of the queue; changes whenever content may have been lost (flushed, restarted, failed over).
    async fn incarnation(&self) -> Result<Incarnation, Error>;

    /// Tries to be the one that looks after `shard` for `ttl`; the holder renews by calling again. Work done by two at once is
    /// wasted, never wrong.
    async fn elect(&self, shard: Shard, owner: &str, ttl: Duration) -> Result<bool, Error>;
}

/// Looks without touching.
#[async_trait]
pub trait Inspect: Send + Sync {
    /// The leases of these jobs, in order; `None` where there is none.
    async fn leases(&self, ids: &[JobId]) -> Result<Vec<Option<Lease>>, Error>;

    /// What waits, per queue and priority.
    async fn depths(&self) -> Result<Vec<Depth>, Error>;

    /// How large each structure is.
    async fn sizes(&self) -> Result<Sizes, Error>;

    /// Answers when the queue does.
    async fn ping(&self) -> Result<(), Error>;
}

/// Hints between processes. They can be lost; whoever relies on one also has a durable way to learn the same.
#[async_trait]
pub trait Hints: Send + Sync {
    /// Tells every subscriber.
    async fn publish(&self, hint: Hint) -> Result<(), Error>;

    /// Everything published from now on, re-subscribing by itself when the connection breaks. The receiver may miss hints while it lags.
    async fn subscribe(&self) -> Result<tokio::sync::broadcast::Receiver<Hint>, Error>;
}

/// What processes have seen pass, for figures about load. Each keeps its own report in place of its last one, so that what is lost
/// with the queue is there again a moment later.
#[async_trait]
pub trait Tally: Send + Sync {
    /// Keeps `report` as that of `process`, in place of the one before.
    async fn report(&self, process: &str, report: &Report) -> Result<(), Error>;

    /// The reports of all processes that are not older than [`REPORT_KEPT`].
    async fn reports(&self) -> Result<Vec<Reported>, Error>;
}

/// A whole queue.
pub trait Queue: Dispatch + Upkeep + Inspect + Hints + Tally {}
impl<T: Dispatch + Upkeep + Inspect + Hints + Tally> Queue for T {}

/// A queue that is shared by the parts of a process.
pub type SharedQueue = Arc<dyn Queue>;

/// Makes a queue whose connections live in the runtime that this is called in.
pub type Apart = Box<dyn FnOnce() -> Result<SharedQueue, Error> + Send>;
