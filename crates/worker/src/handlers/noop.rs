//! `noop` {}: the fastest possible job.

use crate::{Handler, JobContext, JobError};

/// Does nothing.
#[derive(Debug, Clone, Copy)]
pub struct Noop;

impl Handler for Noop {
    const TYPE: &'static str = "noop";
    type Payload = serde::de::IgnoredAny;
    type Output = ();

    async fn run(&self, _job: JobContext, _payload: Self::Payload) -> Result<(), JobError> {
        Ok(())
    }
}
