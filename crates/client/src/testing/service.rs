//! The fake's calls.

use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, stream};
use scheduler_domain::State;
use scheduler_proto::v1;
use scheduler_proto::v1::scheduler_service_server::SchedulerService;
use tonic::metadata::MetadataValue;
use tonic::{Request, Response, Status};

use super::answer::{batch_result, list, next_event, queues, stats, submit};
use super::world::{Inside, World};
use super::{Rpc, SERVED_BY, refusal};
use crate::reply;

pub(super) struct Service(pub(super) Arc<World>);

impl Service {
    /// Counts the call, fails it if that was ordered, and carries it out.
    fn serve<Q, A>(
        &self,
        rpc: Rpc,
        request: Request<Q>,
        work: impl FnOnce(&mut Inside, Q) -> Result<A, Status>,
    ) -> Result<Response<A>, Status> {
        self.0.with(|inside| {
            inside.calls.push(rpc);
            inside.peers.extend(request.remote_addr());
            let fault = inside
                .faults
                .iter()
                .position(|fault| fault.rpc == rpc)
                .map(|at| inside.faults.remove(at));
            match fault {
                Some(fault) if !fault.done => return Err(fault.status),
                Some(fault) => return work(inside, request.into_inner()).and(Err(fault.status)),
                None => {}
            }
            let mut response = Response::new(work(inside, request.into_inner())?);
            let headers = response.metadata_mut();
            headers.insert("x-served-by", MetadataValue::from_static(SERVED_BY));
            headers.insert(reply::REQUEST_ID, MetadataValue::from_static("fake-request"));
            Ok(response)
        })
    }
}

#[tonic::async_trait]
impl SchedulerService for Service {
    async fn submit_job(
        &self,
        r: Request<v1::SubmitJobRequest>,
    ) -> Result<Response<v1::SubmitJobResponse>, Status> {
        let mut replay = false;
        let mut response = self.serve(Rpc::Submit, r, |inside, request| {
            let (job_id, replayed) = submit(inside, request.job.unwrap_or_default())?;
            replay = replayed;
            Ok(v1::SubmitJobResponse { job_id })
        })?;
        if replay {
            response
                .metadata_mut()
                .insert(reply::REPLAY, MetadataValue::from_static("true"));
        }
        Ok(response)
    }

    async fn batch_submit_jobs(
        &self,
        r: Request<v1::BatchSubmitJobsRequest>,
    ) -> Result<Response<v1::BatchSubmitJobsResponse>, Status> {
        self.serve(Rpc::SubmitBatch, r, |inside, request| {
            let results = request
                .jobs
                .into_iter()
                .map(|job| batch_result(inside, job))
                .collect();
            Ok(v1::BatchSubmitJobsResponse { results })
        })
    }

    async fn get_job(&self, r: Request<v1::GetJobRequest>) -> Result<Response<v1::JobStatus>, Status> {
        self.serve(Rpc::Get, r, |inside, request| {
            let record = inside
                .find(&request.job_id)
                .ok_or_else(|| refusal::not_found(&request.job_id))?;
            Ok(record.status.clone())
        })
    }

    type WatchJobStream = Pin<Box<dyn Stream<Item = Result<v1::JobEvent, Status>> + Send>>;

    async fn watch_job(
        &self,
        r: Request<v1::WatchJobRequest>,
    ) -> Result<Response<Self::WatchJobStream>, Status> {
        let world = Arc::clone(&self.0);
        self.serve(Rpc::Watch, r, |inside, request| {
            inside.watched_from.push(request.after_sequence);
            let job_id = request.job_id;
            inside.find(&job_id).ok_or_else(|| refusal::not_found(&job_id))?;
            let left = inside.breaks.pop_front();
            let events = stream::unfold(Some((request.after_sequence, left)), move |place| {
                let (world, job_id) = (Arc::clone(&world), job_id.clone());
                async move {
                    let (after, left) = place?;
                    if left == Some(0) {
                        return Some((Err(Status::unavailable("the stream broke")), None));
                    }
                    let event = next_event(world, job_id, after).await?;
                    let next = (event.sequence, left.map(|left| left - 1));
                    Some((Ok(event), Some(next)))
                }
            });
            Ok(Box::pin(events) as Self::WatchJobStream)
        })
    }

    async fn cancel_job(
        &self,
        r: Request<v1::CancelJobRequest>,
    ) -> Result<Response<v1::CancelJobResponse>, Status> {
        self.serve(Rpc::Cancel, r, |inside, request| {
            let record = inside
                .find(&request.job_id)
                .ok_or_else(|| refusal::not_found(&request.job_id))?;
            let cancelled = !record.state().is_some_and(State::is_final);
            if cancelled {
                record.push(State::Cancelled);
            }
            Ok(v1::CancelJobResponse { cancelled })
        })
    }

    async fn list_jobs(
        &self,
        r: Request<v1::ListJobsRequest>,
    ) -> Result<Response<v1::ListJobsResponse>, Status> {
        self.serve(Rpc::List, r, |inside, request| list(inside, &request))
    }

    async fn retry_job(
        &self,
        r: Request<v1::RetryJobRequest>,
    ) -> Result<Response<v1::RetryJobResponse>, Status> {
        self.serve(Rpc::Retry, r, |inside, request| {
            let id = &request.job_id;
            let record = inside.find(id).ok_or_else(|| refusal::not_found(id))?;
            match record.state() {
                Some(State::Failed | State::DeadLetter) => record.push(State::Queued),
                state => {
                    let state = state.map_or("UNKNOWN", State::name);
                    return Err(refusal::wrong_state(id, state, "FAILED or DEADLETTER"));
                }
            }
            Ok(v1::RetryJobResponse {
                job: Some(record.status.clone()),
            })
        })
    }

    async fn delete_job(
        &self,
        r: Request<v1::DeleteJobRequest>,
    ) -> Result<Response<v1::DeleteJobResponse>, Status> {
        self.serve(Rpc::Delete, r, |inside, request| {
            let id = &request.job_id;
            let state = inside.find(id).ok_or_else(|| refusal::not_found(id))?.state();
            if !state.is_some_and(State::is_final) {
                return Err(refusal::wrong_state(
                    id,
                    state.map_or("UNKNOWN", State::name),
                    "in a final state",
                ));
            }
            inside.records.retain(|record| record.status.job_id != *id);
            Ok(v1::DeleteJobResponse {})
        })
    }

    async fn list_job_attempts(
        &self,
        r: Request<v1::ListJobAttemptsRequest>,
    ) -> Result<Response<v1::ListJobAttemptsResponse>, Status> {
        self.serve(Rpc::Attempts, r, |inside, request| {
            let record = inside
                .find(&request.job_id)
                .ok_or_else(|| refusal::not_found(&request.job_id))?;
            Ok(v1::ListJobAttemptsResponse {
                attempts: record.attempts.clone(),
            })
        })
    }

    async fn list_queues(
        &self,
        r: Request<v1::ListQueuesRequest>,
    ) -> Result<Response<v1::ListQueuesResponse>, Status> {
        self.serve(Rpc::Queues, r, |inside, _| Ok(queues(inside)))
    }

    async fn get_queue_stats(
        &self,
        r: Request<v1::GetQueueStatsRequest>,
    ) -> Result<Response<v1::GetQueueStatsResponse>, Status> {
        self.serve(Rpc::Stats, r, |inside, _| Ok(stats(inside)))
    }
}
