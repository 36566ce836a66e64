//! Looks after the buffer: what waits there too long goes back to the queue, for others to take.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::Shared;

/// Time between two looks.
const PERIOD: Duration = Duration::from_millis(100);
/// A slot that is busy with one job for so long is not one that the buffer can count on.
const SLOW: Duration = Duration::from_millis(100);
/// Longest wait in the buffer. Ten times what it is sized for, so it takes a turn from short jobs to long ones.
const PATIENCE: Duration = Duration::from_millis(500);

/// Looks again and again until `over`.
pub(super) async fn tend(shared: Arc<Shared>, over: CancellationToken) {
    while over
        .run_until_cancelled(tokio::time::sleep(PERIOD))
        .await
        .is_some()
    {
        let (busy, slow) = shared.held.running(SLOW);
        shared
            .busy
            .send_if_modified(|before| std::mem::replace(before, busy) != busy);
        shared.pace.slow(slow);
        shared
            .meters
            .occupied(shared.pool_size, busy, shared.buffer.len());
        give_back(&shared).await;
    }
    shared.meters.occupied(0, 0, 0);
}

async fn give_back(shared: &Shared) {
    // Without a pulse it could not be given back, and will be looked at again when there is one.
    if !shared.pulse.is_steady() {
        return;
    }
    let overdue = shared.buffer.overdue(PATIENCE);
    if overdue.is_empty() {
        return;
    }
    debug!(jobs = overdue.len(), "given back, for they cannot start soon");
    for entry in &overdue {
        shared.held.forget(entry.id, entry.epoch);
    }
    shared.pace.went(overdue.len());
    shared.meters.released(overdue.len());
    shared.session.release(overdue).await;
}
