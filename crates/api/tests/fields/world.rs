//! A server on memory backends, and calls to it whose messages are bytes.

use std::collections::BTreeSet;
use std::time::Duration;

use http::uri::PathAndQuery;
use prost::Message as _;
use prost_reflect::{DescriptorPool, MethodDescriptor, ServiceDescriptor};
use scheduler_api::Limits;
use scheduler_proto::v1;
use scheduler_proto::v1::scheduler_service_client::SchedulerServiceClient;
use scheduler_service::shutdown::Stop;
use tokio::time::timeout;
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;

use crate::raw::Raw;
use crate::server;

/// Much longer than anything takes, on any machine.
const LONG: Duration = Duration::from_secs(20);
/// A watch has said what it has to say by then, or says nothing.
const SHORT: Duration = Duration::from_millis(5);

/// What became of a call, or of each job of a batch.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// Ids of jobs that were taken.
    pub(crate) accepted: BTreeSet<String>,
    /// What was refused.
    pub(crate) refusals: Vec<Refusal>,
}

#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    /// The fields that it names.
    pub(crate) fields: Vec<String>,
    #[expect(dead_code, reason = "for people")]
    message: String,
}

impl Answer {
    /// Of the whole call.
    pub(crate) fn code(&self) -> Code {
        self.refusals.first().map_or(Code::Ok, |refusal| refusal.code)
    }

    fn refused(status: &Status) -> Self {
        let details = status.get_error_details();
        assert!(
            status.code() == Code::Internal || details.error_info().is_some(),
            "every error has a reason: {status:?}"
        );
        let violations = details.bad_request().map(|bad| bad.field_violations.clone());
        let fields = violations
            .unwrap_or_default()
            .into_iter()
            .map(|violation| violation.field);
        Self {
            refusals: vec![Refusal {
                code: status.code(),
                fields: fields.collect(),
                message: status.message().to_owned(),
            }],
            ..Self::default()
        }
    }
}

pub(crate) struct World {
    channel: Channel,
    service: ServiceDescriptor,
    /// A job that waits, and one that was cancelled.
    pub(crate) ids: Vec<String>,
}

impl World {
    pub(crate) async fn start() -> Self {
        let (address, _served) = server::start(Limits::default(), Stop::default()).await;
        let pool = DescriptorPool::decode(scheduler_proto::DESCRIPTORS).unwrap();
        let service = pool.get_service_by_name("scheduler.v1.SchedulerService").unwrap();
        let channel = Channel::from_shared(format!("http://{address}"))
            .unwrap()
            .connect()
            .await
            .unwrap();
        let mut world = Self {
            channel,
            service,
            ids: Vec::new(),
        };
        for _ in 0..2 {
            let job = v1::Job {
                r#type: "noop".to_owned(),
                priority: 3,
                payload_json: "{}".to_owned(),
                ..v1::Job::default()
            };
            let request = v1::SubmitJobRequest { job: Some(job) };
            let answer = world.client().submit_job(request).await.unwrap();
            world.ids.push(answer.into_inner().job_id);
        }
        let job_id = world.ids[1].clone();
        world
            .client()
            .cancel_job(v1::CancelJobRequest { job_id })
            .await
            .unwrap();
        world
    }

    fn client(&self) -> SchedulerServiceClient<Channel> {
        SchedulerServiceClient::new(self.channel.clone())
    }

    pub(crate) fn methods(&self) -> impl Iterator<Item = MethodDescriptor> + use<> {
        self.service.methods().collect::<Vec<_>>().into_iter()
    }

    pub(crate) fn method(&self, name: &str) -> MethodDescriptor {
        self.methods().find(|method| method.name() == name).unwrap()
    }

    /// Sends `bytes`, whatever they are.
    pub(crate) async fn call(&self, method: &MethodDescriptor, bytes: Vec<u8>) -> Answer {
        timeout(LONG, self.answer(method, bytes))
            .await
            .expect("an answer")
    }

    async fn answer(&self, method: &MethodDescriptor, bytes: Vec<u8>) -> Answer {
        let mut grpc = Grpc::new(self.channel.clone());
        grpc.ready().await.unwrap();
        let service = method.parent_service().full_name();
        let path: PathAndQuery = format!("/{service}/{}", method.name()).parse().unwrap();
        let mut answers = match grpc.server_streaming(Request::new(bytes), path, Raw).await {
            Ok(answer) => answer.into_inner(),
            Err(status) => return Answer::refused(&status),
        };
        let first = match method.is_server_streaming() {
            true => timeout(SHORT, answers.message()).await.unwrap_or(Ok(None)),
            false => answers.message().await,
        };
        let bytes = match first {
            Ok(bytes) => bytes.unwrap_or_default(),
            Err(status) => return Answer::refused(&status),
        };
        match method.name() {
            "SubmitJob" => Answer {
                accepted: [v1::SubmitJobResponse::decode(&*bytes).unwrap().job_id].into(),
                ..Answer::default()
            },
            "BatchSubmitJobs" => of_batch(v1::BatchSubmitJobsResponse::decode(&*bytes).unwrap()),
            _ => Answer::default(),
        }
    }

    /// Ids of all jobs.
    pub(crate) async fn rows(&self) -> BTreeSet<String> {
        let (mut rows, mut page_token) = (BTreeSet::new(), String::new());
        loop {
            let request = v1::ListJobsRequest {
                page_size: 1_000,
                page_token,
                ..v1::ListJobsRequest::default()
            };
            let page = self.client().list_jobs(request).await.unwrap().into_inner();
            rows.extend(page.jobs.into_iter().map(|job| job.job_id));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return rows;
            }
        }
    }

    /// The server is as well as ever.
    pub(crate) async fn serves(&self) {
        self.client().list_queues(v1::ListQueuesRequest {}).await.unwrap();
    }
}

fn of_batch(answer: v1::BatchSubmitJobsResponse) -> Answer {
    let mut all = Answer::default();
    for result in answer.results {
        match Code::from(result.code) {
            Code::Ok => {
                all.accepted.insert(result.job_id);
            }
            code => all.refusals.push(Refusal {
                code,
                fields: result.fields,
                message: result.message,
            }),
        }
    }
    all
}
