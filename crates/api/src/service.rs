//! The list of RPCs: each is one line here and one file in `rpc`.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use scheduler_engine::Engine;
use scheduler_proto::v1;
use scheduler_proto::v1::scheduler_service_server::SchedulerService;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::{Request, Response, Status};

use crate::error::Error;
use crate::page_token::TokenKey;
use crate::{metrics, rpc};

/// Serves `scheduler.v1.SchedulerService`. Stateless but for what bounds it.
#[derive(Clone)]
pub struct Service {
    pub(crate) engine: Engine,
    pub(crate) tokens: TokenKey,
    pub(crate) watchers: Arc<Semaphore>,
    pub(crate) closing: CancellationToken,
    /// Has a token for each call that is not answered to its end.
    pub(crate) calls: TaskTracker,
    timeout: Duration,
}

impl Service {
    /// `max_watchers` streams at most; every other call is answered within `timeout`; streams end when `closing` is cancelled.
    #[must_use]
    pub fn new(
        engine: Engine,
        tokens: TokenKey,
        max_watchers: usize,
        timeout: Duration,
        closing: CancellationToken,
    ) -> Self {
        Self {
            engine,
            tokens,
            watchers: Arc::new(Semaphore::new(max_watchers)),
            closing,
            calls: TaskTracker::new(),
            timeout,
        }
    }

    /// Bounds a call in time and counts it under `method`.
    async fn serve<T>(
        &self,
        method: &'static str,
        call: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Status> {
        let _call = self.calls.token();
        let begun = tokio::time::Instant::now();
        let answer = tokio::time::timeout(self.timeout, call)
            .await
            .unwrap_or(Err(Error::Deadline));
        metrics::served(method, answer.is_ok(), begun.elapsed());
        answer.map_err(Status::from)
    }
}

/// W3C trace context of the caller.
pub(crate) fn trace<T>(request: &Request<T>) -> Option<String> {
    let value = request.metadata().get("traceparent")?.to_str().ok()?;
    // version-traceid-parentid-flags, 55 characters: anything else is not stored.
    (value.len() == 55 && value.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')).then(|| value.to_owned())
}

#[tonic::async_trait]
impl SchedulerService for Service {
    async fn submit_job(
        &self,
        request: Request<v1::SubmitJobRequest>,
    ) -> Result<Response<v1::SubmitJobResponse>, Status> {
        let trace = trace(&request);
        self.serve("SubmitJob", self.submit(request.into_inner(), trace))
            .await
    }

    async fn batch_submit_jobs(
        &self,
        request: Request<v1::BatchSubmitJobsRequest>,
    ) -> Result<Response<v1::BatchSubmitJobsResponse>, Status> {
        let trace = trace(&request);
        self.serve("BatchSubmitJobs", self.submit_batch(request.into_inner(), trace))
            .await
            .map(Response::new)
    }

    async fn get_job(&self, request: Request<v1::GetJobRequest>) -> Result<Response<v1::JobStatus>, Status> {
        self.serve("GetJob", self.get(request.get_ref()))
            .await
            .map(Response::new)
    }

    type WatchJobStream = rpc::Events;

    async fn watch_job(
        &self,
        request: Request<v1::WatchJobRequest>,
    ) -> Result<Response<rpc::Events>, Status> {
        self.serve("WatchJob", self.watch(request.get_ref()))
            .await
            .map(Response::new)
    }

    async fn cancel_job(
        &self,
        request: Request<v1::CancelJobRequest>,
    ) -> Result<Response<v1::CancelJobResponse>, Status> {
        self.serve("CancelJob", self.cancel(request.get_ref()))
            .await
            .map(Response::new)
    }

    async fn list_jobs(
        &self,
        request: Request<v1::ListJobsRequest>,
    ) -> Result<Response<v1::ListJobsResponse>, Status> {
        self.serve("ListJobs", self.list(request.into_inner()))
            .await
            .map(Response::new)
    }

    async fn retry_job(
        &self,
        request: Request<v1::RetryJobRequest>,
    ) -> Result<Response<v1::RetryJobResponse>, Status> {
        self.serve("RetryJob", self.retry(request.get_ref()))
            .await
            .map(Response::new)
    }

    async fn delete_job(
        &self,
        request: Request<v1::DeleteJobRequest>,
    ) -> Result<Response<v1::DeleteJobResponse>, Status> {
        self.serve("DeleteJob", self.delete(request.get_ref()))
            .await
            .map(Response::new)
    }

    async fn list_job_attempts(
        &self,
        request: Request<v1::ListJobAttemptsRequest>,
    ) -> Result<Response<v1::ListJobAttemptsResponse>, Status> {
        self.serve("ListJobAttempts", self.attempts(request.get_ref()))
            .await
            .map(Response::new)
    }

    async fn list_queues(
        &self,
        _request: Request<v1::ListQueuesRequest>,
    ) -> Result<Response<v1::ListQueuesResponse>, Status> {
        self.serve("ListQueues", self.queues()).await.map(Response::new)
    }

    async fn get_queue_stats(
        &self,
        request: Request<v1::GetQueueStatsRequest>,
    ) -> Result<Response<v1::GetQueueStatsResponse>, Status> {
        self.serve("GetQueueStats", self.stats(request.into_inner()))
            .await
            .map(Response::new)
    }
}
