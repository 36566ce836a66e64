//! CancelJob.

use scheduler_proto::v1;
use scheduler_store::Cancelled;

use crate::convert;
use crate::error::Error;
use crate::service::Service;

impl Service {
    /// Cancels a job; false when it had already ended. Cancelling again is not an error.
    pub(crate) async fn cancel(
        &self,
        request: &v1::CancelJobRequest,
    ) -> Result<v1::CancelJobResponse, Error> {
        let id = convert::job_id("job_id", &request.job_id)?;
        match self.engine.cancel(id).await? {
            Cancelled::Done(_) => Ok(v1::CancelJobResponse { cancelled: true }),
            Cancelled::AlreadyFinal(_) => Ok(v1::CancelJobResponse { cancelled: false }),
            Cancelled::NotFound => Err(Error::NotFound(id)),
        }
    }
}
