//! Reads the jobs that a worker has claimed, if they are still its to run.

use scheduler_domain::{Epoch, Job, JobId};
use sqlx::PgConnection;

use super::call::Db;
use super::fault::Fault;
use super::row::{self, job_columns};
use super::tx::{self, Earlier, Scope, Work};
use crate::Error;
use crate::metrics::BATCH_ROWS;

pub(super) const LOAD: &str = concat!(
    "-- store.load\nSELECT ",
    job_columns!(),
    " FROM unnest($1::INT2[], $2::UUID[], $3::INT4[]) AS d(shard, id, epoch)
      JOIN jobs ON jobs.shard = d.shard AND jobs.id = d.id
      WHERE jobs.epoch = d.epoch AND jobs.state IN (1, 2, 6, 8)"
);

pub(super) async fn load(db: Db, mut claimed: Vec<(JobId, Epoch)>) -> Result<Vec<Job>, Error> {
    claimed.sort_unstable();
    claimed.dedup();
    let mut open = Vec::with_capacity(claimed.len());
    for chunk in claimed.chunks(row::MOST_FOUND) {
        metrics::histogram!(BATCH_ROWS, "operation" => Load::NAME).record(chunk.len() as f64);
        open.extend(tx::run(&db, &Load(chunk)).await?);
    }
    Ok(open)
}

struct Load<'a>(&'a [(JobId, Epoch)]);

impl Work for Load<'_> {
    const NAME: &'static str = "load";
    type Answer = Vec<Job>;

    fn scope(&self) -> Scope {
        Scope::Read
    }

    async fn run(&self, connection: &mut PgConnection, _: Earlier) -> Result<Vec<Job>, Fault> {
        let (shards, ids) = row::keys(self.0.iter().map(|(id, _)| *id));
        let epochs: Vec<i32> = self.0.iter().map(|(_, epoch)| epoch.0).collect();
        let rows = sqlx::query(LOAD)
            .bind(shards)
            .bind(ids)
            .bind(epochs)
            .fetch_all(connection)
            .await?;
        rows.iter()
            .filter_map(|row| row::readable_job(Self::NAME, row).transpose())
            .collect()
    }
}
