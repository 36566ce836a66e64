//! The record in CockroachDB or PostgreSQL, with statements that both accept.
//!
//! One file per operation holds its statements and the code around them. Three rules keep the statements fast and portable:
//! - rows are found by primary key, in batches, with `unnest`, and PostgreSQL is told so (`connect`): its planner goes by sizes that
//!   change faster than its plans;
//! - a guard on an open job says `state IN (1, 2, 6, 8)`. It never says `finished_at IS NULL`, which is the predicate
//!   of the index on open jobs: planners would then walk that index instead of the key (a test looks at the plans);
//! - each is a fixed text that begins with its name, so that the database's own statistics speak of `store.finish`.

mod attempts;
mod call;
mod calls;
mod cancel;
mod connect;
mod connections;
mod delete;
mod due;
mod durability;
mod fault;
mod finish;
#[cfg(test)]
mod fuzz;
mod get;
mod hand_out;
mod insert;
mod list;
mod load;
mod mark_running;
mod migrate;
mod note;
mod ping;
mod purge;
mod redrive;
mod row;
mod submit;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;
mod tx;

use async_trait::async_trait;
use scheduler_domain::{Attempt, Epoch, Job, JobId, NewJob, Shard, Timestamp};

use self::call::Db;
pub use self::connect::PostgresOptions;
use crate::{
    Cancelled, Cursor, Deleted, Due, DueCursor, Error, HandOut, HandedOut, Jobs, ListQuery, Loaded,
    Maintenance, Note, Page, Purged, Redriven, Report, Running, Submitted, Verdict,
};

/// A store in CockroachDB or PostgreSQL. Cloning it is cheap and shares the connections.
#[derive(Debug, Clone)]
pub struct PostgresStore {
    db: Db,
}

impl PostgresStore {
    /// The settings of the database by which it may lose what it has acknowledged, should its machine fail. There should be none.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn weaknesses(&self) -> Result<Vec<String>, Error> {
        self.db.call("durability", durability::durability).await
    }
}

#[async_trait]
impl Jobs for PostgresStore {
    async fn submit(&self, now: Timestamp, jobs: Vec<NewJob>) -> Result<Vec<Submitted>, Error> {
        self.db
            .call("submit", move |db| submit::submit(db, now, jobs))
            .await
    }

    async fn get(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, Error> {
        let ids = ids.to_vec();
        self.db.call("get", move |db| get::get(db, ids)).await
    }

    async fn load(&self, claimed: &[(JobId, Epoch)], most_bytes: usize) -> Result<Loaded, Error> {
        let claimed = claimed.to_vec();
        self.db
            .call("load", move |db| load::load(db, claimed, most_bytes))
            .await
    }

    async fn finish(&self, now: Timestamp, reports: Vec<Report>) -> Result<Vec<Verdict>, Error> {
        self.db
            .call("finish", move |db| finish::finish(db, now, reports))
            .await
    }

    async fn mark_running(&self, now: Timestamp, running: Vec<Running>) -> Result<Vec<JobId>, Error> {
        self.db
            .call("mark_running", move |db| {
                mark_running::mark_running(db, now, running)
            })
            .await
    }

    async fn note(&self, notes: Vec<Note>) -> Result<(), Error> {
        self.db.call("note", move |db| note::note(db, notes)).await
    }

    async fn cancel(&self, now: Timestamp, id: JobId) -> Result<Cancelled, Error> {
        self.db
            .call("cancel", move |db| cancel::cancel(db, now, id))
            .await
    }

    async fn redrive(&self, now: Timestamp, id: JobId) -> Result<Redriven, Error> {
        self.db
            .call("redrive", move |db| redrive::redrive(db, now, id))
            .await
    }

    async fn delete(&self, id: JobId) -> Result<Deleted, Error> {
        self.db.call("delete", move |db| delete::delete(db, id)).await
    }

    async fn list(&self, now: Timestamp, query: ListQuery) -> Result<Page, Error> {
        self.db.call("list", move |db| list::list(db, now, query)).await
    }

    async fn attempts(&self, id: JobId) -> Result<Vec<Attempt>, Error> {
        self.db
            .call("attempts", move |db| attempts::attempts(db, id))
            .await
    }
}

#[async_trait]
impl Maintenance for PostgresStore {
    async fn due(
        &self,
        shard: Shard,
        after: Option<DueCursor>,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Due>, Error> {
        self.db
            .call("due", move |db| due::due(db, shard, after, until, limit))
            .await
    }

    async fn hand_out(&self, now: Timestamp, jobs: Vec<HandOut>) -> Result<Vec<HandedOut>, Error> {
        self.db
            .call("hand_out", move |db| hand_out::hand_out(db, now, jobs))
            .await
    }

    async fn purge(
        &self,
        shard: Shard,
        before: Timestamp,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Purged, Error> {
        self.db
            .call("purge", move |db| purge::purge(db, shard, before, after, limit))
            .await
    }

    async fn migrate(&self) -> Result<(), Error> {
        migrate::migrate(&self.db).await
    }

    async fn ping(&self) -> Result<(), Error> {
        self.db.call("ping", ping::ping).await
    }
}
