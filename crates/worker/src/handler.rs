//! The handler trait.

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{JobContext, JobError};

/// Runs jobs of one type.
pub trait Handler: Send + Sync + 'static {
    /// The type, as submitted.
    const TYPE: &'static str;
    /// What the job's JSON payload holds. One that does not parse fails the job for good, with serde's words.
    type Payload: DeserializeOwned + Send;
    /// What becomes the job's result, as JSON of at most 64 KiB. `()` leaves none.
    type Output: Serialize;

    /// Runs one attempt.
    fn run(
        &self,
        job: JobContext,
        payload: Self::Payload,
    ) -> impl Future<Output = Result<Self::Output, JobError>> + Send;
}
