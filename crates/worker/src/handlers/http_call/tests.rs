//! The handler against servers of this process.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use scheduler_service::config::{self, ByteSize};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::error::Then;
use crate::{Registry, testing};

/// What a server does to a connection once it has read the request's head.
type Behaviour = fn(TcpStream) -> futures::future::BoxFuture<'static, std::io::Result<()>>;

struct Server {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Server {
    async fn start(behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let (address, connections) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        head.push(connection.read_u8().await?);
                    }
                    behaviour(connection).await
                });
            }
        });
        Self { address, connections }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

fn allowing() -> config::HttpCall {
    config::HttpCall {
        allow_private_networks: true,
        ..config::HttpCall::default()
    }
}

/// Resolves every name to this address.
fn always(address: SocketAddr) -> Lookup {
    Arc::new(move |_| async move { Ok(vec![address]) }.boxed())
}

async fn call(config: &config::HttpCall, lookup: Lookup, url: &str) -> Result<Answer, JobError> {
    let args = serde_json::from_value(json!({"url": url})).unwrap();
    let handler = HttpCall::with_lookup(config, lookup).unwrap();
    tokio::time::timeout(Duration::from_secs(20), handler.call(args))
        .await
        .expect("an end")
}

async fn call_server(config: &config::HttpCall, server: &Server) -> Result<Answer, JobError> {
    call(
        config,
        system_lookup(),
        &format!("http://{}/?secret=canary", server.address),
    )
    .await
}

fn says(
    response: &'static str,
) -> impl Fn(TcpStream) -> futures::future::BoxFuture<'static, std::io::Result<()>> {
    move |mut connection| async move { connection.write_all(response.as_bytes()).await }.boxed()
}

#[tokio::test]
async fn a_call_returns_status_and_body() {
    let server = Server::start(|c| says("HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\nhi")(c)).await;
    let answer = call_server(&allowing(), &server).await.unwrap();
    assert_eq!(
        json!(answer),
        json!({"status": 201, "body": "hi", "truncated": false})
    );
}

#[tokio::test]
async fn a_server_error_is_retried_and_its_message_has_no_query() {
    let server = Server::start(|c| says("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n")(c)).await;
    let error = call_server(&allowing(), &server).await.unwrap_err();
    assert_eq!((error.kind.as_str(), error.then), ("http_status", Then::Retry));
    assert!(
        error.message.contains("answered 503") && !error.message.contains("canary"),
        "{error}"
    );
    let nobody = "http://127.0.0.1:1/?secret=canary";
    let error = call(&allowing(), system_lookup(), nobody).await.unwrap_err();
    assert_eq!((error.kind.as_str(), error.then), ("http_connect", Then::Retry));
    assert!(!error.message.contains("canary"), "{error}");
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let server = Server::start(|c| {
        says("HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n")(c)
    })
    .await;
    let answer = call_server(&allowing(), &server).await.unwrap();
    assert_eq!(
        (json!(answer)["status"].as_u64(), server.connections()),
        (Some(302), 1)
    );
}

#[tokio::test]
async fn a_name_that_leads_inside_is_never_connected_to() {
    let server = Server::start(|c| says("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")(c)).await;
    // The port comes from the answer here, so that a connection would arrive.
    let inside = always(server.address);
    let error = call(
        &config::HttpCall::default(),
        Arc::clone(&inside),
        "http://inside.example/",
    )
    .await
    .unwrap_err();
    assert_eq!(
        (error.kind.as_str(), error.then),
        ("refused_url", Then::Stop),
        "{error}"
    );
    assert!(error.message.contains("loopback"), "{error}");
    assert_eq!(server.connections(), 0);
    assert!(
        call(&allowing(), inside, "http://inside.example/").await.is_ok(),
        "it is the guard that refused"
    );
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let server = Server::start(|mut connection| {
        async move {
            connection.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
            loop {
                connection.write_all(&[b'x'; 16_384]).await?;
            }
        }
        .boxed()
    })
    .await;
    let config = config::HttpCall {
        max_response_bytes: ByteSize::kib(64),
        ..allowing()
    };
    let error = call_server(&config, &server).await.unwrap_err();
    assert_eq!(
        (error.kind.as_str(), error.then),
        ("response_too_large", Then::Stop)
    );
}

#[tokio::test]
async fn compressed_answers_are_not_unpacked() {
    let server = Server::start(|c| {
        says("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nbomb")(c)
    })
    .await;
    assert_eq!(
        json!(call_server(&allowing(), &server).await.unwrap())["body"],
        "bomb"
    );
}

#[tokio::test]
async fn headers_without_end_are_refused() {
    let server = Server::start(|mut connection| {
        async move {
            connection.write_all(b"HTTP/1.1 200 OK\r\n").await?;
            loop {
                connection.write_all(b"x: y\r\n").await?;
            }
        }
        .boxed()
    })
    .await;
    let error = call_server(&allowing(), &server).await.unwrap_err();
    assert_eq!(
        (error.kind.as_str(), error.then),
        ("http", Then::Retry),
        "{error}"
    );
}

#[tokio::test]
async fn an_answer_that_drips_is_given_up() {
    let server = Server::start(|mut connection| {
        async move {
            connection.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
            loop {
                connection.write_all(b"x").await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        .boxed()
    })
    .await;
    let config = config::HttpCall {
        timeout: Duration::from_millis(200),
        ..allowing()
    };
    let registry = Registry::new().handler(HttpCall::new(&config).unwrap());
    let outcome = testing::first_attempt(
        &registry,
        "http_call",
        &json!({"url": format!("http://{}/", server.address)}),
    )
    .await;
    assert_eq!(outcome.unwrap_err().kind, "http_timeout");
}
