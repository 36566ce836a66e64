//! ListJobAttempts.

use scheduler_proto::v1;

use crate::convert;
use crate::error::Error;
use crate::service::Service;

impl Service {
    /// A job's attempts, oldest first.
    pub(crate) async fn attempts(
        &self,
        request: &v1::ListJobAttemptsRequest,
    ) -> Result<v1::ListJobAttemptsResponse, Error> {
        let id = convert::job_id("job_id", &request.job_id)?;
        let attempts = self.engine.attempts(id).await?.ok_or(Error::NotFound(id))?;
        Ok(v1::ListJobAttemptsResponse {
            attempts: attempts.into_iter().map(convert::attempt).collect(),
        })
    }
}
