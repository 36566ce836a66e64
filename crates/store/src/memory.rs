//! The store in one process's memory: for development without a database, and for tests.

mod jobs;
mod maintenance;
mod state;

use std::sync::{Mutex, MutexGuard, PoisonError};

use state::State;

/// A store in memory. Gone with the process.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<State>);

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::MemoryStore;
    use crate::conformance::Harness;

    struct Memory(MemoryStore);

    impl Harness for Memory {
        type Store = MemoryStore;

        async fn start() -> Option<Self> {
            Some(Self(MemoryStore::new()))
        }

        fn store(&self) -> &MemoryStore {
            &self.0
        }

        async fn stop(self) {}
    }

    crate::conformance!(Memory);
}
