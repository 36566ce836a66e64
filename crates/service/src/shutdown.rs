//! Stopping in good order.
//!
//! The first signal begins the drain: no new work, running work may finish. The second, or the end of the time allowed,
//! aborts: running work is cut off and handed back. Whoever needs to do something in either case waits on a token.

mod signals;
mod tasks;

use std::time::Duration;

use tokio_util::sync::CancellationToken;

pub use tasks::{Ended, Tasks};

/// The two stages of stopping. Clones are the same.
#[derive(Debug, Clone)]
pub struct Shutdown {
    drain: CancellationToken,
    abort: CancellationToken,
    timeout: Duration,
}

/// When a part of a process is to stop.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Take no more, finish what runs.
    pub drain: CancellationToken,
    /// End now. Without a drain before it, it does nothing.
    pub abort: CancellationToken,
}

impl Shutdown {
    /// Nothing is stopping yet. Once a drain has begun, [`Shutdown::listen`] aborts it after `timeout`.
    #[must_use]
    pub fn new(timeout: Duration) -> Self {
        let abort = CancellationToken::new();
        // A child: what waits for the drain is woken by an abort too, and no abort comes without a drain.
        Self {
            drain: abort.child_token(),
            abort,
            timeout,
        }
    }

    /// Cancelled when the drain begins: take no more work, finish what runs.
    #[must_use]
    pub fn drain_token(&self) -> CancellationToken {
        self.drain.clone()
    }

    /// Cancelled when time is up: hand back what runs.
    #[must_use]
    pub fn abort_token(&self) -> CancellationToken {
        self.abort.clone()
    }

    /// Both tokens, for a part of the process.
    #[must_use]
    pub fn stop(&self) -> Stop {
        Stop {
            drain: self.drain_token(),
            abort: self.abort_token(),
        }
    }

    /// Whether the drain has begun.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.drain.is_cancelled()
    }

    /// Whether everything is to stop at once.
    #[must_use]
    pub fn is_aborting(&self) -> bool {
        self.abort.is_cancelled()
    }

    /// Begins the drain, if it has not begun. `reason` is logged.
    pub fn drain(&self, reason: &str) {
        if !self.is_draining() {
            tracing::info!(reason, timeout_seconds = self.timeout.as_secs_f64(), "draining");
            self.drain.cancel();
        }
    }

    /// Aborts, draining first if need be. `reason` is logged.
    pub fn abort(&self, reason: &str) {
        if !self.is_aborting() {
            tracing::warn!(reason, "aborting");
            self.abort.cancel();
        }
    }

    /// Drains at the first SIGTERM or SIGINT, aborts at the second, and aborts a drain that takes too long. Call it once,
    /// within the runtime.
    ///
    /// # Errors
    /// When the signal handlers cannot be installed.
    pub fn listen(&self) -> std::io::Result<()> {
        let signals = signals::Signals::new()?;
        tokio::spawn(signals.steer(self.clone()));
        tokio::spawn(self.clone().deadline());
        Ok(())
    }

    async fn deadline(self) {
        self.drain.cancelled().await;
        if self
            .abort
            .run_until_cancelled(tokio::time::sleep(self.timeout))
            .await
            .is_some()
        {
            self.abort("the time allowed for stopping is over");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(25);

    #[test]
    fn a_drain_does_not_abort_and_an_abort_drains() {
        let shutdown = Shutdown::new(TIMEOUT);
        shutdown.drain("test");
        assert!(shutdown.is_draining() && !shutdown.is_aborting());
        let shutdown = Shutdown::new(TIMEOUT);
        shutdown.abort("test");
        assert!(shutdown.is_draining() && shutdown.is_aborting());
    }

    #[tokio::test(start_paused = true)]
    async fn a_drain_that_takes_too_long_is_aborted() {
        let shutdown = Shutdown::new(TIMEOUT);
        tokio::spawn(shutdown.clone().deadline());
        tokio::time::sleep(TIMEOUT * 2).await;
        assert!(!shutdown.is_aborting(), "time runs from the drain");
        let begun = tokio::time::Instant::now();
        shutdown.drain("test");
        shutdown.abort_token().cancelled().await;
        assert_eq!(begun.elapsed(), TIMEOUT);
    }
}
