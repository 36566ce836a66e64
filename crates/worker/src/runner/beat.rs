//! What goes on beside the attempts: renewing leases, noting long attempts, hearing of cancels.

use std::sync::Arc;
use std::time::Duration;

use scheduler_queue::Hint;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::Shared;

/// An attempt is written RUNNING, and asked about, once it has run so long.
const LAZILY: Duration = Duration::from_secs(1);

/// Renews every lease at each heartbeat.
pub(super) async fn renew(shared: Arc<Shared>, over: CancellationToken) {
    let period = shared.engine.options().heartbeat;
    while pause(period, &over).await {
        match shared.session.beat(&shared.held.leases()).await {
            Ok(lost) => lost.into_iter().for_each(|id| shared.held.lose(id)),
            Err(error) => warn!(error = &error as &dyn std::error::Error, "heartbeat not sent"),
        }
    }
}

/// Writes RUNNING for attempts that last, and learns which of them are no longer wanted.
pub(super) async fn note(shared: Arc<Shared>, over: CancellationToken) {
    while pause(LAZILY, &over).await {
        let running = shared.held.running_for(LAZILY);
        if running.is_empty() {
            continue;
        }
        match shared.session.note_running(running).await {
            Ok(lost) => lost.into_iter().for_each(|id| shared.held.lose(id)),
            Err(error) => debug!(
                error = &error as &dyn std::error::Error,
                "running attempts not noted"
            ),
        }
    }
}

/// Stops attempts as soon as their job is cancelled. [`note`] finds those whose hint was lost.
pub(super) async fn hear(shared: Arc<Shared>, over: CancellationToken) {
    let mut hints = None;
    loop {
        let Some(receiver) = hints.as_mut() else {
            match shared.session.cancellations().await {
                Ok(subscribed) => hints = Some(subscribed),
                Err(error) => {
                    debug!(
                        error = &error as &dyn std::error::Error,
                        "cancels are not heard at once"
                    );
                    if !pause(LAZILY, &over).await {
                        return;
                    }
                }
            }
            continue;
        };
        tokio::select! {
            () = over.cancelled() => return,
            hint = receiver.recv() => match hint {
                Ok(Hint::Cancelled(id)) => shared.held.lose(id),
                Ok(Hint::Changed(_)) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => hints = None,
            },
        }
    }
}

/// Sleeps; false when it is over.
async fn pause(period: Duration, over: &CancellationToken) -> bool {
    tokio::select! {
        () = over.cancelled() => false,
        () = tokio::time::sleep(period) => true,
    }
}
