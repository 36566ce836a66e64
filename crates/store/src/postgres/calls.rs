//! Whether a call whose answer was lost was carried out: the row says by which call it was cancelled, and by which it was opened again.
//!
//! Moments do not tell calls apart. Three replicas that cancel a job at once may do it in the same microsecond.

use scheduler_domain::JobId;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use super::fault::Fault;

pub(super) const CALLS: &str = "-- store.calls
    SELECT cancelled_by, reopened_by FROM jobs WHERE shard = $1 AND id = $2";

/// The calls that have left their mark on a job.
#[derive(Debug, Default, FromRow)]
pub(super) struct Calls {
    pub(super) cancelled_by: Option<Uuid>,
    /// The last of those that did.
    pub(super) reopened_by: Option<Uuid>,
}

/// The calls on `job`; none when it does not exist.
pub(super) async fn of(connection: &mut PgConnection, job: JobId) -> Result<Calls, Fault> {
    let calls = sqlx::query_as(CALLS)
        .bind(job.shard().column())
        .bind(job.0)
        .fetch_optional(connection)
        .await?;
    Ok(calls.unwrap_or_default())
}
