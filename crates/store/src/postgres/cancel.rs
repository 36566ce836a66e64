//! Cancels a job.

use scheduler_domain::{Entropy as _, JobId, SystemEntropy, Timestamp};
use sqlx::PgConnection;
use uuid::Uuid;

use super::call::Db;
use super::calls;
use super::fault::Fault;
use super::get;
use super::row::{self, job_columns};
use super::tx::{self, Earlier, Scope, Work};
use crate::{Cancelled, Error};

pub(super) const CANCEL: &str = concat!(
    "-- store.cancel
    UPDATE jobs SET state = 7, finished_at = $3, updated_at = $3, cancelled_by = $4,
        sequence = jobs.sequence + CASE WHEN jobs.state = 2 THEN 1 ELSE 2 END
    WHERE shard = $1 AND id = $2 AND state IN (1, 2, 6, 8)
    RETURNING ",
    job_columns!()
);

pub(super) async fn cancel(db: Db, now: Timestamp, id: JobId) -> Result<Cancelled, Error> {
    let call = SystemEntropy.uuid();
    tx::run(&db, &Cancel { now, id, call }).await
}

struct Cancel {
    now: Timestamp,
    id: JobId,
    /// Tells this call from others that cancel the job in the same microsecond.
    call: Uuid,
}

impl Work for Cancel {
    const NAME: &'static str = "cancel";
    type Answer = Cancelled;

    fn scope(&self) -> Scope {
        Scope::Statement
    }

    async fn run(&self, connection: &mut PgConnection, earlier: Earlier) -> Result<Cancelled, Fault> {
        let id = self.id;
        let cancelled = sqlx::query(CANCEL)
            .bind(id.shard().column())
            .bind(id.0)
            .bind(self.now)
            .bind(self.call)
            .fetch_optional(&mut *connection)
            .await?;
        if let Some(row) = cancelled {
            return Ok(Cancelled::Done(row::job(&row)?));
        }
        let Some(job) = get::by_id(connection, &[id]).await?.remove(&id) else {
            return Ok(Cancelled::NotFound);
        };
        if !job.state.is_final() {
            return Err(Fault::Raced);
        }
        let ours =
            earlier == Earlier::Unknown && calls::of(connection, id).await?.cancelled_by == Some(self.call);
        Ok(if ours {
            Cancelled::Done(job)
        } else {
            Cancelled::AlreadyFinal(job)
        })
    }
}
