//! The record in memory, for development and tests: the same promises, but for durability.

mod tables;

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use scheduler_domain::{Attempt, Epoch, Job, JobId, NewJob, Shard, Timestamp};

use self::tables::Tables;
use crate::{
    Cancelled, Cursor, Deleted, Due, DueCursor, Error, HandOut, HandedOut, Jobs, ListQuery, Maintenance, Page,
    Purged, Redriven, Report, Running, Submitted, Verdict,
};

/// A store in memory.
///
/// One lock guards all of it, and every operation holds it from beginning to end, so that each is atomic.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Tables>);

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Jobs for MemoryStore {
    async fn submit(&self, now: Timestamp, jobs: Vec<NewJob>) -> Result<Vec<Submitted>, Error> {
        let mut tables = self.tables();
        Ok(jobs.into_iter().map(|job| tables.submit(now, job)).collect())
    }

    async fn get(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, Error> {
        let tables = self.tables();
        Ok(ids.iter().map(|id| tables.job(*id).cloned()).collect())
    }

    async fn load(&self, claimed: &[(JobId, Epoch)]) -> Result<Vec<Job>, Error> {
        let tables = self.tables();
        Ok(claimed.iter().filter_map(|(id, epoch)| tables.open_at(*id, *epoch).cloned()).collect())
    }

    async fn finish(&self, now: Timestamp, reports: Vec<Report>) -> Result<Vec<Verdict>, Error> {
        Ok(self.tables().finish(now, reports))
    }

    async fn mark_running(&self, now: Timestamp, running: Vec<Running>) -> Result<Vec<JobId>, Error> {
        Ok(self.tables().mark_running(now, &running))
    }

    async fn cancel(&self, now: Timestamp, id: JobId) -> Result<Cancelled, Error> {
        Ok(self.tables().cancel(now, id))
    }

    async fn redrive(&self, now: Timestamp, id: JobId) -> Result<Redriven, Error> {
        Ok(self.tables().redrive(now, id))
    }

    async fn delete(&self, id: JobId) -> Result<Deleted, Error> {
        Ok(self.tables().delete(id))
    }

    async fn list(&self, now: Timestamp, query: ListQuery) -> Result<Page, Error> {
        Ok(self.tables().list(now, &query))
    }

    async fn attempts(&self, id: JobId) -> Result<Vec<Attempt>, Error> {
        Ok(self.tables().attempts(id))
    }
}

#[async_trait]
impl Maintenance for MemoryStore {
    async fn due(
        &self,
        shard: Shard,
        after: Option<DueCursor>,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Due>, Error> {
        Ok(self.tables().due(shard, after, until, limit))
    }

    async fn hand_out(&self, now: Timestamp, jobs: Vec<HandOut>) -> Result<Vec<HandedOut>, Error> {
        let mut tables = self.tables();
        Ok(jobs.into_iter().filter_map(|job| tables.hand_out(now, job)).collect())
    }

    async fn purge(
        &self,
        shard: Shard,
        before: Timestamp,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Purged, Error> {
        Ok(self.tables().purge(shard, before, after, limit))
    }

    async fn migrate(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn ping(&self) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
