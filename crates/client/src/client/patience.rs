//! How often, and how long, something is tried again.

use std::sync::Arc;
use std::time::Duration;

use scheduler_domain::{Entropy, Jitter, RetryPolicy};
use tokio::time::Instant;
use tracing::debug;

use super::{Client, Repeat};
use crate::Error;

/// Waits between attempts: full jitter, so that clients that lost the same server do not come back together.
const BACKOFF: RetryPolicy = RetryPolicy {
    initial: Duration::from_millis(50),
    multiplier: 2.0,
    max_interval: Duration::from_secs(2),
    jitter: Jitter::Full,
};

/// Attempts at a server that nobody answers for: a wrong address is to be told soon.
const NOBODY_THERE: u32 = 4;

/// What is left of the attempts at one thing.
#[derive(Debug)]
pub(super) struct Patience {
    failures: u32,
    attempts: u32,
    /// Of these, how many while nobody answers at all.
    unanswered: u32,
    deadline: Instant,
    entropy: Arc<dyn Entropy>,
}

impl Patience {
    /// For a call: a few attempts, all before `deadline`.
    pub(super) fn for_call(client: &Client, repeat: Repeat, deadline: Instant) -> Self {
        let attempts = match repeat {
            Repeat::Safe => client.shared.options.attempts.max(1),
            Repeat::Never => 1,
        };
        Self {
            failures: 0,
            attempts,
            unanswered: attempts.min(NOBODY_THERE),
            deadline,
            entropy: Arc::clone(&client.shared.entropy),
        }
    }

    /// For a stream that broke: any number of attempts until `deadline`.
    pub(super) fn until(client: &Client, deadline: Instant) -> Self {
        Self {
            failures: 0,
            attempts: u32::MAX,
            unanswered: u32::MAX,
            deadline,
            entropy: Arc::clone(&client.shared.entropy),
        }
    }

    /// Whether another attempt could follow the coming one.
    pub(super) fn has_more(&self) -> bool {
        self.failures + 1 < self.attempts
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// `error` itself, when another attempt is useless or there is no time for it.
    pub(super) async fn after(&mut self, error: Error) -> Result<(), Error> {
        // A timeout has used up the time of the call; a busy server is for the caller to spare.
        if !matches!(error, Error::Unavailable { .. }) {
            return Err(error);
        }
        self.wait(error).await
    }

    /// Waits before the next attempt, whatever the error is.
    ///
    /// # Errors
    /// `error` itself, when attempts or time are used up.
    pub(super) async fn wait(&mut self, error: Error) -> Result<(), Error> {
        self.failures = self.failures.saturating_add(1);
        let most = match error.is_connection() {
            true => self.unanswered,
            false => self.attempts,
        };
        if self.failures >= most {
            return Err(error);
        }
        let backoff = BACKOFF.delay(self.failures, &*self.entropy);
        let again = Instant::now() + error.retry_after().unwrap_or_default().max(backoff);
        if again >= self.deadline {
            return Err(error);
        }
        debug!(%error, failures = self.failures, "will try again");
        tokio::time::sleep_until(again).await;
        Ok(())
    }
}
