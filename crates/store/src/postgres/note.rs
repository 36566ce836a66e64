//! Keeps what attempts note of their progress.

use sqlx::PgConnection;

use super::call::Db;
use super::fault::Fault;
use super::row;
use super::tx::{self, Earlier, Scope, Work};
use crate::metrics::BATCH_ROWS;
use crate::{Error, Note};

/// No visible change: neither the sequence nor `updated_at` moves, so nobody is told of it and no index entry is written.
pub(super) const NOTE: &str = "-- store.note
    UPDATE jobs SET progress = d.progress
    FROM unnest($1::INT2[], $2::UUID[], $3::INT4[], $4::TEXT[]) AS d(shard, id, epoch, progress)
    WHERE jobs.shard = d.shard AND jobs.id = d.id AND jobs.epoch = d.epoch AND jobs.state IN (1, 2, 6, 8)";

/// Notes per statement: with checkpoints of the largest size they have 16 MiB.
const CHUNK: usize = 250;

pub(super) async fn note(db: Db, mut notes: Vec<Note>) -> Result<(), Error> {
    // The last one on an attempt is the one that holds.
    notes.reverse();
    notes.sort_by_key(|note| (note.id.shard(), note.id, note.epoch));
    notes.dedup_by_key(|note| (note.id, note.epoch));
    for chunk in notes.chunks(CHUNK) {
        metrics::histogram!(BATCH_ROWS, "operation" => Keep::NAME).record(chunk.len() as f64);
        tx::run_batch(&db, chunk, Keep).await?;
    }
    Ok(())
}

/// Each attempt once, in the order of the primary key.
struct Keep<'a>(&'a [Note]);

impl Work for Keep<'_> {
    const NAME: &'static str = "note";
    type Answer = ();

    fn scope(&self) -> Scope {
        Scope::Statement
    }

    async fn run(&self, connection: &mut PgConnection, _: Earlier) -> Result<(), Fault> {
        let (shards, ids) = row::keys(self.0.iter().map(|note| note.id));
        let progress = self.0.iter().map(|note| row::progress_column(&note.progress));
        sqlx::query(NOTE)
            .bind(shards)
            .bind(ids)
            .bind(self.0.iter().map(|note| note.epoch.0).collect::<Vec<_>>())
            .bind(progress.collect::<Result<Vec<_>, Error>>()?)
            .execute(connection)
            .await?;
        Ok(())
    }
}
