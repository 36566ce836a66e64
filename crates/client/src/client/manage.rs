//! Changing what becomes of a job.
//!
//! None of these is repeated: the second answer would tell of the first call's effect (a job that is deleted already is
//! not found), and the caller could not tell it from somebody else's.

use scheduler_proto::v1;

use super::{Client, Repeat};
use crate::{Error, Reply};

impl Client {
    /// Cancels a job. `false` when it had reached a final state already.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such job.
    pub async fn cancel(&self, job_id: &str) -> Result<Reply<bool>, Error> {
        let request = v1::CancelJobRequest {
            job_id: job_id.to_owned(),
        };
        let reply = self
            .unary(Repeat::Never, request, |mut stub, request| async move {
                stub.cancel_job(request).await
            })
            .await?;
        Ok(reply.map(|answer| answer.cancelled))
    }

    /// Reopens a FAILED or DEADLETTER job: queued again, with all its attempts. The job as it stands now.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such job, [`Error::Precondition`] when it is in another state.
    pub async fn retry(&self, job_id: &str) -> Result<Reply<v1::JobStatus>, Error> {
        let request = v1::RetryJobRequest {
            job_id: job_id.to_owned(),
        };
        let reply = self
            .unary(Repeat::Never, request, |mut stub, request| async move {
                stub.retry_job(request).await
            })
            .await?;
        Ok(reply.map(|answer| answer.job.unwrap_or_default()))
    }

    /// Deletes a job in a final state, with its history.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such job, [`Error::Precondition`] when it is not in a final state.
    pub async fn delete(&self, job_id: &str) -> Result<Reply<()>, Error> {
        let request = v1::DeleteJobRequest {
            job_id: job_id.to_owned(),
        };
        let reply = self
            .unary(Repeat::Never, request, |mut stub, request| async move {
                stub.delete_job(request).await
            })
            .await?;
        Ok(reply.map(|_| ()))
    }
}
