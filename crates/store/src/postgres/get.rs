//! Reads jobs by id.

use std::collections::HashMap;

use scheduler_domain::{Job, JobId};
use sqlx::PgConnection;
use sqlx::postgres::PgRow;

use super::call::Db;
use super::fault::Fault;
use super::row::{self, job_columns};
use super::tx::{self, Earlier, Scope, Work};
use crate::Error;

pub(super) const GET: &str = concat!(
    "-- store.get\nSELECT ",
    job_columns!(),
    " FROM unnest($1::INT2[], $2::UUID[]) AS d(shard, id)
      JOIN jobs ON jobs.shard = d.shard AND jobs.id = d.id"
);

/// Ids per statement: with payloads of the largest size an answer stays within memory's reason.
const CHUNK: usize = 250;

pub(super) async fn get(db: Db, ids: Vec<JobId>) -> Result<Vec<Option<Job>>, Error> {
    let mut found = HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        found.extend(tx::run(&db, &Get(chunk)).await?);
    }
    Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
}

/// The jobs with `ids`, in order, without those that are gone or cannot be read.
pub(super) async fn readable(db: &Db, ids: &[JobId]) -> Result<Vec<Job>, Error> {
    let mut found = HashMap::with_capacity(ids.len());
    for chunk in ids.chunks(CHUNK) {
        found.extend(tx::run(db, &Readable(chunk)).await?);
    }
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

/// The jobs with `ids` that exist, on a connection that is at hand.
pub(super) async fn by_id(
    connection: &mut PgConnection,
    ids: &[JobId],
) -> Result<HashMap<JobId, Job>, Fault> {
    rows(connection, ids)
        .await?
        .iter()
        .map(|row| row::job(row).map(|job| (job.id, job)))
        .collect()
}

async fn rows(connection: &mut PgConnection, ids: &[JobId]) -> Result<Vec<PgRow>, Fault> {
    let (shards, uuids) = row::keys(ids.iter().copied());
    Ok(sqlx::query(GET)
        .bind(shards)
        .bind(uuids)
        .fetch_all(connection)
        .await?)
}

struct Get<'a>(&'a [JobId]);

impl Work for Get<'_> {
    const NAME: &'static str = "get";
    type Answer = HashMap<JobId, Job>;

    fn scope(&self) -> Scope {
        Scope::Read
    }

    async fn run(&self, connection: &mut PgConnection, _: Earlier) -> Result<HashMap<JobId, Job>, Fault> {
        by_id(connection, self.0).await
    }
}

struct Readable<'a>(&'a [JobId]);

impl Work for Readable<'_> {
    const NAME: &'static str = "list";
    type Answer = HashMap<JobId, Job>;

    fn scope(&self) -> Scope {
        Scope::Read
    }

    async fn run(&self, connection: &mut PgConnection, _: Earlier) -> Result<HashMap<JobId, Job>, Fault> {
        let rows = rows(connection, self.0).await?;
        let jobs = rows
            .iter()
            .filter_map(|row| row::readable_job(Self::NAME, row).transpose());
        jobs.map(|job| job.map(|job| (job.id, job))).collect()
    }
}
