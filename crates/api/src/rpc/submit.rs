//! SubmitJob and BatchSubmitJobs.

use scheduler_domain::{Invalid, JobId, Priority, limits};
use scheduler_engine::{Answer, Submission};
use scheduler_proto::v1;
use scheduler_store::Submitted;
use tonic::Response;

use crate::convert;
use crate::error::{Error, Shown};
use crate::metrics;
use crate::service::Service;

/// Header that marks a submit which found the job already there.
const REPLAY: &str = "x-idempotent-replay";

impl Service {
    /// Accepts one job.
    pub(crate) async fn submit(
        &self,
        request: v1::SubmitJobRequest,
        trace: Option<String>,
    ) -> Result<Response<v1::SubmitJobResponse>, Error> {
        let submission =
            convert::submission(request.job, self.engine.clock().now(), trace).map_err(|faults| {
                metrics::refused("validation");
                Error::Invalid(faults)
            })?;
        let priority = submission.spec.priority;
        let submitted = self
            .engine
            .submit(vec![submission])
            .await
            .inspect_err(metrics::submit_failed)?;
        let (id, replayed) = submitted
            .into_iter()
            .next()
            .map_or(Err(Error::Engine(scheduler_engine::Error::Stopped)), accepted)?;
        if !replayed {
            metrics::submitted(priority);
        }
        let mut response = Response::new(v1::SubmitJobResponse {
            job_id: id.to_string(),
        });
        if replayed {
            response
                .metadata_mut()
                .insert(REPLAY, tonic::metadata::MetadataValue::from_static("true"));
        }
        Ok(response)
    }

    /// Accepts several jobs, each for itself.
    pub(crate) async fn submit_batch(
        &self,
        request: v1::BatchSubmitJobsRequest,
        trace: Option<String>,
    ) -> Result<v1::BatchSubmitJobsResponse, Error> {
        if !(1..=limits::MAX_BATCH).contains(&request.jobs.len()) {
            return Err(Invalid::new("jobs", "must be 1 to 1,000 jobs").into());
        }
        let now = self.engine.clock().now();
        let mut valid: Vec<Submission> = Vec::with_capacity(request.jobs.len());
        let mut checked: Vec<Result<Priority, Error>> = Vec::with_capacity(request.jobs.len());
        for job in request.jobs {
            let submission = convert::submission(Some(job), now, trace.clone()).map_err(Error::Invalid);
            checked.push(submission.map(|submission| {
                let priority = submission.spec.priority;
                valid.push(submission);
                priority
            }));
        }
        let submitted = if valid.is_empty() {
            Vec::new()
        } else {
            self.engine
                .submit(valid)
                .await
                .inspect_err(metrics::submit_failed)?
        };
        let mut submitted = submitted.into_iter();
        let results = checked
            .into_iter()
            .map(|item| {
                let outcome = match item {
                    Err(invalid) => {
                        metrics::refused("validation");
                        Err(invalid)
                    }
                    Ok(priority) => match submitted.next() {
                        Some(submitted) => accepted(submitted).inspect(|(_, replayed)| {
                            if !replayed {
                                metrics::submitted(priority);
                            }
                        }),
                        None => Err(Error::Engine(scheduler_engine::Error::Stopped)),
                    },
                };
                result(outcome)
            })
            .collect();
        Ok(v1::BatchSubmitJobsResponse { results })
    }
}

/// The job's id, and whether it was there before.
fn accepted(outcome: Answer) -> Result<(JobId, bool), Error> {
    match outcome.map_err(scheduler_engine::Error::Batch) {
        Err(refused) => {
            metrics::submit_failed(&refused);
            Err(Error::Engine(refused))
        }
        Ok(Submitted::Created(job)) => Ok((job.id, false)),
        Ok(Submitted::Existing(job)) => Ok((job.id, true)),
        Ok(Submitted::Conflict { existing, fields }) => {
            metrics::refused("conflict");
            Err(Error::Conflict {
                existing: existing.id,
                fields,
            })
        }
    }
}

fn result(outcome: Result<(JobId, bool), Error>) -> v1::BatchSubmitResult {
    match outcome {
        Ok((id, replayed)) => v1::BatchSubmitResult {
            job_id: id.to_string(),
            replayed,
            ..v1::BatchSubmitResult::default()
        },
        Err(error) => {
            // As ResourceInfo would say it.
            let existing = match &error {
                Error::Conflict { existing, .. } => existing.to_string(),
                _ => String::new(),
            };
            let Shown {
                code,
                reason,
                message,
                fields,
                ..
            } = error.show();
            v1::BatchSubmitResult {
                job_id: existing,
                code: code as i32,
                message,
                reason: reason.to_owned(),
                fields,
                ..Default::default()
            }
        }
    }
}
