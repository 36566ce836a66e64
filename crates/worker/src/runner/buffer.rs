//! Jobs that are leased and wait for a slot.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use scheduler_domain::Entry;
use scheduler_engine::Taken;
use tokio::sync::Semaphore;
use tokio::time::Instant;

/// First in, first out.
pub(super) struct Buffer {
    jobs: Mutex<VecDeque<(Instant, Taken)>>,
    /// At least one permit for each job.
    filled: Semaphore,
}

impl Default for Buffer {
    fn default() -> Self {
        Self {
            jobs: Mutex::default(),
            filled: Semaphore::new(0),
        }
    }
}

impl Buffer {
    fn lock(&self) -> MutexGuard<'_, VecDeque<(Instant, Taken)>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn put(&self, taken: Vec<Taken>) {
        let (now, count) = (Instant::now(), taken.len());
        self.lock().extend(taken.into_iter().map(|taken| (now, taken)));
        self.filled.add_permits(count);
    }

    /// The next job, as soon as there is one. Dropping the future loses none.
    pub(super) async fn take(&self) -> Taken {
        loop {
            match self.filled.acquire().await {
                Ok(permit) => permit.forget(),
                // Never closed.
                Err(_) => std::future::pending().await,
            }
            if let Some((_, taken)) = self.lock().pop_front() {
                return taken;
            }
        }
    }

    /// Takes out what has waited for `at_least`.
    pub(super) fn overdue(&self, at_least: Duration) -> Vec<Entry> {
        let mut jobs = self.lock();
        let overdue = jobs
            .iter()
            .take_while(|(since, _)| since.elapsed() >= at_least)
            .count();
        // Their permits stay behind; whoever gets one finds nothing, and waits on.
        jobs.drain(..overdue).map(|(_, taken)| taken.entry).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }
}
