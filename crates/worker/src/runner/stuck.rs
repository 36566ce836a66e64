//! Handlers that block their thread: no timeout ends them, and while their worker lives their leases would too.
//!
//! One that goes on a lease after it should have ended is given up: its job is handed out again, charged as if the worker had
//! vanished, because it may do the same to whoever runs it next. Its slot is lost until it ends after all. When no thread is left to
//! do even that, the heartbeats, which have their own, end after a while.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use super::Shared;

/// Time between two looks.
const PERIOD: Duration = Duration::from_millis(500);
/// Leases that a runtime may stand still for, before heartbeats say no more that it lives.
const STANDSTILL: u32 = 8;

/// When the runtime was seen to turn last.
pub(super) struct Turned(Mutex<Instant>);

impl Default for Turned {
    fn default() -> Self {
        Self(Mutex::new(Instant::now()))
    }
}

impl Turned {
    fn turn(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Whether it has stood still for so long that it is not to be waited for.
    pub(super) fn stands_still(&self, lease: Duration) -> bool {
        let turned = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turned.elapsed() > lease * STANDSTILL
    }
}

/// Looks again and again until `over`.
pub(super) async fn give_up(shared: Arc<Shared>, over: CancellationToken) {
    over.run_until_cancelled(look(&shared)).await;
    shared.meters.stuck(0);
}

async fn look(shared: &Shared) {
    let lease = shared.engine.options().lease;
    // What could not be handed out again so far.
    let mut given_up = Vec::new();
    loop {
        let before = Instant::now();
        sleep(PERIOD).await;
        shared.turned.turn();
        // After a standstill of everything, attempts get a chance to notice that their time is up.
        if before.elapsed() > PERIOD * 4 {
            continue;
        }
        for lost in shared.held.give_up(lease, shared.session.worker()) {
            error!(
                job.id = %lost.id,
                epoch = %lost.epoch,
                "a handler neither ends nor can be stopped, so it blocks its thread: its job is given up, and its slot lost until \
                 it ends after all"
            );
            given_up.push(lost);
        }
        shared.meters.stuck(shared.held.stuck());
        if given_up.is_empty() {
            continue;
        }
        // Bounded, or nobody would see that the runtime turns.
        match timeout(lease, shared.session.give_up(&given_up)).await {
            Ok(Ok(())) => given_up.clear(),
            Ok(Err(error)) => warn!(
                error = &error as &dyn std::error::Error,
                "not handed out again, trying again"
            ),
            Err(_) => warn!("not handed out again in time, trying again"),
        }
    }
}
