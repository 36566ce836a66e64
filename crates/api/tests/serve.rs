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
use scheduler_store::MemoryStore;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::transport::Channel;

type Client = SchedulerServiceClient<Channel>;

/// Much longer than anything takes, on any machine.
const LONG: Duration = Duration::from_secs(20);
/// What does not happen has not happened by then.
const NEVER: Duration = Duration::from_millis(200);

struct Server {
    address: SocketAddr,
    drain: CancellationToken,
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
        let drain = CancellationToken::new();
        let deps = Deps {
            engine,
            tokens: TokenKey::from_secret("test"),
            instance: "api-0".to_owned(),
            limits,
        };
        let served = tokio::spawn(serve(listener, deps, drain.clone()));
        Self {
            address,
            drain,
            served,
        }
    }

    async fn client(&self) -> Client {
        Client::connect(format!("http://{}", self.address)).await.unwrap()
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
