//! The next rows in the order of the list: a merge over the shards.

use scheduler_domain::{JobId, Shard, Timestamp};
use sqlx::{FromRow as _, PgConnection};
use uuid::Uuid;

use crate::postgres::fault::Fault;
use crate::postgres::row::{int2, int8};
use crate::postgres::tx::{Earlier, Scope, Work};
use crate::{Cursor, Filter};

/// One shard's share. The key of an index begins with the shard, so each is a short walk along one.
macro_rules! share {
    ($shard:literal, $and:literal) => {
        concat!(
            "(SELECT id, created_at, state, run_at, priority, type, queue,
                octet_length(payload) + COALESCE(octet_length(result), 0) AS bytes
              FROM jobs WHERE shard = ",
            $shard,
            " AND (created_at, id) < ($1, $2)",
            $and,
            " ORDER BY created_at DESC, id DESC LIMIT $3)"
        )
    };
}

/// SCHEDULED is shown as QUEUED once its time has come.
macro_rules! scan {
    ($name:literal, $and:literal) => {
        concat!(
            "-- store.",
            $name,
            "\nSELECT id, created_at, priority, type, queue, CAST(bytes AS INT8) AS bytes,
                CAST(CASE WHEN state = 8 AND run_at <= $4 THEN 1 ELSE state END AS INT2) AS state FROM (",
            share!("0", $and),
            " UNION ALL ",
            share!("1", $and),
            " UNION ALL ",
            share!("2", $and),
            " UNION ALL ",
            share!("3", $and),
            " UNION ALL ",
            share!("4", $and),
            " UNION ALL ",
            share!("5", $and),
            " UNION ALL ",
            share!("6", $and),
            " UNION ALL ",
            share!("7", $and),
            ") AS shares ORDER BY created_at DESC, id DESC LIMIT $3"
        )
    };
}

const _: () = assert!(Shard::COUNT == 8, "the statements name every shard");

/// Both say the predicate of the index that they walk word for word, so that it is used.
pub(in crate::postgres) const SCAN: &str = scan!("list", " AND priority > 0");

pub(in crate::postgres) const SCAN_FAILED: &str = scan!("list_failed", " AND state IN (4, 5)");

/// Looks at the next rows.
pub(super) struct Scan {
    pub(super) now: Timestamp,
    pub(super) before: Cursor,
    pub(super) limit: usize,
    /// Only FAILED and DEADLETTER: they have an index of their own.
    pub(super) only_failed: bool,
}

impl Work for Scan {
    const NAME: &'static str = "list";
    type Answer = Vec<Seen>;

    fn scope(&self) -> Scope {
        Scope::Read
    }

    async fn run(&self, connection: &mut PgConnection, _: Earlier) -> Result<Vec<Seen>, Fault> {
        let rows = sqlx::query(if self.only_failed { SCAN_FAILED } else { SCAN })
            .bind(self.before.created_at)
            .bind(self.before.id.0)
            .bind(int8(self.limit))
            .bind(self.now)
            .fetch_all(connection)
            .await?;
        Ok(rows.iter().map(Seen::from_row).collect::<Result<_, _>>()?)
    }
}

/// What a filter asks about.
#[derive(sqlx::FromRow)]
pub(super) struct Seen {
    pub(super) id: Uuid,
    pub(super) created_at: Timestamp,
    /// As shown.
    pub(super) state: i16,
    pub(super) priority: i16,
    #[sqlx(rename = "type")]
    pub(super) job_type: String,
    pub(super) queue: String,
    /// Of payload and result.
    pub(super) bytes: i64,
}

impl Seen {
    pub(super) fn cursor(&self) -> Cursor {
        Cursor {
            created_at: self.created_at,
            id: JobId(self.id),
        }
    }

    /// As [`Filter::admits`], by the numbers: a row that cannot be read passes no filter.
    pub(super) fn passes(&self, filter: &Filter) -> bool {
        filter
            .state
            .is_none_or(|state| int2(state.number()) == self.state)
            && filter
                .priority
                .is_none_or(|priority| int2(priority.number()) == self.priority)
            && filter
                .job_type
                .as_ref()
                .is_none_or(|job_type| job_type.as_str() == self.job_type)
            && filter
                .queue
                .as_ref()
                .is_none_or(|queue| queue.as_str() == self.queue)
    }
}
