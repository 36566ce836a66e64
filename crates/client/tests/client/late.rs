//! A server that answers after its callers have given up, in bytes of HTTP/2.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use scheduler_client::{Client, ClientOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// More than an HTTP/2 connection survives by default.
const CALLS: usize = 1_200;

const PREFACE: usize = 24;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const ACK: u8 = 1;
/// END_STREAM and END_HEADERS.
const WHOLE: u8 = 5;
/// `:status: 200` of the static table, then names and values that are not indexed.
const REFUSAL: &[u8] =
    b"\x88\x00\x0ccontent-type\x10application/grpc\x00\x0bgrpc-status\x019\x00\x0cgrpc-message\x04told";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_late_answers_do_not_cost_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let (answer, answering) = watch::channel(false);
    let server = {
        let connections = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(socket, answering.clone()));
            }
        })
    };
    let client = Client::connect(ClientOptions {
        request_timeout: Duration::from_secs(2),
        attempts: 1,
        ..ClientOptions::new(address.to_string())
    })
    .await
    .unwrap();

    let given_up = join_all((0..CALLS).map(|_| client.queues())).await;
    assert!(given_up.iter().all(Result::is_err), "nothing was answered");
    answer.send(true).unwrap();
    // Its answer goes the same way as the late ones, behind them.
    let refused = client.queues().await.unwrap_err();
    assert!(format!("{refused:?}").contains("told"), "{refused:?}");
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    server.abort();
}

/// Notes calls, and answers them all when it is told to, whatever the client has said since; then each as it comes.
async fn serve(mut socket: TcpStream, answering: watch::Receiver<bool>) -> std::io::Result<()> {
    socket.read_exact(&mut [0; PREFACE]).await?;
    // MAX_CONCURRENT_STREAMS, 10,000.
    let settings = frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0x27, 0x10]);
    socket.write_all(&settings).await?;
    let mut waiting = Vec::new();
    loop {
        let mut head = [0; 9];
        socket.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        socket.read_exact(&mut payload).await?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        match (head[3], head[4]) {
            (SETTINGS, 0) => socket.write_all(&frame(SETTINGS, ACK, 0, &[])).await?,
            (HEADERS, _) => waiting.push(stream),
            _ => {}
        }
        if *answering.borrow() {
            for stream in waiting.drain(..) {
                socket.write_all(&frame(HEADERS, WHOLE, stream, REFUSAL)).await?;
            }
        }
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}
