//! The queue in this process's memory: for development, and for tests that move its clock.

mod dispatch;
mod reports;
mod state;
mod upkeep;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use scheduler_domain::{Clock, JobId, Lease};
use tokio::sync::{Notify, broadcast};

use self::state::State;
use crate::{Depth, Error, Hint, Hints, Inspect, Sizes};

/// Hints that a slow receiver may be behind before it misses some.
const CAPACITY: usize = 4_096;

/// The queue in memory. It never fails.
#[derive(Debug)]
pub struct MemoryQueue {
    clock: Arc<dyn Clock>,
    aging_step: Duration,
    lease: Duration,
    state: Mutex<State>,
    /// Rung whenever entries become ready.
    bell: Notify,
    hints: broadcast::Sender<Hint>,
}

impl MemoryQueue {
    /// An empty one. `aging_step` is how long a job waits until it counts as one priority more urgent; `lease`, how long a worker
    /// that just claimed lives without a heartbeat.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, aging_step: Duration, lease: Duration) -> Self {
        Self {
            clock,
            aging_step,
            lease,
            state: Mutex::default(),
            bell: Notify::new(),
            hints: broadcast::Sender::new(CAPACITY),
        }
    }

    /// Loses everything, as Redis does when it is flushed.
    #[cfg(any(test, feature = "testing"))]
    pub fn lose_everything(&self) {
        self.state().lose_everything();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Inspect for MemoryQueue {
    async fn leases(&self, ids: &[JobId]) -> Result<Vec<Option<Lease>>, Error> {
        let state = self.state();
        Ok(ids.iter().map(|id| state.lease(*id)).collect())
    }

    async fn depths(&self) -> Result<Vec<Depth>, Error> {
        Ok(self.state().depths(self.clock.now()))
    }

    async fn sizes(&self) -> Result<Sizes, Error> {
        Ok(self.state().sizes(self.clock.now()))
    }

    async fn ping(&self) -> Result<(), Error> {
        Ok(())
    }
}

#[async_trait]
impl Hints for MemoryQueue {
    async fn publish(&self, hint: Hint) -> Result<(), Error> {
        // Nobody listening is not a failure.
        let _ = self.hints.send(hint);
        Ok(())
    }

    async fn subscribe(&self) -> Result<broadcast::Receiver<Hint>, Error> {
        Ok(self.hints.subscribe())
    }
}
