//! The queue in one process's memory: for development without Redis, and for tests with a clock of their own.

mod dispatch;
mod state;
mod upkeep;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use scheduler_domain::{Clock, JobId, Lease, Shard};
use tokio::sync::{Notify, broadcast};

use crate::{Depth, Error, Hint, Hints, Inspect, Sizes};
use state::State;

/// Hints that a subscriber may fall behind by.
const HINTS: usize = 4_096;

/// A queue in memory.
#[derive(Debug)]
pub struct MemoryQueue {
    clock: Arc<dyn Clock>,
    aging_step: Duration,
    lease: Duration,
    state: Mutex<State>,
    ready: Notify,
    turn: AtomicU64,
    hints: broadcast::Sender<Hint>,
}

impl MemoryQueue {
    /// An empty queue. `aging_step` is what each priority gives away (see [`scheduler_domain::Priority::penalty`]); a claim by a worker that has
    /// not yet beaten counts as its first heartbeat, good for `lease`.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, aging_step: Duration, lease: Duration) -> Self {
        Self {
            clock,
            aging_step,
            lease,
            state: Mutex::default(),
            ready: Notify::new(),
            turn: AtomicU64::new(0),
            hints: broadcast::channel(HINTS).0,
        }
    }

    /// Forgets everything, as a flushed Redis would.
    pub fn clear(&self) {
        let mut state = self.lock();
        let incarnation = state.incarnation + 1;
        *state = State { incarnation, ..State::default() };
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Every shard once, beginning at `from` or where the last call did not.
    fn rotation(&self, from: Option<Shard>) -> impl Iterator<Item = Shard> {
        let first = from.map_or_else(|| self.turn.fetch_add(1, Ordering::Relaxed), |shard| u64::from(shard.byte()));
        (0..u64::from(Shard::COUNT)).map(move |step| Shard::wrapping(first.wrapping_add(step)))
    }
}

#[async_trait]
impl Inspect for MemoryQueue {
    async fn leases(&self, ids: &[JobId]) -> Result<Vec<Option<Lease>>, Error> {
        let state = self.lock();
        Ok(ids.iter().map(|id| state.shard(id.shard()).leases.get(id).map(|held| held.lease(*id))).collect())
    }

    async fn depths(&self) -> Result<Vec<Depth>, Error> {
        let now = self.clock.now();
        Ok(self.lock().depths(now))
    }

    async fn sizes(&self) -> Result<Sizes, Error> {
        let now = self.clock.now();
        Ok(self.lock().sizes(now))
    }

    async fn ping(&self) -> Result<(), Error> {
        Ok(())
    }
}

#[async_trait]
impl Hints for MemoryQueue {
    async fn publish(&self, hint: Hint) -> Result<(), Error> {
        // Nobody listening is not an error.
        let _ = self.hints.send(hint);
        Ok(())
    }

    async fn subscribe(&self) -> Result<broadcast::Receiver<Hint>, Error> {
        Ok(self.hints.subscribe())
    }
}
