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
