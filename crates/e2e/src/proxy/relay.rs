//! A connection through the proxy.

use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::TcpStream;

use super::pipe::{Inlet, pipe};
use super::{Protocol, Switches, pgwire};

const PIECE: usize = 16 << 10;

/// Carries bytes both ways until both sides have ended. An error means that both are to be reset.
pub(super) async fn relay(
    client: &mut TcpStream,
    server: &mut TcpStream,
    protocol: Protocol,
    switches: &Switches,
) -> io::Result<()> {
    let (from_client, into_client) = client.split();
    let (from_server, into_server) = server.split();
    let (to_server, server_end) = pipe(&switches.toward_server, &switches.dice);
    let (to_client, client_end) = pipe(&switches.toward_client, &switches.dice);
    let talk = async {
        match protocol {
            Protocol::Bytes => {
                tokio::try_join!(carry(from_client, to_server), carry(from_server, to_client)).map(drop)
            }
            Protocol::Postgres => {
                let server = pgwire::Ends {
                    from_client: pgwire::Frames::new(from_client),
                    from_server: pgwire::Frames::new(from_server),
                    to_client,
                    to_server,
                };
                pgwire::converse(server, &switches.statements).await
            }
        }
    };
    tokio::try_join!(talk, server_end.pour(into_server), client_end.pour(into_client)).map(drop)
}

/// Reads until the end.
async fn carry(mut from: impl AsyncRead + Unpin, mut to: Inlet<'_>) -> io::Result<()> {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(PIECE);
        if from.read_buf(&mut buffer).await? == 0 {
            return Ok(());
        }
        to.send(buffer.split().freeze()).await?;
    }
}

/// Reads to the end and keeps nothing.
pub(super) async fn discard(from: &mut TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; PIECE];
    while from.read(&mut buffer).await? > 0 {}
    Ok(())
}
