//! Finished jobs do not stay for ever.

use std::time::Duration;

use scheduler_domain::{Shard, clock};
use scheduler_store::Cursor;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{elected, repeat};
use crate::{Engine, Error};

/// Time between two passes.
const PERIOD: Duration = Duration::from_secs(60);
/// Pause between two batches, so that deleting never crowds out the work.
const BREATH: Duration = Duration::from_millis(50);

/// Deletes jobs that finished longer ago than [`crate::Options::retention`], in bounded batches.
#[derive(Debug)]
pub struct Retention {
    engine: Engine,
    owner: String,
}

impl Retention {
    /// For this engine, in the name of `owner`.
    #[must_use]
    pub fn new(engine: Engine, owner: String) -> Self {
        Self { engine, owner }
    }

    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        repeat(&self.engine, "retain", &stop, || self.step(&stop)).await;
    }

    /// One pass over the shards that are this process's to look after.
    ///
    /// # Errors
    /// The store's or the queue's failure.
    pub async fn step(&self, stop: &CancellationToken) -> Result<Duration, Error> {
        if self.engine.options().retention.is_some() {
            for shard in elected(&self.engine, &self.owner).await? {
                let deleted = self.purge(shard, stop).await?;
                if deleted > 0 {
                    metrics::counter!(crate::metrics::PURGED).increment(deleted as u64);
                    info!(%shard, deleted, "old jobs deleted");
                }
            }
        }
        Ok(PERIOD)
    }

    /// Deletes everything of one shard that is too old; says how many.
    ///
    /// # Errors
    /// The store's failure.
    pub async fn purge(&self, shard: Shard, stop: &CancellationToken) -> Result<usize, Error> {
        let parts = &self.engine.parts;
        let Some(retention) = parts.options.retention else {
            return Ok(0);
        };
        let before = clock::sub(parts.clock.now(), retention);
        let mut deleted = 0;
        let mut after: Option<Cursor> = None;
        while !stop.is_cancelled() {
            let purged = parts
                .store
                .purge(shard, before, after, parts.options.retention_batch)
                .await?;
            deleted += purged.deleted;
            after = purged.next;
            if after.is_none() {
                break;
            }
            tokio::time::sleep(BREATH).await;
        }
        Ok(deleted)
    }
}
