//! Protocol Buffers and gRPC by hand: messages are field numbers and values.
//! Source of the encoding: <https://protobuf.dev/programming-guides/encoding/>.

use bytes::{Buf, BufMut as _, Bytes};
use http::uri::PathAndQuery;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

const VARINT: u64 = 0;
const LENGTH: u64 = 2;

/// An encoded message.
#[derive(Debug, Clone, Default)]
pub(crate) struct Message(Vec<u8>);

impl Message {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn number(mut self, field: u64, value: u64) -> Self {
        self.varint(field << 3 | VARINT);
        self.varint(value);
        self
    }

    pub(crate) fn text(self, field: u64, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    pub(crate) fn message(self, field: u64, value: Self) -> Self {
        let Self(bytes) = value;
        self.bytes(field, &bytes)
    }

    fn bytes(mut self, field: u64, value: &[u8]) -> Self {
        self.varint(field << 3 | LENGTH);
        self.varint(u64::try_from(value.len()).unwrap());
        self.0.extend_from_slice(value);
        self
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(u8::try_from(value & 0x7f).unwrap() | 0x80);
            value >>= 7;
        }
        self.0.push(u8::try_from(value).unwrap());
    }

    /// The last value of a number field; 0 when absent.
    pub(crate) fn number_of(&self, field: u64) -> u64 {
        let last = self.fields().into_iter().rfind(|(number, _)| *number == field);
        match last {
            Some((_, Value::Number(value))) => value,
            Some((_, Value::Bytes(_))) => panic!("field {field} is no number"),
            None => 0,
        }
    }

    /// The last value of a text field; empty when absent.
    pub(crate) fn text_of(&self, field: u64) -> String {
        let message = self.messages_of(field).pop().unwrap_or_default();
        String::from_utf8(message.0).unwrap()
    }

    /// The last value of a message field; empty when absent.
    pub(crate) fn message_of(&self, field: u64) -> Self {
        self.messages_of(field).pop().unwrap_or_default()
    }

    /// All values of a field of texts or messages.
    pub(crate) fn messages_of(&self, field: u64) -> Vec<Self> {
        self.fields()
            .into_iter()
            .filter(|(number, _)| *number == field)
            .map(|(_, value)| match value {
                Value::Bytes(bytes) => Self(bytes),
                Value::Number(_) => panic!("field {field} is a number"),
            })
            .collect()
    }

    fn fields(&self) -> Vec<(u64, Value)> {
        let mut rest = self.0.as_slice();
        let mut fields = Vec::new();
        while !rest.is_empty() {
            let tag = read_varint(&mut rest);
            let value = match tag & 7 {
                VARINT => Value::Number(read_varint(&mut rest)),
                LENGTH => {
                    let length = usize::try_from(read_varint(&mut rest)).unwrap();
                    let (value, after) = rest.split_at(length);
                    rest = after;
                    Value::Bytes(value.to_vec())
                }
                other => panic!("wire type {other} is not in the original's messages"),
            };
            fields.push((tag >> 3, value));
        }
        fields
    }
}

enum Value {
    Number(u64),
    Bytes(Vec<u8>),
}

fn read_varint(rest: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = rest.get_u8();
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    value
}

/// A connection over which encoded messages travel as they are.
pub(crate) struct Raw(Channel);

impl Raw {
    pub(crate) async fn connect(port: u16) -> Result<Self, tonic::transport::Error> {
        let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{port}"))?;
        Ok(Self(endpoint.connect().await?))
    }

    /// One request, one answer.
    pub(crate) async fn call(&self, method: &'static str, request: Message) -> Result<Message, Status> {
        let mut grpc = self.ready().await;
        let response = grpc.unary(Request::new(request), path(method), AsItIs).await?;
        Ok(response.into_inner())
    }

    /// One request, all answers.
    pub(crate) async fn stream(
        &self,
        method: &'static str,
        request: Message,
    ) -> Result<Vec<Message>, Status> {
        let mut grpc = self.ready().await;
        let response = grpc
            .server_streaming(Request::new(request), path(method), AsItIs)
            .await?;
        let mut stream = response.into_inner();
        let mut messages = Vec::new();
        while let Some(message) = stream.message().await? {
            messages.push(message);
        }
        Ok(messages)
    }

    async fn ready(&self) -> tonic::client::Grpc<Channel> {
        let mut grpc = tonic::client::Grpc::new(self.0.clone());
        grpc.ready().await.unwrap();
        grpc
    }
}

fn path(method: &str) -> PathAndQuery {
    format!("/scheduler.v1.SchedulerService/{method}")
        .parse()
        .unwrap()
}

#[derive(Clone, Copy)]
struct AsItIs;

impl Codec for AsItIs {
    type Encode = Message;
    type Decode = Message;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for AsItIs {
    type Item = Message;
    type Error = Status;

    fn encode(&mut self, message: Message, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&message.0);
        Ok(())
    }
}

impl Decoder for AsItIs {
    type Item = Message;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Message>, Status> {
        let bytes: Bytes = buffer.copy_to_bytes(buffer.remaining());
        Ok(Some(Message(bytes.to_vec())))
    }
}
