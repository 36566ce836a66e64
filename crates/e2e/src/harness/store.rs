//! What stands between a process and its store.

use std::sync::Arc;

use async_trait::async_trait;
use scheduler_domain::{Attempt, Epoch, Job, JobId, NewJob, Shard, Timestamp};
use scheduler_store::{
    Cancelled, Cursor, Deleted, Due, DueCursor, Error, HandOut, HandedOut, Jobs, ListQuery, Loaded,
    Maintenance, Note, Page, Purged, Redriven, Report, Running, SharedStore, Submitted, Verdict,
};

use super::failures::Failures;
use super::replays::Replays;
use super::{Gates, Planted};

/// A store behind gates, with the bug that is planted, if one is.
pub(super) struct Between {
    pub(super) store: SharedStore,
    pub(super) gates: Arc<Gates>,
    pub(super) replays: Replays,
    pub(super) failures: Failures,
    pub(super) planted: Option<Arc<Planted>>,
}

#[async_trait]
impl Jobs for Between {
    async fn submit(&self, now: Timestamp, jobs: Vec<NewJob>) -> Result<Vec<Submitted>, Error> {
        let early = match &self.planted {
            Some(planted) => planted.before_submit(now, &jobs).await,
            None => None,
        };
        let (store, gates) = (Arc::clone(&self.store), Arc::clone(&self.gates));
        let commit = async move { gates.around("store.submit", store.submit(now, jobs)).await };
        match early {
            Some(answer) => {
                tokio::spawn(commit);
                Ok(answer)
            }
            None => commit.await,
        }
    }

    async fn get(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, Error> {
        self.failures.meet()?;
        self.gates.around("store.get", self.store.get(ids)).await
    }

    async fn load(&self, claimed: &[(JobId, Epoch)], most_bytes: usize) -> Result<Loaded, Error> {
        let load = self.store.load(claimed, most_bytes);
        self.gates.around("store.load", load).await
    }

    async fn finish(&self, now: Timestamp, reports: Vec<Report>) -> Result<Vec<Verdict>, Error> {
        self.replays.also("store.finish", || {
            let (store, reports) = (Arc::clone(&self.store), reports.clone());
            async move { store.finish(now, reports).await.map(drop) }
        });
        let finish = async {
            match &self.planted {
                Some(planted) => planted.finish(now, reports).await,
                None => self.store.finish(now, reports).await,
            }
        };
        self.gates.around("store.finish", finish).await
    }

    async fn mark_running(&self, now: Timestamp, running: Vec<Running>) -> Result<Vec<JobId>, Error> {
        self.replays.also("store.mark_running", || {
            let (store, running) = (Arc::clone(&self.store), running.clone());
            async move { store.mark_running(now, running).await.map(drop) }
        });
        let mark = self.store.mark_running(now, running);
        self.gates.around("store.mark_running", mark).await
    }

    async fn note(&self, notes: Vec<Note>) -> Result<(), Error> {
        self.gates.around("store.note", self.store.note(notes)).await
    }

    async fn cancel(&self, now: Timestamp, id: JobId) -> Result<Cancelled, Error> {
        self.replays.also("store.cancel", || {
            let store = Arc::clone(&self.store);
            async move { store.cancel(now, id).await.map(drop) }
        });
        self.gates
            .around("store.cancel", self.store.cancel(now, id))
            .await
    }

    async fn redrive(&self, now: Timestamp, id: JobId) -> Result<Redriven, Error> {
        self.gates
            .around("store.redrive", self.store.redrive(now, id))
            .await
    }

    async fn delete(&self, id: JobId) -> Result<Deleted, Error> {
        self.gates.around("store.delete", self.store.delete(id)).await
    }

    async fn list(&self, now: Timestamp, query: ListQuery) -> Result<Page, Error> {
        self.gates.around("store.list", self.store.list(now, query)).await
    }

    async fn attempts(&self, id: JobId) -> Result<Vec<Attempt>, Error> {
        self.gates.around("store.attempts", self.store.attempts(id)).await
    }
}

#[async_trait]
impl Maintenance for Between {
    async fn due(
        &self,
        shard: Shard,
        after: Option<DueCursor>,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Due>, Error> {
        let due = self.store.due(shard, after, until, limit);
        self.gates.around("store.due", due).await
    }

    async fn hand_out(&self, now: Timestamp, jobs: Vec<HandOut>) -> Result<Vec<HandedOut>, Error> {
        self.replays.also("store.hand_out", || {
            let (store, jobs) = (Arc::clone(&self.store), jobs.clone());
            async move { store.hand_out(now, jobs).await.map(drop) }
        });
        let hand_out = async {
            match &self.planted {
                Some(planted) => planted.hand_out(now, jobs).await,
                None => self.store.hand_out(now, jobs).await,
            }
        };
        self.gates.around("store.hand_out", hand_out).await
    }

    async fn purge(
        &self,
        shard: Shard,
        before: Timestamp,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Purged, Error> {
        let purge = self.store.purge(shard, before, after, limit);
        self.gates.around("store.purge", purge).await
    }

    async fn migrate(&self) -> Result<(), Error> {
        self.store.migrate().await
    }

    async fn ping(&self) -> Result<(), Error> {
        self.store.ping().await
    }
}
