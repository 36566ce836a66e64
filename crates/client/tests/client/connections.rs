use std::time::Duration;

use scheduler_client::testing::FakeScheduler;
use scheduler_client::{Client, ClientOptions, Error};
use tokio::net::TcpListener;

use crate::start_with;

#[tokio::test]
async fn calls_take_the_connections_in_turn() {
    let (fake, client) = start_with(|options| options.connections = 3).await;
    for _ in 0..6 {
        client.queues().await.unwrap();
    }
    assert_eq!(fake.connections(), 3);
}

#[tokio::test]
async fn many_calls_share_one_connection_at_the_same_time() {
    let (fake, client) = start_with(|_| {}).await;
    let calls = (0..100).map(|_| client.queues());
    futures::future::try_join_all(calls).await.unwrap();
    assert_eq!(fake.connections(), 1);
}

#[tokio::test]
async fn an_old_connection_is_replaced() {
    let (fake, client) =
        start_with(|options| options.max_connection_age = Some(Duration::from_millis(50))).await;
    client.queues().await.unwrap();
    tokio::time::sleep(Duration::from_millis(60)).await;
    client.queues().await.unwrap();
    assert_eq!(fake.connections(), 2);
}

#[tokio::test]
async fn nobody_there_is_unavailable_and_says_why() {
    let address = FakeScheduler::start().unwrap().address();
    let client = Client::connect(ClientOptions::new(address)).await.unwrap();
    let error = client.get("x").await.unwrap_err();
    assert!(error.is_connection(), "{error:?}");
    assert!(error.to_string().contains("onnection refused"), "{error}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_a_timeout() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let options = ClientOptions {
        request_timeout: Duration::from_millis(200),
        ..ClientOptions::new(address)
    };
    let client = Client::connect(options).await.unwrap();
    let error = client.get("x").await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    assert!(error.to_string().contains("within 200ms"), "{error}");
}

#[tokio::test]
async fn something_else_at_that_address_is_not_taken_for_a_scheduler() {
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = other.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = other.accept().await {
            use tokio::io::AsyncWriteExt as _;
            let _ = stream
                .write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
                .await;
        }
    });
    let client = Client::connect(ClientOptions::new(address)).await.unwrap();
    let error = client.get("x").await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
}
