//! `always_fail` {"message"}: fails on every attempt.

use crate::{Handler, JobContext, JobError};

/// What to say.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Args {
    #[serde(default)]
    message: Option<String>,
}

/// Shows dead letters.
#[derive(Debug, Clone, Copy)]
pub struct AlwaysFail;

impl Handler for AlwaysFail {
    const TYPE: &'static str = "always_fail";
    type Payload = Args;
    type Output = ();

    async fn run(&self, _job: JobContext, args: Args) -> Result<(), JobError> {
        Err(
            JobError::retry(args.message.unwrap_or_else(|| "failed, as asked".to_owned()))
                .kind("always_fail"),
        )
    }
}
