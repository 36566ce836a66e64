//! When failed attempts are repeated.

use std::time::Duration;

use scheduler_client::{Jitter, RetryPolicy};

use crate::parse;

/// When failed attempts are repeated. What is not given is the server's default.
#[derive(Debug, Default, clap::Args)]
#[command(next_help_heading = "Retry policy")]
pub(crate) struct Retry {
    /// Wait after the first failure [default: 1s].
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    retry_initial: Option<Duration>,
    /// No wait is longer [default: 10m].
    #[arg(long, value_name = "DURATION", value_parser = parse::duration)]
    retry_max: Option<Duration>,
    /// Growth of the wait per failure [default: 2.0].
    #[arg(long, value_name = "FACTOR")]
    retry_multiplier: Option<f64>,
    /// Wait exactly that long, instead of a random part of it.
    #[arg(long)]
    no_jitter: bool,
}

impl Retry {
    /// The policy, when anything of it was given.
    pub(super) fn policy(&self) -> Option<RetryPolicy> {
        let given = self.retry_initial.is_some()
            || self.retry_max.is_some()
            || self.retry_multiplier.is_some()
            || self.no_jitter;
        let default = RetryPolicy::default();
        let initial = self.retry_initial.unwrap_or(default.initial);
        given.then(|| RetryPolicy {
            initial,
            multiplier: self.retry_multiplier.unwrap_or(default.multiplier),
            // A first wait longer than the usual cap lifts the cap, as it does in the server.
            max_interval: self.retry_max.unwrap_or(default.max_interval.max(initial)),
            jitter: if self.no_jitter {
                Jitter::None
            } else {
                Jitter::Full
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_given_leaves_it_to_the_server() {
        assert_eq!(Retry::default().policy(), None);
    }

    #[test]
    fn the_rest_is_the_default() {
        let given = Retry {
            no_jitter: true,
            ..Retry::default()
        };
        assert_eq!(
            given.policy(),
            Some(RetryPolicy {
                jitter: Jitter::None,
                ..RetryPolicy::default()
            })
        );
        let long = Duration::from_secs(3_600);
        let given = Retry {
            retry_initial: Some(long),
            ..Retry::default()
        };
        assert_eq!(
            given.policy().map(|policy| (policy.initial, policy.max_interval)),
            Some((long, long))
        );
    }
}
