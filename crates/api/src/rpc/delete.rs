//! DeleteJob.

use scheduler_proto::v1;
use scheduler_store::Deleted;

use crate::convert;
use crate::error::Error;
use crate::service::Service;

impl Service {
    /// Deletes a job that has ended.
    pub(crate) async fn delete(
        &self,
        request: &v1::DeleteJobRequest,
    ) -> Result<v1::DeleteJobResponse, Error> {
        let id = convert::job_id("job_id", &request.job_id)?;
        match self.engine.delete(id).await? {
            Deleted::Done => Ok(v1::DeleteJobResponse {}),
            Deleted::Refused(state) => Err(Error::WrongState {
                id,
                state,
                needed: "SUCCEEDED, FAILED, DEADLETTER or CANCELLED",
            }),
            Deleted::NotFound => Err(Error::NotFound(id)),
        }
    }
}
