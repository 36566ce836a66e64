//! Renews every lease, at each heartbeat.

use std::sync::Arc;

use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::Shared;

/// Beats until `over`; one that is on its way then is given up.
pub(super) async fn renew(shared: Arc<Shared>, over: CancellationToken) {
    over.run_until_cancelled(beat(&shared)).await;
}

async fn beat(shared: &Shared) {
    let options = shared.engine.options();
    let mut ticks = interval(options.heartbeat);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        ticks.tick().await;
        let sent = Instant::now();
        let held = shared.held.leases(shared.session.worker());
        // Bounded, so that a call that hangs does not end the heartbeats for ever.
        let answer = match timeout(options.lease, shared.session.beat(&held)).await {
            Ok(Ok(lost)) => Ok(lost),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("no answer for the length of a lease".to_owned()),
        };
        match answer {
            Ok(lost) => {
                // First what is lost, for the pulse lets buffered jobs begin.
                shared.held.unwanted(&lost);
                shared.pulse.beat(sent);
                if std::mem::take(&mut failing) {
                    info!(held = held.len(), lost = lost.len(), "heartbeats arrive again");
                }
            }
            Err(error) if !failing => {
                failing = true;
                warn!(error, held = held.len(), "heartbeat not sent, trying again");
            }
            Err(_) => {}
        }
    }
}
