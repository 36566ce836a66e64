//! `flaky` {"failures"}: fails on its first attempts, then succeeds.

use crate::{Handler, JobContext, JobError};

/// How many attempts fail first.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Args {
    failures: u32,
}

/// Shows retries.
#[derive(Debug, Clone, Copy)]
pub struct Flaky;

impl Handler for Flaky {
    const TYPE: &'static str = "flaky";
    type Payload = Args;
    type Output = ();

    async fn run(&self, job: JobContext, args: Args) -> Result<(), JobError> {
        if job.attempt <= args.failures {
            return Err(
                JobError::retry(format!("attempt {} of {} that fail", job.attempt, args.failures))
                    .kind("flaky"),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{Registry, testing};

    #[tokio::test]
    async fn as_many_attempts_fail_as_asked() {
        let registry = Registry::new().handler(Flaky);
        let mut failed = Vec::new();
        for attempts in 0..4 {
            let job = testing::job("flaky", attempts);
            let outcome = testing::attempt(
                &registry,
                &job,
                &json!({"failures": 2}),
                &CancellationToken::new(),
            )
            .await;
            failed.push(outcome.is_err());
        }
        assert_eq!(failed, [true, true, false, false]);
    }
}
