//! Whether this worker's leases are alive, as far as it can know.
//!
//! Intake and heartbeat share fate: a worker whose heartbeats do not arrive must not take more work, because it cannot keep it.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Until when the leases live.
pub(super) struct Pulse {
    lease: Duration,
    until: watch::Sender<Instant>,
}

impl Pulse {
    /// A first claim counts as a heartbeat, so the worker begins alive.
    pub(super) fn new(lease: Duration) -> Self {
        Self {
            lease,
            until: watch::channel(Instant::now() + lease).0,
        }
    }

    /// A heartbeat that was sent at `sent` has arrived.
    pub(super) fn beat(&self, sent: Instant) {
        self.until.send_replace(sent + self.lease);
    }

    pub(super) fn is_steady(&self) -> bool {
        Instant::now() < *self.until.borrow()
    }

    /// Waits until the leases are alive; at once if they are.
    pub(super) async fn steady(&self) {
        if self.is_steady() {
            return;
        }
        // The sender is in `self`, so the wait cannot fail.
        let _ = self
            .until
            .subscribe()
            .wait_for(|until| Instant::now() < *until)
            .await;
    }

    /// Waits until no heartbeat has arrived for the length of a lease.
    pub(super) async fn lost(&self) {
        let mut until = self.until.subscribe();
        loop {
            let end = *until.borrow_and_update();
            tokio::select! {
                () = sleep_until(end) => return,
                _ = until.changed() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(15);

    #[tokio::test(start_paused = true)]
    async fn without_heartbeats_it_is_lost_after_a_lease_and_the_next_one_restores_it() {
        let (pulse, begun) = (Pulse::new(LEASE), Instant::now());
        pulse.steady().await;
        pulse.lost().await;
        assert_eq!(begun.elapsed(), LEASE);
        let restored = async {
            tokio::time::sleep(Duration::from_secs(60)).await;
            pulse.beat(Instant::now());
        };
        tokio::join!(pulse.steady(), restored);
        assert_eq!(begun.elapsed(), LEASE + Duration::from_secs(60));
    }

    #[tokio::test(start_paused = true)]
    async fn a_beat_counts_from_when_it_was_sent() {
        let (pulse, begun) = (Pulse::new(LEASE), Instant::now());
        tokio::time::sleep(Duration::from_secs(10)).await;
        pulse.beat(begun + Duration::from_secs(5));
        pulse.lost().await;
        assert_eq!(begun.elapsed(), LEASE + Duration::from_secs(5));
    }
}
