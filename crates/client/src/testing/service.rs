//! The fake's calls.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, stream};
use scheduler_domain::State;
use scheduler_proto::v1;
use scheduler_proto::v1::scheduler_service_server::SchedulerService;
use tonic::metadata::MetadataValue;
use tonic::{Request, Response, Status};

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

/// The job's id, and whether it was there before.
fn submit(inside: &mut Inside, job: v1::Job) -> Result<(String, bool), Status> {
    if job.r#type.is_empty() {
        return Err(refusal::invalid(
            "job.type",
            "must be 1-128 of ASCII letters, digits and . _ - : /",
        ));
    }
    let same_id = |known: &v1::Job| !job.job_id.is_empty() && known.job_id == job.job_id;
    let same_key =
        |known: &v1::Job| !job.idempotency_key.is_empty() && known.idempotency_key == job.idempotency_key;
    if let Some(known) = inside
        .records
        .iter()
        .map(|r| &r.job)
        .find(|known| same_id(known) || same_key(known))
    {
        if known.payload_json != job.payload_json || known.r#type != job.r#type {
            return Err(refusal::conflict(&known.job_id, "type, payload_json"));
        }
        return Ok((known.job_id.clone(), true));
    }
    let life = inside.life.clone();
    Ok((inside.insert(job, &life), false))
}

fn batch_result(inside: &mut Inside, job: v1::Job) -> v1::BatchSubmitResult {
    match submit(inside, job) {
        Ok((job_id, replayed)) => v1::BatchSubmitResult {
            job_id,
            replayed,
            ..Default::default()
        },
        Err(status) => v1::BatchSubmitResult {
            code: status.code().into(),
            message: status.message().to_owned(),
            reason: "REFUSED".to_owned(),
            fields: vec!["job.type".to_owned()],
            ..Default::default()
        },
    }
}

fn list(inside: &Inside, query: &v1::ListJobsRequest) -> Result<v1::ListJobsResponse, Status> {
    let skip: usize = match query.page_token.as_str() {
        "" => 0,
        token => token
            .parse()
            .map_err(|_| refusal::invalid("page_token", "must be the next_page_token of a page"))?,
    };
    let size = usize::try_from(query.page_size).unwrap_or_default();
    let size = if size == 0 { 50 } else { size };
    let matches = |job: &&v1::JobStatus| {
        (query.state_filter == 0 || job.state == query.state_filter)
            && (query.priority_filter == 0 || job.priority == query.priority_filter)
            && (query.type_filter.is_empty() || job.r#type == query.type_filter)
            && (query.queue_filter.is_empty() || job.queue == query.queue_filter)
    };
    let all: Vec<&v1::JobStatus> = inside
        .records
        .iter()
        .rev()
        .map(|r| &r.status)
        .filter(matches)
        .collect();
    let jobs = all
        .iter()
        .skip(skip)
        .take(size)
        .map(|job| (*job).clone())
        .collect();
    let next = skip + size;
    let next_page_token = if next < all.len() {
        next.to_string()
    } else {
        String::new()
    };
    Ok(v1::ListJobsResponse {
        jobs,
        next_page_token,
    })
}

fn queues(inside: &Inside) -> v1::ListQueuesResponse {
    let mut queues: BTreeMap<&str, v1::Queue> = BTreeMap::new();
    for record in &inside.records {
        let name = record.status.queue.as_str();
        let queue = queues.entry(name).or_insert_with(|| v1::Queue {
            name: name.to_owned(),
            ..Default::default()
        });
        if record.state() == Some(State::Queued) {
            let age = Some(prost_types::Duration {
                seconds: 90,
                nanos: 0,
            });
            queue.ready += 1;
            queue.oldest_ready_age = age;
            queue.depths.push(v1::QueueDepth {
                priority: record.status.priority,
                ready: 1,
                oldest_ready_age: age,
            });
        }
    }
    v1::ListQueuesResponse {
        queues: queues.into_values().collect(),
        workers: inside.workers,
        ..Default::default()
    }
}

/// The next event after a sequence number, as soon as there is one; `None` at the end of the stream.
async fn next_event(world: Arc<World>, job_id: String, after: i64) -> Option<v1::JobEvent> {
    let mut changes = world.changes();
    loop {
        let (event, over) = world.peek(|inside| {
            let record = inside.find(&job_id)?;
            let event = record.events.iter().find(|event| event.sequence > after).cloned();
            Some((event, record.state().is_some_and(State::is_final)))
        })?;
        if event.is_some() || over {
            return event;
        }
        changes.changed().await.ok()?;
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
}
