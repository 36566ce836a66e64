//! `sleep` {"ms"}: a job that takes its time.

use std::time::Duration;

use crate::{Handler, JobContext, JobError};

/// How long.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Args {
    ms: u64,
}

/// Sleeps, unless cancelled.
#[derive(Debug, Clone, Copy)]
pub struct Sleep;

impl Handler for Sleep {
    const TYPE: &'static str = "sleep";
    type Payload = Args;
    type Output = ();

    async fn run(&self, job: JobContext, args: Args) -> Result<(), JobError> {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(args.ms)) => Ok(()),
            () = job.cancelled() => Err(JobError::cancelled()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::time::Instant;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{Registry, testing};

    #[tokio::test(start_paused = true)]
    async fn it_sleeps_as_long_as_it_is_asked_unless_it_is_told_to_stop() {
        let registry = Registry::new().handler(Sleep);
        let begun = Instant::now();
        testing::first_attempt(&registry, "sleep", &json!({"ms": 1_500}))
            .await
            .unwrap();
        assert_eq!(begun.elapsed(), Duration::from_millis(1_500));

        let asked = CancellationToken::new();
        asked.cancel();
        let stopped = testing::attempt(
            &registry,
            &testing::job("sleep", 0),
            &json!({"ms": 60_000}),
            &asked,
        )
        .await;
        assert_eq!(stopped.unwrap_err().kind, "cancelled");
        assert_eq!(begun.elapsed(), Duration::from_millis(1_500));
    }
}
