//! Retention: deletes what finished long ago.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use scheduler_domain::{JobId, KeyHash, Shard, Timestamp};
use sqlx::{FromRow as _, PgConnection, Row as _};
use uuid::Uuid;

use super::attempts;
use super::call::Db;
use super::fault::Fault;
use super::row::int8;
use super::submit::drop_keys;
use super::tx::{self, Earlier, Scope, Work};
use crate::{Cursor, Error, Purged};

/// A job cannot have finished before it was created, so younger ones need not be looked at. Every priority is above 0: the predicate
/// of the index.
pub(super) const OLDEST: &str = "-- store.purge_look
    SELECT id, created_at, finished_at FROM jobs
    WHERE shard = $1 AND (created_at, id) > ($2, $3) AND created_at < $4 AND priority > 0
    ORDER BY created_at, id LIMIT $5";

/// Looks at `finished_at` again: the job may have been redriven since.
pub(super) const PURGE: &str = "-- store.purge
    DELETE FROM jobs WHERE (shard, id) IN (SELECT d.shard, d.id FROM unnest($1::INT2[], $2::UUID[]) AS d(shard, id))
        AND finished_at < $3 AND state IN (3, 4, 5, 7)
    RETURNING id, key";

/// Before every job.
const FIRST: Cursor = Cursor {
    created_at: DateTime::<Utc>::UNIX_EPOCH,
    id: JobId(Uuid::nil()),
};

pub(super) async fn purge(
    db: Db,
    shard: Shard,
    before: Timestamp,
    after: Option<Cursor>,
    limit: usize,
) -> Result<Purged, Error> {
    if limit == 0 {
        return Ok(Purged {
            deleted: 0,
            next: after,
        });
    }
    let seen = tx::run(
        &db,
        &Look {
            shard,
            before,
            after: after.unwrap_or(FIRST),
            limit,
        },
    )
    .await?;
    let old: Vec<Uuid> = seen
        .iter()
        .filter(|job| job.finished_at.is_some_and(|at| at < before))
        .map(|job| job.id)
        .collect();
    let deleted = if old.is_empty() {
        0
    } else {
        tx::run(
            &db,
            &Delete {
                shard,
                before,
                ids: &old,
            },
        )
        .await?
    };
    let last = seen.last().filter(|_| seen.len() == limit);
    Ok(Purged {
        deleted,
        next: last.map(|job| Cursor {
            created_at: job.created_at,
            id: JobId(job.id),
        }),
    })
}

/// Looks at the next `limit` jobs. Not in the transaction that deletes, which would then collide with every report on one of
/// them.
struct Look {
    shard: Shard,
    before: Timestamp,
    after: Cursor,
    limit: usize,
}

#[derive(sqlx::FromRow)]
struct Seen {
    id: Uuid,
    created_at: Timestamp,
    finished_at: Option<Timestamp>,
}

impl Work for Look {
    const NAME: &'static str = "purge_look";
    type Answer = Vec<Seen>;

    fn scope(&self) -> Scope {
        Scope::Read
    }

    async fn run(&self, connection: &mut PgConnection, _: Earlier) -> Result<Vec<Seen>, Fault> {
        let rows = sqlx::query(OLDEST)
            .bind(self.shard.column())
            .bind(self.after.created_at)
            .bind(self.after.id.0)
            .bind(self.before)
            .bind(int8(self.limit))
            .fetch_all(connection)
            .await?;
        Ok(rows.iter().map(Seen::from_row).collect::<Result<_, _>>()?)
    }
}

/// Deletes those of the jobs that are old, with what belongs to them.
struct Delete<'a> {
    shard: Shard,
    before: Timestamp,
    ids: &'a [Uuid],
}

impl Work for Delete<'_> {
    const NAME: &'static str = "purge";
    /// How many.
    type Answer = usize;

    fn scope(&self) -> Scope {
        Scope::Transaction
    }

    async fn run(&self, connection: &mut PgConnection, _: Earlier) -> Result<usize, Fault> {
        let shard = self.shard.column();
        let deleted = sqlx::query(PURGE)
            .bind(vec![shard; self.ids.len()])
            .bind(self.ids)
            .bind(self.before)
            .fetch_all(&mut *connection)
            .await?
            .iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect::<Result<HashMap<Uuid, Option<Uuid>>, sqlx::Error>>()?;
        let keys = deleted
            .iter()
            .filter_map(|(id, key)| Some((KeyHash((*key)?), JobId(*id))));
        drop_keys(connection, keys).await?;
        attempts::forget(connection, shard, &deleted.keys().copied().collect::<Vec<_>>()).await?;
        Ok(deleted.len())
    }
}
