//! A memory store that a test can stand in front of.

use async_trait::async_trait;
use scheduler_domain::{Attempt, Epoch, Job, JobId, NewJob, Shard, Timestamp};

use crate::{
    Cancelled, Cursor, Deleted, Due, DueCursor, Error, HandOut, HandedOut, Jobs, ListQuery, Loaded,
    Maintenance, MemoryStore, Note, Page, Purged, Redriven, Report, Running, Submitted, Verdict,
};

/// What goes wrong: asked before the store is, and an error is the answer in its stead.
#[async_trait]
pub trait Faults: Send + Sync {
    /// Before jobs are stored. Has the store, for what was written before it went wrong.
    ///
    /// # Errors
    /// What the caller is to get.
    async fn submit(&self, _store: &MemoryStore, _now: Timestamp, _jobs: &[NewJob]) -> Result<(), Error> {
        Ok(())
    }

    /// Before claimed jobs are read.
    ///
    /// # Errors
    /// What the caller is to get.
    async fn load(&self, _claimed: &[(JobId, Epoch)]) -> Result<(), Error> {
        Ok(())
    }

    /// Before reports are stored.
    ///
    /// # Errors
    /// What the caller is to get.
    fn finish(&self) -> Result<(), Error> {
        Ok(())
    }

    /// Before open rows are walked.
    ///
    /// # Errors
    /// What the caller is to get.
    async fn due(&self, _shard: Shard) -> Result<(), Error> {
        Ok(())
    }

    /// Before notes of progress are stored.
    ///
    /// # Errors
    /// What the caller is to get.
    fn note(&self, _notes: &[Note]) -> Result<(), Error> {
        Ok(())
    }
}

/// A store in memory, with faults.
#[derive(Default)]
pub struct FaultyStore<F> {
    inner: MemoryStore,
    /// What goes wrong.
    pub faults: F,
}

#[async_trait]
impl<F: Faults> Jobs for FaultyStore<F> {
    async fn submit(&self, now: Timestamp, jobs: Vec<NewJob>) -> Result<Vec<Submitted>, Error> {
        self.faults.submit(&self.inner, now, &jobs).await?;
        self.inner.submit(now, jobs).await
    }

    async fn get(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, Error> {
        self.inner.get(ids).await
    }

    async fn load(&self, claimed: &[(JobId, Epoch)], most_bytes: usize) -> Result<Loaded, Error> {
        self.faults.load(claimed).await?;
        self.inner.load(claimed, most_bytes).await
    }

    async fn finish(&self, now: Timestamp, reports: Vec<Report>) -> Result<Vec<Verdict>, Error> {
        self.faults.finish()?;
        self.inner.finish(now, reports).await
    }

    async fn mark_running(&self, now: Timestamp, running: Vec<Running>) -> Result<Vec<JobId>, Error> {
        self.inner.mark_running(now, running).await
    }

    async fn note(&self, notes: Vec<Note>) -> Result<(), Error> {
        self.faults.note(&notes)?;
        self.inner.note(notes).await
    }

    async fn cancel(&self, now: Timestamp, id: JobId) -> Result<Cancelled, Error> {
        self.inner.cancel(now, id).await
    }

    async fn redrive(&self, now: Timestamp, id: JobId) -> Result<Redriven, Error> {
        self.inner.redrive(now, id).await
    }

    async fn delete(&self, id: JobId) -> Result<Deleted, Error> {
        self.inner.delete(id).await
    }

    async fn list(&self, now: Timestamp, query: ListQuery) -> Result<Page, Error> {
        self.inner.list(now, query).await
    }

    async fn attempts(&self, id: JobId) -> Result<Vec<Attempt>, Error> {
        self.inner.attempts(id).await
    }
}

#[async_trait]
impl<F: Faults> Maintenance for FaultyStore<F> {
    async fn due(
        &self,
        shard: Shard,
        after: Option<DueCursor>,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Due>, Error> {
        self.faults.due(shard).await?;
        self.inner.due(shard, after, until, limit).await
    }

    async fn hand_out(&self, now: Timestamp, jobs: Vec<HandOut>) -> Result<Vec<HandedOut>, Error> {
        self.inner.hand_out(now, jobs).await
    }

    async fn purge(
        &self,
        shard: Shard,
        before: Timestamp,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Purged, Error> {
        self.inner.purge(shard, before, after, limit).await
    }

    async fn migrate(&self) -> Result<(), Error> {
        self.inner.migrate().await
    }

    async fn ping(&self) -> Result<(), Error> {
        self.inner.ping().await
    }
}
