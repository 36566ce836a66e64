//! Waiting between tries while something is down.

use std::time::Duration;

use scheduler_domain::{Entropy, Jitter, RetryPolicy};

const POLICY: RetryPolicy = RetryPolicy {
    initial: Duration::from_millis(50),
    multiplier: 2.0,
    max_interval: Duration::from_secs(2),
    jitter: Jitter::Full,
};

/// Counts failures in a row and waits longer after each, with full jitter: 50 ms … 2 s.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// It worked. Returns whether it had failed before.
    pub(crate) fn reset(&mut self) -> bool {
        std::mem::take(&mut self.failures) > 0
    }

    /// It failed once more: how long to wait.
    pub(crate) fn next(&mut self, entropy: &dyn Entropy) -> Duration {
        self.failures = self.failures.saturating_add(1);
        POLICY.delay(self.failures, entropy) + Duration::from_millis(5)
    }

    /// Whether this is the first failure in a row: the one to log.
    pub(crate) fn is_first(&self) -> bool {
        self.failures == 0
    }
}
