//! A server on memory backends, and a client of it.

use std::time::Duration;

use scheduler_api::Limits;
use scheduler_proto::v1::scheduler_service_client::SchedulerServiceClient;
use scheduler_proto::v1::{self, Job};
use scheduler_service::shutdown::Stop;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::server;

pub(crate) type Client = SchedulerServiceClient<Channel>;

pub(crate) async fn start() -> (Client, CancellationToken) {
    let limits = Limits {
        drain_grace: Duration::ZERO,
        ..Limits::default()
    };
    let stop = Stop::default();
    let (address, _served) = server::start(limits, stop.clone()).await;
    (
        Client::connect(format!("http://{address}")).await.unwrap(),
        stop.drain,
    )
}

pub(crate) fn job() -> Job {
    Job {
        r#type: "noop".to_owned(),
        priority: 3,
        payload_json: "{}".to_owned(),
        ..Job::default()
    }
}

pub(crate) async fn submit(client: &mut Client, job: Job) -> Result<String, Status> {
    let answer = client.submit_job(v1::SubmitJobRequest { job: Some(job) }).await?;
    Ok(answer.into_inner().job_id)
}

/// The fields that a refusal names.
pub(crate) fn fields(status: &Status) -> Vec<String> {
    assert_eq!(status.code(), Code::InvalidArgument, "{status:?}");
    let details = status.get_error_details();
    assert!(
        details.error_info().is_some(),
        "every error has a reason: {status:?}"
    );
    details
        .bad_request()
        .unwrap()
        .field_violations
        .iter()
        .map(|v| v.field.clone())
        .collect()
}
