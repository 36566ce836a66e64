//! One conversation with PostgreSQL: a request is read whole, then its answer.
//!
//! A client that sends several requests without waiting is served all the same: they wait here instead of at the server.

use std::collections::HashMap;
use std::io;

use tokio::io::AsyncRead;

use super::frames::{Frames, Message, error_response, query, ready_for_query};
use super::statements::{Statement, Statements, Trouble};
use crate::proxy::pipe::Inlet;

const CANCEL_REQUEST: u32 = 80_877_102;
const SSL_REQUEST: u32 = 80_877_103;
const GSS_REQUEST: u32 = 80_877_104;

/// The four ends of a connection.
pub(crate) struct Ends<'a, C, S> {
    pub(crate) from_client: Frames<C>,
    pub(crate) from_server: Frames<S>,
    pub(crate) to_client: Inlet<'a>,
    pub(crate) to_server: Inlet<'a>,
}

/// What a client asks for in one go: the messages up to a Sync, or a simple Query.
struct Request {
    messages: Vec<Message>,
    /// What is carried out.
    executes: Option<Statement>,
    simple: bool,
}

/// Carries the conversation until either side ends it. An error means that both sides are to be reset.
pub(crate) async fn converse<C, S>(mut ends: Ends<'_, C, S>, statements: &Statements) -> io::Result<()>
where
    C: AsyncRead + Unpin,
    S: AsyncRead + Unpin,
{
    let Some(mut status) = ends.begin(statements).await? else {
        return Ok(());
    };
    let mut prepared = HashMap::new();
    let mut portals = HashMap::new();
    while let Some(request) = ends.request(&mut prepared, &mut portals).await? {
        let trouble = request
            .executes
            .as_ref()
            .and_then(|statement| statements.befalls(statement, status != b'I'));
        let Some(next) = ends.carry_out(request, trouble, status).await? else {
            return Ok(());
        };
        status = next;
    }
    Ok(())
}

/// The connection is to be reset.
fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

impl<C: AsyncRead + Unpin, S: AsyncRead + Unpin> Ends<'_, C, S> {
    /// From the first byte to the first ReadyForQuery. `None` when it did not come to that.
    async fn begin(&mut self, statements: &Statements) -> io::Result<Option<u8>> {
        loop {
            let Some(hello) = self.from_client.next_untagged().await? else {
                return Ok(None);
            };
            let code = hello.bytes.get(4..8).and_then(|code| code.try_into().ok());
            match code.map_or(0, u32::from_be_bytes) {
                SSL_REQUEST | GSS_REQUEST => self.to_client.send("N".into()).await?,
                CANCEL_REQUEST => {
                    self.to_server.send(hello.bytes).await?;
                    return Ok(None);
                }
                _ => {
                    if let Some(code) = statements.refuses() {
                        self.to_client.send(error_response("FATAL", code).into()).await?;
                        return Ok(None);
                    }
                    self.to_server.send(hello.bytes).await?;
                    break;
                }
            }
        }
        while let Some(message) = self.from_server.next().await? {
            let status = (message.tag == b'Z').then(|| message.body()[0]);
            // Of the requests for authentication all but "done" and the last of SASL want an answer.
            let asks = message.tag == b'R' && !matches!(message.body().get(..4), Some([0, 0, 0, 0 | 12]));
            self.to_client.send(message.bytes).await?;
            if status.is_some() {
                return Ok(status);
            }
            if asks {
                match self.from_client.next().await? {
                    Some(answer) => self.to_server.send(answer.bytes).await?,
                    None => return Ok(None),
                }
            }
        }
        Ok(None)
    }

    /// The next request; `None` when the client says goodbye.
    async fn request(
        &mut self,
        prepared: &mut HashMap<String, Statement>,
        portals: &mut HashMap<String, Statement>,
    ) -> io::Result<Option<Request>> {
        let mut messages = Vec::new();
        let mut executes = None;
        while let Some(message) = self.from_client.next().await? {
            let tag = message.tag;
            match tag {
                b'P' => drop(prepared.insert(message.text(0).to_owned(), Statement::read(message.text(1)))),
                b'B' => {
                    let statement = prepared.get(message.text(1)).cloned().unwrap_or_default();
                    portals.insert(message.text(0).to_owned(), statement);
                }
                b'E' => executes = portals.get(message.text(0)).cloned(),
                b'Q' => executes = Some(Statement::read(message.text(0))),
                b'X' => {
                    self.to_server.send(message.bytes).await?;
                    return Ok(None);
                }
                _ => {}
            }
            messages.push(message);
            if matches!(tag, b'S' | b'Q') {
                let simple = tag == b'Q';
                return Ok(Some(Request {
                    messages,
                    executes,
                    simple,
                }));
            }
        }
        Ok(None)
    }

    /// Has a request carried out, or not, as the trouble wants it. The status after it; `None` when the server ended.
    async fn carry_out(
        &mut self,
        request: Request,
        trouble: Option<Trouble>,
        status: u8,
    ) -> io::Result<Option<u8>> {
        let commits = request.simple && request.executes.as_ref().is_some_and(Statement::is_commit);
        match trouble {
            None => {
                self.forward(request).await?;
                self.answer(true).await
            }
            Some(Trouble::LoseRequest) => Err(reset()),
            Some(Trouble::LoseReply) => {
                self.forward(request).await?;
                self.answer(false).await?;
                Err(reset())
            }
            Some(Trouble::Refuse(code)) => {
                if commits {
                    // What a database that refuses to commit does.
                    self.to_server.send(query("ROLLBACK").into()).await?;
                    self.answer(false).await?;
                }
                let failed = if commits || status == b'I' { b'I' } else { b'E' };
                self.deny(code, failed).await
            }
            Some(Trouble::DenyAfter(code)) => {
                self.forward(request).await?;
                match self.answer(false).await? {
                    Some(status) => self.deny(code, status).await,
                    None => Ok(None),
                }
            }
        }
    }

    async fn forward(&mut self, request: Request) -> io::Result<()> {
        for message in request.messages {
            self.to_server.send(message.bytes).await?;
        }
        Ok(())
    }

    /// Reads the server's answer to its end, and passes it on if `heard`.
    async fn answer(&mut self, heard: bool) -> io::Result<Option<u8>> {
        while let Some(message) = self.from_server.next().await? {
            let status = (message.tag == b'Z').then(|| message.body()[0]);
            if heard {
                self.to_client.send(message.bytes).await?;
            }
            if status.is_some() {
                return Ok(status);
            }
        }
        Ok(None)
    }

    /// Answers with this SQLSTATE. Those of a server that shuts down end the connection.
    async fn deny(&mut self, code: &'static str, status: u8) -> io::Result<Option<u8>> {
        if code.starts_with("57P") || code.starts_with("08") {
            self.to_client.send(error_response("FATAL", code).into()).await?;
            return Ok(None);
        }
        let answer = [error_response("ERROR", code), ready_for_query(status)].concat();
        self.to_client.send(answer.into()).await?;
        Ok(Some(status))
    }
}
