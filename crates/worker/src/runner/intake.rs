//! Taking jobs.

use scheduler_engine::Taken;
use tokio_util::sync::CancellationToken;

use super::Shared;

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
        shared
            .pace
            .came(taken.iter().map(|taken| taken.job.spec.payload.len()));
        shared.held.insert(&taken);
        shared.buffer.put(taken);
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
