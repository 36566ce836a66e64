//! The background loops: what makes the queue true again when anything was lost.
//!
//! They run in every API process, with no leader: each takes a shard for a few seconds at a time ([`elect`]), and two that
//! work on the same shard waste time but do no harm, for every hand-out is a compare-and-set on the row's epoch.
//!
//! | loop | finds | does |
//! |---|---|---|
//! | [`Promoter`] | delayed entries whose time has come | makes them ready |
//! | [`Reaper`] | leases whose worker fell silent | hands the jobs out again, charged to the crash budget |
//! | [`Reconciler`] | due rows that the queue does not know, and rows due soon | hands out again, or loads |
//! | [`Retention`] | jobs finished long ago | deletes them |
//! | [`Gauges`] | depths, sizes and load | sets the gauges |
//!
//! [`elect`]: scheduler_queue::Upkeep::elect

mod gauges;
mod promote;
mod reap;
mod reconcile;
mod retain;

use std::future::Future;
use std::time::Duration;

use scheduler_domain::Shard;
use tokio_util::sync::CancellationToken;
use tracing::warn;

pub use gauges::Gauges;
pub use promote::Promoter;
pub use reap::Reaper;
pub use reconcile::{Reconciler, Swept};
pub use retain::Retention;

use crate::backoff::Backoff;
use crate::{Engine, Error};

/// Runs all loops until `stop`. `owner` names this process in elections.
pub async fn run(engine: Engine, owner: String, stop: CancellationToken) {
    crate::metrics::begin();
    tokio::join!(
        Promoter::new(engine.clone()).run(stop.clone()),
        Reaper::new(engine.clone(), owner.clone()).run(stop.clone()),
        Reconciler::new(engine.clone(), owner.clone()).run(stop.clone()),
        Retention::new(engine.clone(), owner).run(stop.clone()),
        Gauges::new(engine).run(stop),
    );
}

/// A step that is under way at the stop may go on for so long. One that waits for a store that hangs would outlast the process;
/// what it leaves half done is found again, as after a crash.
const LAST_STEP: Duration = Duration::from_secs(1);

/// Calls `step` again and again until `stop`; it says how long to sleep. Errors are waited out with backoff, and logged once.
async fn repeat<F, Fut>(engine: &Engine, name: &'static str, stop: &CancellationToken, mut step: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Duration, Error>>,
{
    let mut backoff = Backoff::default();
    while !stop.is_cancelled() {
        let stepped = tokio::select! {
            stepped = step() => stepped,
            () = enough(stop) => return,
        };
        let pause = match stepped {
            Ok(pause) => {
                if backoff.reset() {
                    tracing::info!(name, "upkeep works again");
                }
                pause
            }
            Err(error) => {
                if backoff.is_first() {
                    warn!(
                        name,
                        error = &error as &dyn std::error::Error,
                        "upkeep failed, trying again"
                    );
                }
                metrics::counter!(crate::metrics::UPKEEP_FAILED, "loop" => name).increment(1);
                backoff.next(&**engine.entropy())
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn enough(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(LAST_STEP).await;
}

/// The shards that this process looks after now, and for two sweep periods from now on.
async fn elected(engine: &Engine, owner: &str) -> Result<Vec<Shard>, Error> {
    let ttl = engine.options().sweep_period * 2;
    // All at once: the answers share one round trip.
    let asked = Shard::all().map(|shard| async move {
        let mine = engine.parts.queue.elect(shard, owner, ttl).await?;
        Ok::<_, Error>(mine.then_some(shard))
    });
    Ok(futures::future::try_join_all(asked)
        .await?
        .into_iter()
        .flatten()
        .collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use scheduler_domain::{SystemClock, SystemEntropy};
    use scheduler_queue::MemoryQueue;
    use scheduler_store::MemoryStore;
    use tokio::time::Instant;

    use super::*;
    use crate::Options;

    #[tokio::test(start_paused = true)]
    async fn a_step_that_hangs_does_not_outlast_the_process() {
        let clock = Arc::new(SystemClock);
        let engine = Engine::new(
            Arc::new(MemoryStore::new()),
            Arc::new(MemoryQueue::new(
                clock.clone(),
                Duration::from_secs(30),
                Options::default().lease,
            )),
            clock,
            Arc::new(SystemEntropy),
            Options::default(),
        );
        let stop = CancellationToken::new();
        let begun = Instant::now();
        tokio::join!(repeat(&engine, "test", &stop, std::future::pending), async {
            stop.cancel();
        });
        assert_eq!(begun.elapsed(), LAST_STEP);
    }
}
