//! Accepts jobs whose id or key may be known already, in one transaction:
//!
//! 1. claim the keys; those taken tell which job they made;
//! 2. insert the jobs of the keys just claimed, and those with a chosen id and no key;
//! 3. read back what was there before us, and give up the keys claimed for it: a key names the job that it made, and
//!    no other.
//!
//! Rows are written in the order of their keys, so that two batches with the same ones wait for each other once
//! instead of locking each other out.

use std::collections::{HashMap, HashSet};

use scheduler_domain::{JobId, KeyHash, NewJob, Timestamp};
use sqlx::{PgConnection, Row as _};
use tracing::trace;
use uuid::Uuid;

use super::known::{Known, Outcome, distinct};
use super::{Placed, new_row};
use crate::postgres::call::Db;
use crate::postgres::fault::Fault;
use crate::postgres::insert::{self, NewRow};
use crate::postgres::tx::{self, Earlier, Scope, Work};
use crate::postgres::{get, row};
use crate::same::compare;
use crate::{Error, Submitted};

pub(in crate::postgres) const CLAIM_KEYS: &str = "-- store.submit_claim_keys
    INSERT INTO job_keys (shard, key, job_id)
    SELECT d.shard, d.key, d.job_id FROM unnest($1::INT2[], $2::UUID[], $3::UUID[]) AS d(shard, key, job_id)
    ON CONFLICT (shard, key) DO NOTHING RETURNING job_keys.key";

pub(in crate::postgres) const READ_KEYS: &str = "-- store.submit_read_keys
    SELECT job_keys.key, job_keys.job_id FROM unnest($1::INT2[], $2::UUID[]) AS d(shard, key)
    JOIN job_keys ON job_keys.shard = d.shard AND job_keys.key = d.key";

pub(in crate::postgres) const DROP_KEYS: &str = "-- store.drop_keys
    DELETE FROM job_keys WHERE (shard, key, job_id) IN (
        SELECT d.shard, d.key, d.job_id FROM unnest($1::INT2[], $2::UUID[], $3::UUID[]) AS d(shard, key, job_id))";

/// Whose the ids are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// They may have been submitted before.
    Client,
    /// We made them in this call, so a row with one of them is our own work.
    ThisCall,
}

/// Inserts `jobs`. Where several share an id or a key the first decides, and the others are compared with it.
pub(super) async fn insert(
    db: &Db,
    now: Timestamp,
    mut waiting: Vec<Placed<NewJob>>,
    origin: Origin,
) -> Result<Vec<Placed<Submitted>>, Error> {
    let mut answers = Vec::with_capacity(waiting.len());
    let mut known = Known::default();
    while !waiting.is_empty() {
        let (mut round, rest) = distinct(waiting);
        round.sort_unstable_by_key(|(_, job)| (job.id.shard(), job.id));
        let rows: Vec<NewRow> = round.iter().map(|(_, job)| new_row(job, now)).collect();
        let pieces = tx::run_batch(db, &rows, |rows| InsertKeyed { now, rows, origin }).await?;
        let outcomes = pieces.into_iter().flatten();
        for (((place, new), row), outcome) in round.into_iter().zip(rows).zip(outcomes) {
            if !rest.is_empty() {
                known.learn(&new, &row.job, &outcome);
            }
            let answer = match outcome {
                Outcome::Created => Submitted::Created(row.job),
                Outcome::KeyKnown(job) | Outcome::IdKnown(job) => compare(&new, job),
            };
            answers.push((place, answer));
        }
        waiting = Vec::new();
        for (place, new) in rest {
            match known.of(&new) {
                Some(job) => answers.push((place, compare(&new, job.clone()))),
                // Its key went to a job that was refused because of its id: the key is free again.
                None => waiting.push((place, new)),
            }
        }
    }
    Ok(answers)
}

struct InsertKeyed<'a> {
    now: Timestamp,
    /// Each id and each key once, in the order of the primary key.
    rows: &'a [NewRow],
    origin: Origin,
}

impl Work for InsertKeyed<'_> {
    const NAME: &'static str = "submit_keyed";
    type Answer = Vec<Outcome>;

    fn scope(&self) -> Scope {
        Scope::Transaction
    }

    async fn run(&self, connection: &mut PgConnection, earlier: Earlier) -> Result<Vec<Outcome>, Fault> {
        let by_key = self.claim_keys(connection).await?;
        let free: Vec<&NewRow> = self
            .rows
            .iter()
            .filter(|row| row.key.is_none_or(|key| !by_key.contains_key(&key)))
            .collect();
        let inserted: HashSet<JobId> = if free.is_empty() {
            HashSet::new()
        } else {
            insert::insert_new(connection, self.now, &free)
                .await?
                .into_iter()
                .collect()
        };
        let taken: Vec<&NewRow> = free
            .into_iter()
            .filter(|row| !inserted.contains(&row.job.id))
            .collect();
        drop_keys(
            connection,
            taken.iter().filter_map(|row| Some((row.key?, row.job.id))),
        )
        .await?;

        let ids: Vec<JobId> = by_key
            .values()
            .copied()
            .chain(taken.iter().map(|row| row.job.id))
            .collect();
        let existing = if ids.is_empty() {
            HashMap::new()
        } else {
            get::by_id(connection, &ids).await?
        };
        // A job that is gone by now was deleted between two statements.
        let read = |id: JobId| existing.get(&id).cloned().ok_or(Fault::Raced);
        self.rows
            .iter()
            .map(|row| {
                let outcome = if inserted.contains(&row.job.id) {
                    Outcome::Created
                } else if let Some(id) = row.key.and_then(|key| by_key.get(&key)) {
                    Outcome::KeyKnown(read(*id)?)
                } else {
                    Outcome::IdKnown(read(row.job.id)?)
                };
                Ok(self.unless_ours(row, outcome, earlier))
            })
            .collect()
    }
}

impl InsertKeyed<'_> {
    /// Claims the keys of the rows; returns those that were taken, with the job that each made.
    async fn claim_keys(&self, connection: &mut PgConnection) -> Result<HashMap<KeyHash, JobId>, Fault> {
        let mut wanted: Vec<(KeyHash, JobId)> = self
            .rows
            .iter()
            .filter_map(|row| Some((row.key?, row.job.id)))
            .collect();
        if wanted.is_empty() {
            return Ok(HashMap::new());
        }
        wanted.sort_unstable_by_key(|(key, _)| (key.shard(), *key));
        let (shards, keys, jobs) = key_columns(wanted.iter().copied());
        let claimed = sqlx::query(CLAIM_KEYS)
            .bind(shards)
            .bind(keys)
            .bind(jobs)
            .fetch_all(&mut *connection)
            .await?;
        let claimed = claimed
            .iter()
            .map(|row| row.try_get(0).map(KeyHash))
            .collect::<Result<HashSet<_>, _>>()?;

        let taken: Vec<(KeyHash, JobId)> = wanted
            .into_iter()
            .filter(|(key, _)| !claimed.contains(key))
            .collect();
        if taken.is_empty() {
            return Ok(HashMap::new());
        }
        let (shards, keys, _) = key_columns(taken.iter().copied());
        let rows = sqlx::query(READ_KEYS)
            .bind(shards)
            .bind(keys)
            .fetch_all(connection)
            .await?;
        let known = rows
            .iter()
            .map(|row| Ok((KeyHash(row.try_get(0)?), JobId(row.try_get(1)?))))
            .collect::<Result<HashMap<_, _>, Fault>>()?;
        if known.len() < taken.len() {
            return Err(Fault::Raced);
        }
        Ok(known)
    }

    /// A row found after a lost answer may be the one that this very call inserted.
    fn unless_ours(&self, row: &NewRow, outcome: Outcome, earlier: Earlier) -> Outcome {
        let in_doubt = earlier == Earlier::Unknown || self.origin == Origin::ThisCall;
        let existing = match &outcome {
            Outcome::Created if in_doubt => {
                trace!(target: "history", op = "reached", code = "doubt_not_committed", job = %row.job.id);
                return outcome;
            }
            Outcome::Created => return outcome,
            Outcome::KeyKnown(job) | Outcome::IdKnown(job) => job,
        };
        let same = existing.id == row.job.id
            && existing.created_at == row::stored(self.now)
            && existing.spec.differences(&row.job.spec).is_empty();
        if in_doubt && same {
            trace!(target: "history", op = "reached", code = "doubt_committed", job = %row.job.id);
            Outcome::Created
        } else {
            outcome
        }
    }
}

/// Gives up keys, each if it still names its job.
pub(in crate::postgres) async fn drop_keys(
    connection: &mut PgConnection,
    keys: impl Iterator<Item = (KeyHash, JobId)>,
) -> Result<(), Fault> {
    let (shards, keys, jobs) = key_columns(keys);
    if !keys.is_empty() {
        sqlx::query(DROP_KEYS)
            .bind(shards)
            .bind(keys)
            .bind(jobs)
            .execute(connection)
            .await?;
    }
    Ok(())
}

fn key_columns(keys: impl Iterator<Item = (KeyHash, JobId)>) -> (Vec<i16>, Vec<Uuid>, Vec<Uuid>) {
    let mut columns = (Vec::new(), Vec::new(), Vec::new());
    for (key, job) in keys {
        columns.0.push(key.shard().column());
        columns.1.push(key.0);
        columns.2.push(job.0);
    }
    columns
}
