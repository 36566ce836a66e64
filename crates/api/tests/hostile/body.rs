//! Requests whose bodies the test holds in its hand.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;
use tonic::body::Body;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tower::ServiceExt as _;

/// One part of a body. All of them share one piece of memory: what is measured is what the server holds.
const PART: usize = 64 << 10;

/// `left` bytes, and then perhaps nothing more: no byte, and no end.
struct Slow {
    head: Option<Bytes>,
    left: usize,
    part: Bytes,
    ends: bool,
}

impl http_body::Body for Slow {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(head) = self.head.take() {
            return Poll::Ready(Some(Ok(Frame::data(head))));
        }
        let part = self.part.slice(..self.left.min(PART));
        self.left -= part.len();
        match (part.is_empty(), self.ends) {
            (false, _) => Poll::Ready(Some(Ok(Frame::data(part)))),
            (true, true) => Poll::Ready(None),
            (true, false) => Poll::Pending,
        }
    }
}

/// What SubmitJob answers to a message of so many bytes, of which `sent` come. It is one field that no schema has, and no job: when
/// all of it comes it is read, and refused for what it lacks.
pub(crate) async fn submit(channel: Channel, length: usize, sent: usize) -> Status {
    let field = u32::try_from(length - 6).unwrap();
    let mut head = vec![0];
    head.extend(u32::try_from(length).unwrap().to_be_bytes());
    // Field 1000, with its length in as many bytes as the largest may need.
    head.extend([0xc2, 0x3e]);
    head.extend((0..3).map(|n| u8::try_from(field >> (7 * n) & 0x7f).unwrap() | 0x80));
    head.push(u8::try_from(field >> 21).unwrap());
    let body = Slow {
        head: Some(head.into()),
        left: sent - 6,
        part: vec![7; PART].into(),
        ends: sent == length,
    };
    let request = http::Request::post("/scheduler.v1.SchedulerService/SubmitJob")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::new(body))
        .unwrap();
    match channel.oneshot(request).await {
        Ok(answer) => Status::from_header_map(answer.headers()).unwrap_or_else(|| Status::ok("")),
        Err(error) => Status::new(Code::Unknown, error.to_string()),
    }
}
