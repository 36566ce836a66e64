//! Deletes a job with all that belongs to it.

use scheduler_domain::{JobId, KeyHash};
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::call::Db;
use super::fault::Fault;
use super::submit::drop_keys;
use super::tx::{self, Earlier, Scope, Work};
use super::{attempts, row};
use crate::{Deleted, Error};

pub(super) const DELETE: &str = "-- store.delete
    DELETE FROM jobs WHERE shard = $1 AND id = $2 AND state IN (3, 4, 5, 7) RETURNING key";

pub(super) const STATE: &str = "-- store.delete_state
    SELECT state FROM jobs WHERE shard = $1 AND id = $2";

pub(super) async fn delete(db: Db, id: JobId) -> Result<Deleted, Error> {
    tx::run(&db, &Delete(id)).await
}

struct Delete(JobId);

impl Work for Delete {
    const NAME: &'static str = "delete";
    type Answer = Deleted;

    fn scope(&self) -> Scope {
        Scope::Transaction
    }

    async fn run(&self, connection: &mut PgConnection, earlier: Earlier) -> Result<Deleted, Fault> {
        let id = self.0;
        let shard = id.shard().column();
        let deleted = sqlx::query(DELETE)
            .bind(shard)
            .bind(id.0)
            .fetch_optional(&mut *connection)
            .await?;
        if let Some(row) = deleted {
            let key: Option<Uuid> = row.try_get(0)?;
            drop_keys(connection, key.map(|key| (KeyHash(key), id)).into_iter()).await?;
            attempts::forget(connection, shard, &[id.0]).await?;
            return Ok(Deleted::Done);
        }
        let state = sqlx::query(STATE)
            .bind(shard)
            .bind(id.0)
            .fetch_optional(connection)
            .await?;
        let Some(state) = state else {
            // Nobody else is likely to have deleted it while our own answer was lost.
            return Ok(if earlier == Earlier::Unknown {
                Deleted::Done
            } else {
                Deleted::NotFound
            });
        };
        let state = row::state(id, state.try_get(0)?)?;
        if state.is_final() {
            Err(Fault::Raced)
        } else {
            Ok(Deleted::Refused(state))
        }
    }
}
