//! The server as connections, signals and raw bytes see it, on memory backends.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "support/raw.rs"]
mod raw;
#[path = "support/server.rs"]
mod server;

use std::net::SocketAddr;
use std::time::Duration;

use http::uri::PathAndQuery;
use prost::Message as _;
use scheduler_api::Limits;
use scheduler_proto::v1;
use scheduler_proto::v1::scheduler_service_client::SchedulerServiceClient;
use scheduler_service::shutdown::Stop;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tonic::client::Grpc;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

use raw::Raw;

type Client = SchedulerServiceClient<Channel>;

/// Much longer than anything takes, on any machine.
const LONG: Duration = Duration::from_secs(20);
/// What does not happen has not happened by then.
const NEVER: Duration = Duration::from_millis(200);

struct Server {
    address: SocketAddr,
    stop: Stop,
    served: JoinHandle<anyhow::Result<()>>,
}

impl Server {
    async fn start(limits: Limits) -> Self {
        let stop = Stop::default();
        let (address, served) = server::start(limits, stop.clone()).await;
        Self {
            address,
            stop,
            served,
        }
    }

    async fn channel(&self) -> Channel {
        let endpoint = Channel::from_shared(format!("http://{}", self.address)).unwrap();
        endpoint.connect().await.unwrap()
    }

    async fn client(&self) -> Client {
        Client::new(self.channel().await)
    }

    /// A connection that the system has taken, whether or not the server has.
    async fn silent(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

async fn queues(client: &mut Client) -> Result<(), Status> {
    client.list_queues(v1::ListQueuesRequest {}).await.map(drop)
}

#[tokio::test]
async fn connections_past_the_limit_wait_until_one_is_closed() {
    let server = Server::start(Limits {
        max_connections: 2,
        ..Limits::default()
    })
    .await;
    let (mut first, mut second) = (server.client().await, server.client().await);
    queues(&mut first).await.unwrap();
    queues(&mut second).await.unwrap();
    let waiting = async {
        let mut third = server.client().await;
        queues(&mut third).await
    };
    tokio::pin!(waiting);
    assert!(timeout(NEVER, &mut waiting).await.is_err(), "a third was served");
    queues(&mut second).await.unwrap();
    drop(first);
    timeout(LONG, waiting).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_connection_that_says_nothing_gives_its_place_up() {
    let server = Server::start(Limits {
        max_connections: 1,
        keepalive: Duration::from_millis(300),
        ..Limits::default()
    })
    .await;
    let mut silent = server.silent().await;
    let mut client = timeout(LONG, server.client()).await.unwrap();
    timeout(LONG, queues(&mut client)).await.unwrap().unwrap();
    // Whatever the server says before it closes, it ends.
    timeout(LONG, silent.read_to_end(&mut Vec::new()))
        .await
        .unwrap()
        .unwrap();
}

/// What gRPC health says of the whole server.
async fn health(server: &Server) -> ServingStatus {
    let channel = server.channel().await;
    let request = HealthCheckRequest::default();
    let answer = HealthClient::new(channel).check(request).await.unwrap();
    answer.into_inner().status()
}

/// Ends when the server has, and says how long that took.
async fn ended(server: &mut Server) -> Duration {
    let begun = Instant::now();
    let served = timeout(LONG, &mut server.served).await.unwrap();
    served.unwrap().unwrap();
    begun.elapsed()
}

fn with_grace(drain_grace: Duration) -> Limits {
    Limits {
        drain_grace,
        ..Limits::default()
    }
}

#[tokio::test]
async fn while_it_drains_calls_and_connections_are_taken_and_health_says_not_serving_in_the_last_third() {
    let grace = Duration::from_secs(3);
    let mut server = Server::start(with_grace(grace)).await;
    let mut before = server.client().await;
    queues(&mut before).await.unwrap();
    assert_eq!(health(&server).await, ServingStatus::Serving);

    let begun = Instant::now();
    server.stop.drain.cancel();
    while health(&server).await != ServingStatus::NotServing {
        sleep(Duration::from_millis(5)).await;
    }
    assert!(
        begun.elapsed() >= grace * 2 / 3,
        "whoever finds replicas by name has not heard of the others yet"
    );
    queues(&mut before).await.unwrap();
    let mut after = server.client().await;
    queues(&mut after).await.unwrap();
    assert!(begun.elapsed() < grace, "this machine is too slow for the test");

    ended(&mut server).await;
    assert!(begun.elapsed() >= grace);
    let refused = timeout(LONG, queues(&mut after)).await.unwrap();
    assert_eq!(refused.unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn an_abort_ends_the_grace_and_what_is_still_open() {
    let mut server = Server::start(with_grace(LONG * 3)).await;
    let mut client = server.client().await;
    queues(&mut client).await.unwrap();
    server.stop.drain.cancel();
    assert!(
        timeout(NEVER, &mut server.served).await.is_err(),
        "it ended before the grace"
    );
    server.stop.abort.cancel();
    ended(&mut server).await;
}

#[tokio::test]
async fn an_idle_server_without_a_grace_stops_at_once_whoever_is_connected() {
    let mut server = Server::start(with_grace(Duration::ZERO)).await;
    let mut client = server.client().await;
    queues(&mut client).await.unwrap();
    let _silent = server.silent().await;
    sleep(NEVER).await;
    server.stop.drain.cancel();
    // Far less than the linger after the last call, which is for clients that have an answer to read.
    let took = ended(&mut server).await;
    assert!(took < Duration::from_millis(500), "{took:?}");
}

/// Calls SubmitJob with these bytes.
async fn submit_raw(channel: &Channel, bytes: Vec<u8>) -> Result<(), Status> {
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.unwrap();
    let path = PathAndQuery::from_static("/scheduler.v1.SchedulerService/SubmitJob");
    grpc.unary(Request::new(bytes), path, Raw).await.map(drop)
}

fn request() -> v1::SubmitJobRequest {
    let job = v1::Job {
        r#type: "noop".to_owned(),
        priority: 3,
        payload_json: "{}".to_owned(),
        labels: [("label".to_owned(), "value".to_owned())].into(),
        ..v1::Job::default()
    };
    v1::SubmitJobRequest { job: Some(job) }
}

async fn rows(server: &Server) -> usize {
    let request = v1::ListJobsRequest {
        page_size: 1_000,
        ..v1::ListJobsRequest::default()
    };
    server
        .client()
        .await
        .list_jobs(request)
        .await
        .unwrap()
        .into_inner()
        .jobs
        .len()
}

#[tokio::test]
async fn text_that_is_not_utf8_is_an_invalid_argument_that_names_the_field_and_leaves_no_row() {
    let server = Server::start(Limits::default()).await;
    let channel = server.channel().await;
    for (text, field) in [
        ("noop", "job.type"),
        ("{}", "job.payload_json"),
        ("value", "job.labels"),
    ] {
        let mut bytes = request().encode_to_vec();
        let at = bytes
            .windows(text.len())
            .position(|some| some == text.as_bytes())
            .unwrap();
        bytes[at] = 0xff;
        let refused = submit_raw(&channel, bytes).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
        assert!(refused.message().contains("UTF-8"), "{refused:?}");
        let details = refused.get_error_details();
        assert_eq!(details.bad_request().unwrap().field_violations[0].field, field);
        assert_eq!(details.error_info().unwrap().reason, "MALFORMED_REQUEST");
        assert!(refused.metadata().contains_key("x-request-id"));
    }
    assert_eq!(rows(&server).await, 0);
}

#[tokio::test]
async fn whatever_bytes_come_the_answer_is_a_refusal_or_a_row_and_never_a_panic() {
    let server = Server::start(Limits::default()).await;
    let channel = server.channel().await;
    // Always the same: a failure can be looked at.
    let mut state = 42_u64;
    let mut random = move |below: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut accepted = 0;
    for n in 0..600 {
        let mut bytes = request().encode_to_vec();
        if n % 3 == 0 {
            bytes = (0..random(200))
                .map(|_| u8::try_from(random(256)).unwrap())
                .collect();
        } else {
            for _ in 0..=random(4) {
                let at = random(bytes.len());
                bytes[at] = u8::try_from(random(256)).unwrap();
            }
        }
        match submit_raw(&channel, bytes.clone()).await {
            Ok(()) => accepted += 1,
            Err(refused) => assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?} {bytes:?}"),
        }
    }
    assert_eq!(rows(&server).await, accepted);
}
