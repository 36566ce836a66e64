//! Reads the jobs that a worker has claimed, if they are still its to run.

use futures::TryStreamExt as _;
use scheduler_domain::{Epoch, JobId};
use sqlx::PgConnection;

use super::call::Db;
use super::fault::Fault;
use super::row::{self, job_columns};
use super::tx::{self, Earlier, Scope, Work};
use crate::metrics::BATCH_ROWS;
use crate::{Error, Loaded};

pub(super) const LOAD: &str = concat!(
    "-- store.load\nSELECT ",
    job_columns!(),
    " FROM unnest($1::INT2[], $2::UUID[], $3::INT4[]) AS d(shard, id, epoch)
      JOIN jobs ON jobs.shard = d.shard AND jobs.id = d.id
      WHERE jobs.epoch = d.epoch AND jobs.state IN (1, 2, 6, 8)"
);

pub(super) async fn load(
    db: Db,
    mut claimed: Vec<(JobId, Epoch)>,
    most_bytes: usize,
) -> Result<Loaded, Error> {
    claimed.sort_unstable();
    claimed.dedup();
    let mut loaded = Loaded::default();
    for chunk in claimed.chunks(row::MOST_FOUND) {
        if loaded.is_full() {
            loaded.left.extend(chunk.iter().map(|(id, _)| *id));
            continue;
        }
        metrics::histogram!(BATCH_ROWS, "operation" => Load::NAME).record(chunk.len() as f64);
        let some = tx::run(&db, &Load { chunk, most_bytes }).await?;
        for job in some.jobs {
            loaded.offer(job, most_bytes);
        }
        loaded.left.extend(some.left);
    }
    Ok(loaded)
}

struct Load<'a> {
    chunk: &'a [(JobId, Epoch)],
    most_bytes: usize,
}

impl Work for Load<'_> {
    const NAME: &'static str = "load";
    type Answer = Loaded;

    fn scope(&self) -> Scope {
        Scope::Read
    }

    async fn run(&self, connection: &mut PgConnection, _: Earlier) -> Result<Loaded, Fault> {
        let (shards, ids) = row::keys(self.chunk.iter().map(|(id, _)| *id));
        let epochs: Vec<i32> = self.chunk.iter().map(|(_, epoch)| epoch.0).collect();
        // Row by row: what does not fit is in memory for a moment only.
        let mut rows = sqlx::query(LOAD)
            .bind(shards)
            .bind(ids)
            .bind(epochs)
            .fetch(connection);
        let mut loaded = Loaded::default();
        while let Some(row) = rows.try_next().await? {
            if let Some(job) = row::readable_job(Self::NAME, &row)? {
                loaded.offer(job, self.most_bytes);
            }
        }
        Ok(loaded)
    }
}
