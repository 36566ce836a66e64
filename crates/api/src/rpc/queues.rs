//! ListQueues.

use scheduler_proto::v1;

use crate::convert;
use crate::error::Error;
use crate::service::Service;

impl Service {
    /// What waits and what runs.
    pub(crate) async fn queues(&self) -> Result<v1::ListQueuesResponse, Error> {
        Ok(convert::queues(self.engine.overview().await?))
    }
}
