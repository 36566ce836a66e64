//! Looking.

use scheduler_proto::v1;

use super::{Client, Repeat};
use crate::{Error, Reply};

impl Client {
    /// A job as it stands.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such job.
    pub async fn get(&self, job_id: &str) -> Result<Reply<v1::JobStatus>, Error> {
        let request = v1::GetJobRequest {
            job_id: job_id.to_owned(),
        };
        self.unary(Repeat::Safe, request, |mut stub, request| async move {
            stub.get_job(request).await
        })
        .await
    }

    /// A job's attempts, oldest first.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such job.
    pub async fn attempts(&self, job_id: &str) -> Result<Reply<Vec<v1::JobAttempt>>, Error> {
        let request = v1::ListJobAttemptsRequest {
            job_id: job_id.to_owned(),
        };
        let reply = self
            .unary(Repeat::Safe, request, |mut stub, request| async move {
                stub.list_job_attempts(request).await
            })
            .await?;
        Ok(reply.map(|list| list.attempts))
    }

    /// The queues, what waits in them, and how many workers there are.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the server cannot reach its queue.
    pub async fn queues(&self) -> Result<Reply<v1::ListQueuesResponse>, Error> {
        let request = v1::ListQueuesRequest {};
        self.unary(Repeat::Safe, request, |mut stub, request| async move {
            stub.list_queues(request).await
        })
        .await
    }

    /// How much waits, runs, comes and goes, and how many workers that takes.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the server cannot reach its queue.
    pub async fn queue_stats(
        &self,
        request: v1::GetQueueStatsRequest,
    ) -> Result<Reply<v1::GetQueueStatsResponse>, Error> {
        self.unary(Repeat::Safe, request, |mut stub, request| async move {
            stub.get_queue_stats(request).await
        })
        .await
    }
}
