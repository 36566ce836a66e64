//! The side port over a real socket.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::anyhow;
use scheduler_service::http::{self, Readiness, check};
use scheduler_service::metrics;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

struct Port {
    address: SocketAddr,
    readiness: Readiness,
    draining: CancellationToken,
    stop: CancellationToken,
    server: JoinHandle<std::io::Result<()>>,
}

impl Port {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (draining, stop) = (CancellationToken::new(), CancellationToken::new());
        let readiness = Readiness::new(draining.clone());
        let router = http::router(metrics::install().unwrap(), readiness.clone());
        let server = tokio::spawn(http::serve(listener, router, stop.clone()));
        Self {
            address,
            readiness,
            draining,
            stop,
            server,
        }
    }

    /// Status code and body of `GET path`.
    async fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }
}

#[tokio::test]
async fn a_live_process_says_ok_and_a_ready_one_ready() {
    let port = Port::open().await;
    assert_eq!(port.get("/health").await, (200, "OK".to_owned()));
    assert_eq!(port.get("/ready").await, (503, "starting\n".to_owned()));
    port.readiness.open(vec![check("store", async || Ok(()))]);
    assert_eq!(port.get("/ready").await, (200, "Ready".to_owned()));
    assert_eq!(port.get("/nothing").await.0, 404);
}

#[tokio::test]
async fn a_failing_dependency_makes_it_unready_but_not_dead() {
    let port = Port::open().await;
    port.readiness.open(vec![
        check("store", async || Err(anyhow!("refused").context("connecting"))),
        check("queue", async || Ok(())),
    ]);
    assert_eq!(
        port.get("/ready").await,
        (503, "store: connecting: refused\n".to_owned())
    );
    assert_eq!(port.get("/health").await.0, 200);
}

#[tokio::test]
async fn a_draining_process_is_unready_but_still_answers() {
    let port = Port::open().await;
    port.readiness.open(Vec::new());
    port.draining.cancel();
    assert_eq!(port.get("/ready").await, (503, "draining\n".to_owned()));
    assert_eq!(port.get("/health").await.0, 200);
    assert_eq!(port.get("/metrics").await.0, 200);
}

#[tokio::test]
async fn a_silent_client_does_not_keep_the_port_open() {
    let port = Port::open().await;
    let mut silent = TcpStream::connect(port.address).await.unwrap();
    silent.write_all(b"GET /health HTTP/1.1\r\n").await.unwrap();
    assert_eq!(port.get("/health").await.0, 200);
    port.stop.cancel();
    tokio::time::timeout(Duration::from_secs(5), port.server)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}
