//! The three updates, each for the jobs of one cause.

use std::collections::HashMap;

use scheduler_domain::{JobId, Timestamp, WorkerId};
use sqlx::PgConnection;

use super::Changed;
use crate::postgres::fault::Fault;
use crate::postgres::row::{self, int4};
use crate::transition::lost_lease;
use crate::{HandOut, HandOutCause};

macro_rules! returning {
    () => {
        " WHERE jobs.shard = d.shard AND jobs.id = d.id AND jobs.epoch = d.epoch AND jobs.state IN (1, 2, 6, 8)
          RETURNING jobs.id, d.epoch AS was, jobs.epoch, jobs.state, jobs.attempts, jobs.crashes, jobs.queue, jobs.priority, jobs.run_at"
    };
}

/// One whose time has not come stays where it is.
pub(in crate::postgres) const FORGOTTEN: &str = concat!(
    "-- store.hand_out_forgotten
    UPDATE jobs SET epoch = jobs.epoch + 1, started_at = NULL, worker = NULL, updated_at = $4::TIMESTAMPTZ,
        state = CASE WHEN jobs.state IN (6, 8) AND jobs.run_at > $4 THEN jobs.state ELSE 1 END,
        sequence = jobs.sequence + CASE WHEN jobs.state = 2 THEN 1 ELSE 2 END
    FROM unnest($1::INT2[], $2::UUID[], $3::INT4[]) AS d(shard, id, epoch)",
    returning!()
);

pub(in crate::postgres) const RELEASED: &str = concat!(
    "-- store.hand_out_released
    UPDATE jobs SET epoch = jobs.epoch + 1, started_at = NULL, worker = NULL, updated_at = $4::TIMESTAMPTZ, state = 1,
        sequence = jobs.sequence + CASE WHEN jobs.state = 2 THEN 1 ELSE 2 END
    FROM unnest($1::INT2[], $2::UUID[], $3::INT4[]) AS d(shard, id, epoch)",
    returning!()
);

pub(in crate::postgres) const LEASE_EXPIRED: &str = concat!(
    "-- store.hand_out_lease_expired
    UPDATE jobs SET epoch = jobs.epoch + 1, started_at = NULL, worker = NULL, updated_at = $4::TIMESTAMPTZ,
        crashes = jobs.crashes + 1, state = CASE WHEN jobs.crashes + 1 >= d.budget THEN 5 ELSE 1 END,
        finished_at = CASE WHEN jobs.crashes + 1 >= d.budget THEN $4::TIMESTAMPTZ ELSE NULL END,
        error = CASE WHEN jobs.crashes + 1 >= d.budget THEN d.error ELSE jobs.error END,
        sequence = jobs.sequence + CASE WHEN jobs.state = 2 THEN 1 ELSE 2 END
    FROM unnest($1::INT2[], $2::UUID[], $3::INT4[], $5::INT4[], $6::TEXT[])
        AS d(shard, id, epoch, budget, error)",
    returning!()
);

type LostLease<'a> = (&'a HandOut, u32, &'a WorkerId);

/// A batch, by cause.
pub(super) struct Causes<'a> {
    forgotten: Vec<&'a HandOut>,
    released: Vec<&'a HandOut>,
    expired: Vec<LostLease<'a>>,
}

impl<'a> Causes<'a> {
    pub(super) fn of(jobs: &'a [HandOut]) -> Self {
        let mut causes = Self {
            forgotten: Vec::new(),
            released: Vec::new(),
            expired: Vec::new(),
        };
        for job in jobs {
            match &job.cause {
                HandOutCause::Forgotten => causes.forgotten.push(job),
                HandOutCause::Released { .. } => causes.released.push(job),
                HandOutCause::LeaseExpired { worker, budget, .. } => {
                    causes.expired.push((job, *budget, worker));
                }
            }
        }
        causes
    }

    /// Updates the rows; returns those that were still open under the epoch given.
    pub(super) async fn update(
        &self,
        connection: &mut PgConnection,
        now: Timestamp,
    ) -> Result<HashMap<JobId, Changed>, Fault> {
        let mut rows = Vec::new();
        for (statement, jobs) in [(FORGOTTEN, &self.forgotten), (RELEASED, &self.released)] {
            if !jobs.is_empty() {
                let (shards, ids, epochs) = columns(jobs.iter().copied());
                let update = sqlx::query(statement)
                    .bind(shards)
                    .bind(ids)
                    .bind(epochs)
                    .bind(now);
                rows.extend(update.fetch_all(&mut *connection).await?);
            }
        }
        if !self.expired.is_empty() {
            let (shards, ids, epochs) = columns(self.expired.iter().map(|(job, ..)| *job));
            let errors = self
                .expired
                .iter()
                .map(|(_, budget, worker)| row::error_column(&lost_lease(worker, *budget)))
                .collect::<Result<Vec<_>, _>>()?;
            let update = sqlx::query(LEASE_EXPIRED)
                .bind(shards)
                .bind(ids)
                .bind(epochs)
                .bind(now)
                .bind(
                    self.expired
                        .iter()
                        .map(|(_, budget, ..)| int4(*budget))
                        .collect::<Vec<_>>(),
                )
                .bind(errors);
            rows.extend(update.fetch_all(connection).await?);
        }
        rows.iter().map(Changed::read).collect()
    }
}

fn columns<'a>(jobs: impl Iterator<Item = &'a HandOut> + Clone) -> (Vec<i16>, Vec<uuid::Uuid>, Vec<i32>) {
    let (shards, ids) = row::keys(jobs.clone().map(|job| job.id));
    (shards, ids, jobs.map(|job| job.epoch.0).collect())
}
