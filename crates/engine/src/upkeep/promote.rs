//! Delayed entries become ready when their time comes.

use std::time::Duration;

use scheduler_domain::Shard;
use tokio_util::sync::CancellationToken;

use super::repeat;
use crate::{Engine, Error};

/// Entries moved per call: bounds how long one script blocks the queue.
const BATCH: usize = 500;
/// Longest sleep: an entry that is pushed with a nearer time than all others is late by at most this.
const LONGEST: Duration = Duration::from_millis(100);
const SHORTEST: Duration = Duration::from_millis(2);

/// Moves what is due. Any number of processes may do it at once: each move is atomic.
#[derive(Debug)]
pub struct Promoter {
    engine: Engine,
}

impl Promoter {
    /// For this engine.
    #[must_use]
    pub fn new(engine: Engine) -> Self {
        Self { engine }
    }

    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        repeat(&self.engine, "promote", &stop, || self.step()).await;
    }

    /// Moves everything that is due now; says when to look again.
    ///
    /// # Errors
    /// The queue's failure.
    pub async fn step(&self) -> Result<Duration, Error> {
        let mut next = LONGEST;
        for shard in Shard::all() {
            loop {
                let promoted = self.engine.parts.queue.promote(shard, BATCH).await?;
                for ((queue, priority), ready) in promoted.ready {
                    self.engine.parts.tally.promoted(&queue, priority, ready);
                    metrics::counter!(crate::metrics::PROMOTED, "priority" => priority.name())
                        .increment(ready as u64);
                }
                if promoted.moved < BATCH {
                    next = promoted.next_in.map_or(next, |due| next.min(due));
                    break;
                }
            }
        }
        Ok(next.max(SHORTEST))
    }
}
