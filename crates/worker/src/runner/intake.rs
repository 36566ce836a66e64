//! Taking jobs.

use std::time::Duration;

use scheduler_engine::Taken;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Shared;

/// From a claim that found little to the next: what comes one by one is taken together then. A worker that has waited for longer claims
/// at once.
const APART: Duration = Duration::from_millis(2);
/// Fewer than this are little: most of what such a claim costs is what any claim costs.
const FEW: usize = 64;

/// Fills the buffer until `drain`.
pub(super) async fn take(shared: &Shared, drain: &CancellationToken) {
    let room = async || {
        let room = shared.pace.room().await;
        // Nothing is taken while reports pile up.
        drop(shared.reports.acquire().await);
        shared.pulse.steady().await;
        room
    };
    while let Some(room) = drain.run_until_cancelled(room()).await {
        // What a claim cannot hold is given back, so it is better not taken.
        let limit = room.min(shared.claim_batch.max(1)).min(shared.pace.fitting());
        let taken = claim(shared, limit, drain).await;
        let little = taken.len() < limit.min(FEW);
        shared
            .pace
            .came(taken.iter().map(|taken| taken.job.spec.payload.len()));
        shared.held.insert(&taken);
        shared.buffer.put(taken);
        if little {
            drain.run_until_cancelled(sleep(APART)).await;
        }
    }
}

/// One claim; given up, with nothing taken, when the drain begins or the pulse is lost while it waits.
async fn claim(shared: &Shared, limit: usize, drain: &CancellationToken) -> Vec<Taken> {
    let enough = drain.child_token();
    let claim = shared.session.next(limit, &enough);
    tokio::pin!(claim);
    tokio::select! {
        taken = &mut claim => taken,
        () = shared.pulse.lost() => {
            enough.cancel();
            // Not dropped: it may be in the middle of taking something.
            claim.await
        }
    }
}
