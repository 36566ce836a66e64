//! Walks the open jobs of a shard in the order in which they become due.

use chrono::{DateTime, Utc};
use scheduler_domain::{Entry, Epoch, JobId, QueueName, Shard, Timestamp};
use sqlx::{FromRow as _, PgConnection};
use uuid::Uuid;

use super::call::Db;
use super::fault::Fault;
use super::row::{self, int8};
use super::tx::{self, Earlier, Scope, Work};
use crate::{Due, DueCursor, Error};

/// Says `finished_at IS NULL` on purpose: here the index on open jobs is wanted.
pub(super) const DUE: &str = "-- store.due
    SELECT id, epoch, queue, priority, run_at, state, updated_at FROM jobs
    WHERE shard = $1 AND finished_at IS NULL AND (run_at, id) > ($2, $3) AND run_at <= $4
    ORDER BY run_at, id LIMIT $5";

/// Before every job.
const FIRST: DueCursor = DueCursor::before(DateTime::<Utc>::UNIX_EPOCH);

pub(super) async fn due(
    db: Db,
    shard: Shard,
    after: Option<DueCursor>,
    until: Timestamp,
    limit: usize,
) -> Result<Vec<Due>, Error> {
    let mut found = Vec::new();
    let mut after = after.unwrap_or(FIRST);
    // Callers take a short page for the last one, so rows that cannot be read must not make it short.
    while found.len() < limit {
        let asked = limit - found.len();
        let rows = tx::run(
            &db,
            &Page {
                shard,
                after,
                until,
                limit: asked,
            },
        )
        .await?;
        let is_last = rows.len() < asked;
        let Some(last) = rows.last() else { break };
        after = DueCursor {
            run_at: last.run_at,
            id: JobId(last.id),
        };
        for row in rows {
            match row.read() {
                Ok(due) => found.push(due),
                Err(error) => row::report_corrupt(Page::NAME, &error),
            }
        }
        if is_last {
            break;
        }
    }
    Ok(found)
}

struct Page {
    shard: Shard,
    after: DueCursor,
    until: Timestamp,
    limit: usize,
}

impl Work for Page {
    const NAME: &'static str = "due";
    type Answer = Vec<DueRow>;

    fn scope(&self) -> Scope {
        Scope::Read
    }

    async fn run(&self, connection: &mut PgConnection, _: Earlier) -> Result<Vec<DueRow>, Fault> {
        let rows = sqlx::query(DUE)
            .bind(self.shard.column())
            .bind(self.after.run_at)
            .bind(self.after.id.0)
            .bind(self.until)
            .bind(int8(self.limit))
            .fetch_all(connection)
            .await?;
        Ok(rows.iter().map(DueRow::from_row).collect::<Result<_, _>>()?)
    }
}

#[derive(sqlx::FromRow)]
struct DueRow {
    id: Uuid,
    epoch: i32,
    queue: String,
    priority: i16,
    run_at: Timestamp,
    state: i16,
    updated_at: Timestamp,
}

impl DueRow {
    fn read(self) -> Result<Due, Error> {
        let id = JobId(self.id);
        Ok(Due {
            entry: Entry {
                id,
                epoch: Epoch(self.epoch),
                queue: QueueName::from_stored(self.queue),
                priority: row::priority(id, self.priority)?,
                ready_at: self.run_at,
            },
            state: row::state(id, self.state)?,
            updated_at: self.updated_at,
        })
    }
}
