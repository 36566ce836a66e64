//! When a failed job runs again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Entropy, Invalid, limits};

/// How the computed wait is spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Jitter {
    /// Evenly between zero and the computed wait, so that jobs which failed together do not return together.
    /// (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.)
    #[default]
    Full,
    /// The computed wait itself.
    None,
}

/// Exponential backoff with a cap.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetryPolicy {
    /// Wait after the first failure.
    pub initial: Duration,
    /// Growth per further failure, 1.0 … 100.0.
    pub multiplier: f64,
    /// No wait is longer.
    pub max_interval: Duration,
    /// How the wait is spread.
    pub jitter: Jitter,
}

impl Default for RetryPolicy {
    /// 1 s, doubling, at most 10 minutes, full jitter.
    fn default() -> Self {
        Self {
            initial: Duration::from_secs(1),
            multiplier: 2.0,
            max_interval: Duration::from_secs(600),
            jitter: Jitter::Full,
        }
    }
}

impl RetryPolicy {
    /// The wait after the failure of attempt number `attempt` (1-based). `entropy` is asked only for full jitter.
    #[must_use]
    pub fn delay(&self, attempt: u32, entropy: &dyn Entropy) -> Duration {
        let exponent = i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX);
        let cap = self.max_interval.as_secs_f64();
        let computed = (self.initial.as_secs_f64() * self.multiplier.powi(exponent)).min(cap);
        let spread = match self.jitter {
            Jitter::Full => computed * entropy.unit(),
            Jitter::None => computed,
        };
        // As a float, a very long wait may have been rounded up past the cap.
        let wait = Duration::try_from_secs_f64(spread).unwrap_or(self.max_interval);
        wait.min(self.max_interval)
    }

    /// Every way in which the policy is out of bounds, by field under `job.retry_policy`.
    #[must_use]
    pub fn violations(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        let mut check = |ok: bool, field: &str, allowed: &str| {
            if !ok {
                found.push(Invalid::new(format!("job.retry_policy.{field}"), allowed));
            }
        };
        let longest = limits::MAX_RETRY_INTERVAL;
        check(
            self.initial <= longest,
            "initial_interval",
            "must be from 0 s to 24 h",
        );
        check(
            self.max_interval <= longest,
            "max_interval",
            "must be from 0 s to 24 h",
        );
        check(
            self.initial <= self.max_interval,
            "max_interval",
            "must not be less than initial_interval",
        );
        check(
            (1.0..=100.0).contains(&self.multiplier),
            "multiplier",
            "must be from 1.0 to 100.0",
        );
        found
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::SeededEntropy;

    #[test]
    fn without_jitter_the_wait_doubles_up_to_the_cap() {
        let policy = RetryPolicy {
            jitter: Jitter::None,
            ..RetryPolicy::default()
        };
        let entropy = SeededEntropy::new(1);
        let waits: Vec<u64> = [1, 2, 3, 10, 11, 100]
            .map(|n| policy.delay(n, &entropy).as_secs())
            .to_vec();
        assert_eq!(waits, [1, 2, 4, 512, 600, 600]);
    }

    proptest! {
        #[test]
        fn no_wait_is_longer_than_the_cap(
            attempt in 0u32..=u32::MAX, seed: u64, initial in 0u64..=86_400, multiplier in 1.0f64..=100.0,
        ) {
            let policy = RetryPolicy {
                initial: Duration::from_secs(initial),
                multiplier,
                max_interval: Duration::from_secs(86_400),
                jitter: Jitter::Full,
            };
            prop_assert!(policy.delay(attempt, &SeededEntropy::new(seed)) <= policy.max_interval);
        }
    }
}
