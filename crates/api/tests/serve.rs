//! The server as connections and signals see it, on memory backends.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use scheduler_api::{Deps, Limits, TokenKey, serve};
use scheduler_domain::{SystemClock, SystemEntropy};
use scheduler_engine::{Engine, Options};
use scheduler_proto::v1;
use scheduler_proto::v1::scheduler_service_client::SchedulerServiceClient;
use scheduler_queue::MemoryQueue;
use scheduler_service::shutdown::Stop;
use scheduler_store::MemoryStore;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};
use tonic::transport::Channel;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

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
        let clock = Arc::new(SystemClock);
        let options = Options::default();
        let queue = MemoryQueue::new(clock.clone(), Duration::from_secs(30), options.lease);
        let engine = Engine::new(
            Arc::new(MemoryStore::new()),
            Arc::new(queue),
            clock,
            Arc::new(SystemEntropy),
            options,
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Stop::default();
        let deps = Deps {
            engine,
            tokens: TokenKey::from_secret("test"),
            instance: "api-0".to_owned(),
            limits,
        };
        let served = tokio::spawn(serve(listener, deps, stop.clone()));
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
async fn while_it_drains_calls_and_connections_are_taken_and_health_says_not_serving() {
    let grace = Duration::from_secs(2);
    let mut server = Server::start(with_grace(grace)).await;
    let mut before = server.client().await;
    queues(&mut before).await.unwrap();
    assert_eq!(health(&server).await, ServingStatus::Serving);

    let begun = Instant::now();
    server.stop.drain.cancel();
    while health(&server).await != ServingStatus::NotServing {
        sleep(Duration::from_millis(5)).await;
    }
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
