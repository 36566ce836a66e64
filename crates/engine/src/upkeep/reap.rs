//! Leases whose worker fell silent.

use std::time::Duration;

use scheduler_domain::Shard;
use scheduler_queue::Hint;
use scheduler_store::HandedOut;
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::{elected, repeat};
use crate::{Engine, Error};

/// Leases handled per step: bounds the statement.
const BATCH: usize = 500;

/// Hands out again what lost workers held.
#[derive(Debug)]
pub struct Reaper {
    engine: Engine,
    owner: String,
}

impl Reaper {
    /// For this engine, in the name of `owner`.
    #[must_use]
    pub fn new(engine: Engine, owner: String) -> Self {
        Self { engine, owner }
    }

    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        repeat(&self.engine, "reap", &stop, || self.step()).await;
    }

    /// Looks at every shard that is this process's to look after.
    ///
    /// # Errors
    /// The store's or the queue's failure: what was not done is found again.
    pub async fn step(&self) -> Result<Duration, Error> {
        // As often as workers beat: then a lease outlives its worker by no more than one beat beyond its time.
        let period = self.engine.options().heartbeat.min(Duration::from_secs(1));
        for shard in elected(&self.engine, &self.owner).await? {
            while self.reap(shard).await? == BATCH {}
        }
        Ok(period)
    }

    /// One batch of one shard; says how many expired leases there were.
    ///
    /// # Errors
    /// As [`Reaper::step`].
    pub async fn reap(&self, shard: Shard) -> Result<usize, Error> {
        let parts = &self.engine.parts;
        let expired = parts.queue.expired(shard, BATCH).await?;
        if expired.is_empty() {
            return Ok(0);
        }
        metrics::counter!(crate::metrics::EXPIRED).increment(expired.len() as u64);
        let handed_out = parts.hand_out_lost(&expired).await?;
        report(&handed_out);
        parts
            .queue
            .publish(Hint::Changed(handed_out.iter().map(HandedOut::id).collect()))
            .await?;
        Ok(expired.len())
    }
}

fn report(handed_out: &[HandedOut]) {
    for job in handed_out {
        match job {
            HandedOut::Again { entry, .. } => {
                metrics::counter!(crate::metrics::RECOVERED, "priority" => entry.priority.name())
                    .increment(1);
                info!(job.id = %entry.id, epoch = %entry.epoch, "lease expired, job handed out again");
            }
            HandedOut::DeadLettered(job) => {
                metrics::counter!(crate::metrics::CRASHED_OUT).increment(1);
                info!(job.id = %job.id, crashes = job.crashes, "crash budget used up, job is dead");
            }
        }
    }
}
