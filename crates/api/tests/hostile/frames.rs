//! HTTP/2 by hand, as only somebody who means harm would speak it.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Much longer than anything takes, on any machine.
const LONG: Duration = Duration::from_secs(20);

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A header that no table keeps.
pub(crate) fn header(name: &str, value: &str) -> Vec<u8> {
    [&[0], &*text(name), &*text(value)].concat()
}

/// A text with its length before it, which is a number of seven bits and then of groups of seven.
pub(crate) fn text(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    match text.len() {
        short @ 0..127 => bytes.push(u8::try_from(short).unwrap()),
        long => {
            bytes.push(127);
            let mut rest = long - 127;
            while rest >= 128 {
                bytes.push(u8::try_from(rest % 128).unwrap() | 128);
                rest /= 128;
            }
            bytes.push(u8::try_from(rest).unwrap());
        }
    }
    bytes.extend(text.bytes());
    bytes
}

/// The headers of a call.
pub(crate) fn call(method: &str) -> Vec<u8> {
    let path = format!("/scheduler.v1.SchedulerService/{method}");
    [
        header(":method", "POST"),
        header(":scheme", "http"),
        header(":path", &path),
        header(":authority", "localhost"),
        header("content-type", "application/grpc"),
        header("te", "trailers"),
    ]
    .concat()
}

/// A frame that came.
#[derive(Debug)]
pub(crate) struct Came {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

pub(crate) struct Raw(TcpStream);

impl Raw {
    /// A connection on which nothing was said yet.
    pub(crate) async fn silent(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// A connection that has begun as it should, with these settings.
    pub(crate) async fn begin(address: SocketAddr, settings: &[u8]) -> Self {
        let mut raw = Self::silent(address).await;
        let begin = [
            PREFACE,
            &*frame(SETTINGS, 0, 0, settings),
            &*frame(SETTINGS, ACK, 0, &[]),
        ];
        raw.send(&begin.concat()).await;
        raw
    }

    /// Whether the peer still takes anything.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> bool {
        // A peer that does not read for so long does not read.
        matches!(timeout(LONG, self.0.write_all(bytes)).await, Ok(Ok(())))
    }

    /// The next frame; `None` when the peer has closed.
    pub(crate) async fn next(&mut self) -> Option<Came> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).await.ok()?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.0.read_exact(&mut payload).await.ok()?;
        Some(Came {
            kind: head[3],
            flags: head[4],
            stream: u32::from_be_bytes([head[5] & 0x7f, head[6], head[7], head[8]]),
            payload,
        })
    }

    /// Answers what has to be answered, until the peer says that it has had enough, or closes.
    pub(crate) async fn turned_away(&mut self) {
        let turned = async {
            while let Some(came) = self.next().await {
                if came.kind == GOAWAY {
                    return;
                }
            }
        };
        timeout(LONG, turned).await.expect("an end of the connection");
    }

    /// The answer to a PING, whatever comes before it.
    pub(crate) async fn answered_ping(&mut self) {
        let answer = async {
            loop {
                let came = self.next().await.expect("a connection");
                if came.kind == PING && came.flags & ACK != 0 {
                    return;
                }
            }
        };
        timeout(LONG, answer).await.expect("an answer");
    }

    /// The first frame of this kind on this stream, or its reset.
    pub(crate) async fn answer(&mut self, stream: u32) -> Came {
        let answer = async {
            loop {
                let came = self.next().await.expect("a connection");
                if came.stream == stream && [HEADERS, RST_STREAM].contains(&came.kind) {
                    return came;
                }
                if came.kind == PING && came.flags & ACK == 0 {
                    self.send(&frame(PING, ACK, 0, &came.payload)).await;
                }
            }
        };
        timeout(LONG, answer).await.expect("an answer")
    }
}
