//! Submitting.

use scheduler_domain::{JobId, Shard};
use scheduler_proto::v1;

use super::{Client, Repeat};
use crate::{Error, JobRequest, Reply, error, reply};

/// A job was accepted: it is durable and will run at least once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    /// Its id.
    pub job_id: String,
    /// Whether it was there before, with the same body.
    pub replayed: bool,
}

impl Client {
    /// Submits a job.
    ///
    /// While the server is unavailable it is submitted again, under the same id or key, so that it is accepted once. A
    /// job without either is given an id here first, unless [`ClientOptions::generate_job_ids`](crate::ClientOptions) is
    /// off; then it is submitted only once.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Conflict`], [`Error::Busy`]: it was not accepted. [`Error::Unavailable`],
    /// [`Error::Timeout`]: it may have been; submit the same job again if it has an id or a key of yours.
    pub async fn submit(&self, job: JobRequest) -> Result<Reply<Submitted>, Error> {
        let mut jobs = [job];
        let repeat = self.make_repeatable(&mut jobs);
        let [job] = jobs;
        let request = v1::SubmitJobRequest {
            job: Some(job.into_message()),
        };
        let response = self
            .respond(repeat, request, |mut stub, request| async move {
                stub.submit_job(request).await
            })
            .await?;
        let replayed = reply::text(response.metadata(), reply::REPLAY).is_some_and(|value| value == "true");
        Ok(Reply::from(response).map(|accepted| Submitted {
            job_id: accepted.job_id,
            replayed,
        }))
    }

    /// Submits up to 1,000 jobs at once, each for itself. Says for each, in order, what became of it.
    ///
    /// Repeated like [`Client::submit`], if every job has an id or a key.
    ///
    /// # Errors
    /// When the batch as a whole failed. What was wrong with single jobs is in their results.
    pub async fn submit_batch(
        &self,
        mut jobs: Vec<JobRequest>,
    ) -> Result<Reply<Vec<Result<Submitted, Error>>>, Error> {
        let repeat = self.make_repeatable(&mut jobs);
        let jobs = jobs.into_iter().map(JobRequest::into_message).collect();
        let request = v1::BatchSubmitJobsRequest { jobs };
        let reply = self
            .unary(repeat, request, |mut stub, request| async move {
                stub.batch_submit_jobs(request).await
            })
            .await?;
        Ok(reply.map(|batch| batch.results.into_iter().map(outcome).collect()))
    }

    /// Gives ids to jobs that have neither id nor key, if it is to.
    ///
    /// The ids of one batch lie in one shard, so that the batch stays one statement in the store; batches take the shards
    /// in turn by chance.
    fn make_repeatable(&self, jobs: &mut [JobRequest]) -> Repeat {
        if self.shared.options.generate_job_ids {
            let mut random = [0; 8];
            self.shared.entropy.fill(&mut random);
            let shard = Shard::wrapping(u64::from_le_bytes(random));
            for job in jobs.iter_mut().filter(|job| !job.is_keyed()) {
                let id = self.new_id(shard);
                *job = std::mem::replace(job, JobRequest::new("")).id(id.to_string());
            }
        }
        if jobs.iter().all(JobRequest::is_keyed) {
            Repeat::Safe
        } else {
            Repeat::Never
        }
    }

    fn new_id(&self, shard: Shard) -> JobId {
        let mut random = [0; 10];
        self.shared.entropy.fill(&mut random);
        JobId::generate(self.shared.clock.now(), random, shard)
    }
}

fn outcome(result: v1::BatchSubmitResult) -> Result<Submitted, Error> {
    match result.code {
        0 => Ok(Submitted {
            job_id: result.job_id,
            replayed: result.replayed,
        }),
        _ => Err(error::of_batch(result)),
    }
}
