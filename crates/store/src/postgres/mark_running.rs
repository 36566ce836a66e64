//! Shows long attempts as RUNNING, and tells which leases are worth nothing any more.

use std::collections::HashSet;

use scheduler_domain::{JobId, Timestamp};
use sqlx::{PgConnection, Row as _};

use super::call::Db;
use super::fault::Fault;
use super::row;
use super::tx::{self, Earlier, Scope, Work};
use crate::metrics::BATCH_ROWS;
use crate::{Error, Running};

pub(super) const MARK_RUNNING: &str = "-- store.mark_running
    UPDATE jobs SET state = 2, started_at = d.started_at, worker = d.worker, updated_at = $6,
        sequence = jobs.sequence + 1
    FROM unnest($1::INT2[], $2::UUID[], $3::INT4[], $4::TIMESTAMPTZ[], $5::TEXT[])
        AS d(shard, id, epoch, started_at, worker)
    WHERE jobs.shard = d.shard AND jobs.id = d.id AND jobs.epoch = d.epoch AND jobs.state IN (1, 6, 8)";

pub(super) const STILL_OPEN: &str = "-- store.mark_running_check
    SELECT jobs.id, jobs.epoch FROM unnest($1::INT2[], $2::UUID[], $3::INT4[]) AS d(shard, id, epoch)
    JOIN jobs ON jobs.shard = d.shard AND jobs.id = d.id
    WHERE jobs.epoch = d.epoch AND jobs.state IN (1, 2, 6, 8)";

pub(super) async fn mark_running(
    db: Db,
    now: Timestamp,
    mut running: Vec<Running>,
) -> Result<Vec<JobId>, Error> {
    running.sort_by_key(|r| (r.id.shard(), r.id, r.epoch));
    running.dedup_by_key(|r| (r.id, r.epoch));
    let mut lost = Vec::new();
    for chunk in running.chunks(row::MOST_FOUND) {
        metrics::histogram!(BATCH_ROWS, "operation" => MarkRunning::NAME).record(chunk.len() as f64);
        let pieces = tx::run_batch(&db, chunk, |running| MarkRunning { now, running }).await?;
        lost.extend(pieces.into_iter().flatten());
    }
    Ok(lost)
}

struct MarkRunning<'a> {
    now: Timestamp,
    /// Each attempt once, in the order of the primary key.
    running: &'a [Running],
}

impl Work for MarkRunning<'_> {
    const NAME: &'static str = "mark_running";
    type Answer = Vec<JobId>;

    fn scope(&self) -> Scope {
        Scope::Statement
    }

    async fn run(&self, connection: &mut PgConnection, _: Earlier) -> Result<Vec<JobId>, Fault> {
        let (shards, ids) = row::keys(self.running.iter().map(|r| r.id));
        let epochs: Vec<i32> = self.running.iter().map(|r| r.epoch.0).collect();
        sqlx::query(MARK_RUNNING)
            .bind(&shards)
            .bind(&ids)
            .bind(&epochs)
            .bind(self.running.iter().map(|r| r.started_at).collect::<Vec<_>>())
            .bind(self.running.iter().map(|r| r.worker.as_str()).collect::<Vec<_>>())
            .bind(self.now)
            .execute(&mut *connection)
            .await?;
        let rows = sqlx::query(STILL_OPEN)
            .bind(shards)
            .bind(ids)
            .bind(epochs)
            .fetch_all(connection)
            .await?;
        let open = rows
            .iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect::<Result<HashSet<_>, sqlx::Error>>()?;
        Ok(self
            .running
            .iter()
            .filter(|r| !open.contains(&(r.id.0, r.epoch.0)))
            .map(|r| r.id)
            .collect())
    }
}
