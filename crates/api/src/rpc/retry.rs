//! RetryJob.

use scheduler_proto::v1;
use scheduler_store::Redriven;

use crate::convert;
use crate::error::Error;
use crate::service::Service;

impl Service {
    /// Reopens a failed job.
    pub(crate) async fn retry(&self, request: &v1::RetryJobRequest) -> Result<v1::RetryJobResponse, Error> {
        let id = convert::job_id("job_id", &request.job_id)?;
        match self.engine.redrive(id).await? {
            Redriven::Done(job) => Ok(v1::RetryJobResponse {
                job: Some(convert::status(job)),
            }),
            Redriven::Refused(job) => Err(Error::WrongState {
                id,
                state: job.state,
                needed: "FAILED or DEADLETTER",
            }),
            Redriven::NotFound => Err(Error::NotFound(id)),
        }
    }
}
