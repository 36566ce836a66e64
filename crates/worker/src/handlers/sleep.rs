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
            () = job.cancelled() => Err(JobError::retry("cancelled").kind("cancelled")),
        }
    }
}
