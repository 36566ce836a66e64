//! GetJob.

use scheduler_proto::v1;

use crate::convert;
use crate::error::Error;
use crate::service::Service;

impl Service {
    /// A job as it stands.
    pub(crate) async fn get(&self, request: &v1::GetJobRequest) -> Result<v1::JobStatus, Error> {
        let id = convert::job_id("job_id", &request.job_id)?;
        let job = self.engine.get(id).await?.ok_or(Error::NotFound(id))?;
        Ok(convert::status(job))
    }
}
