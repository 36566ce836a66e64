//! Messages, cut out of a stream of bytes.

use std::io;

use bytes::{Buf as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Largest message taken: more is a sign that this is not PostgreSQL's protocol.
const LARGEST: usize = 256 << 20;

/// One message as it was read, its head included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) tag: u8,
    pub(super) bytes: Bytes,
}

impl Message {
    /// What follows the head of a tagged message.
    pub(super) fn body(&self) -> &[u8] {
        self.bytes.get(5..).unwrap_or_default()
    }

    /// The `n`th of the texts with which the body begins.
    pub(super) fn text(&self, n: usize) -> &str {
        let text = self.body().split(|byte| *byte == 0).nth(n).unwrap_or_default();
        std::str::from_utf8(text).unwrap_or_default()
    }
}

/// Reads messages.
pub(crate) struct Frames<R> {
    from: R,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    pub(crate) fn new(from: R) -> Self {
        Self {
            from,
            buffer: BytesMut::new(),
        }
    }

    /// The next message; `None` at the end of the stream.
    pub(super) async fn next(&mut self) -> io::Result<Option<Message>> {
        self.cut(1).await
    }

    /// The next message of those that begin a connection, which have no tag: theirs is zero here.
    pub(super) async fn next_untagged(&mut self) -> io::Result<Option<Message>> {
        self.cut(0).await
    }

    /// A message whose length stands at `at`.
    async fn cut(&mut self, at: usize) -> io::Result<Option<Message>> {
        if !self.fill(at + 4).await? {
            return Ok(None);
        }
        let length = (&self.buffer[at..]).get_u32() as usize + at;
        if !(at + 4..LARGEST).contains(&length) || !self.fill(length).await? {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let bytes = self.buffer.split_to(length).freeze();
        let tag = if at == 0 { 0 } else { bytes[0] };
        Ok(Some(Message { tag, bytes }))
    }

    /// Reads until there are `wanted` bytes; `false` at the end of the stream.
    async fn fill(&mut self, wanted: usize) -> io::Result<bool> {
        while self.buffer.len() < wanted {
            self.buffer.reserve(wanted.max(8 << 10) - self.buffer.len());
            if self.from.read_buf(&mut self.buffer).await? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// An ErrorResponse.
pub(super) fn error_response(severity: &str, code: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for (field, text) in [
        (b'S', severity),
        (b'V', severity),
        (b'C', code),
        (b'M', "injected by the chaos proxy"),
    ] {
        body.push(field);
        body.extend(text.as_bytes());
        body.push(0);
    }
    body.push(0);
    tagged(b'E', &body)
}

/// A ReadyForQuery with this status: `I` idle, `T` in a transaction, `E` in a failed one.
pub(super) fn ready_for_query(status: u8) -> Vec<u8> {
    tagged(b'Z', &[status])
}

/// A simple Query.
pub(super) fn query(text: &str) -> Vec<u8> {
    tagged(b'Q', &[text.as_bytes(), &[0]].concat())
}

fn tagged(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    [&[tag], &length.to_be_bytes()[..], body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_are_cut_out_wherever_the_stream_is_broken() {
        let stream = [query("-- store.get\nSELECT 1"), ready_for_query(b'I')].concat();
        for cut in 0..stream.len() {
            let (head, tail) = stream.split_at(cut);
            let mut frames = Frames::new(AsyncReadExt::chain(head, tail));
            let first = frames.next().await.unwrap().unwrap();
            assert_eq!((first.tag, first.text(0)), (b'Q', "-- store.get\nSELECT 1"));
            let second = frames.next().await.unwrap().unwrap();
            assert_eq!((second.tag, second.body()), (b'Z', &b"I"[..]));
            assert_eq!(frames.next().await.unwrap(), None);
        }
    }

    #[tokio::test]
    async fn what_is_no_message_is_an_error() {
        for stream in [&b"Q\0\0\0\x01"[..], b"Q\xff\xff\xff\xff", b"Q\0\0\0\x09half"] {
            assert!(Frames::new(stream).next().await.is_err(), "{stream:?}");
        }
    }
}
