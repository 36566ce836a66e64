//! Accepting connections, so many at once and no more.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tonic::transport::server::{Connected, TcpConnectInfo};
use tracing::warn;

/// After a failure to accept, which is for want of file descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// So many bytes begin every HTTP/2 connection; only then the protocol's own limits hold.
const PREFACE: usize = 24;

/// What bounds connections.
pub(crate) struct Bounds {
    /// Open at once. Further ones wait in the system's backlog until one of these is closed.
    pub(crate) at_once: usize,
    /// A connection that has not said by then what protocol it speaks is closed. The time counts from when it was opened.
    pub(crate) silence: Duration,
    /// When it is cancelled, those that have said nothing are closed at once: the server waits for those that have.
    pub(crate) closing: CancellationToken,
}

/// The connections that come in on `listener`. Never ends and never fails: what is wrong with one connection, or for a moment with
/// the process, is no reason to stop serving.
pub(crate) fn accept(
    listener: TcpListener,
    bounds: Bounds,
) -> impl Stream<Item = io::Result<Connection>> + Send {
    let places = Arc::new(Semaphore::new(bounds.at_once));
    futures::stream::unfold((listener, places, bounds), |(listener, places, bounds)| async {
        let place = Arc::clone(&places).acquire_owned().await.ok()?;
        let stream = next(&listener).await;
        let connection = Connection {
            stream,
            heard: 0,
            silent: Some(Box::pin(silent(bounds.silence, bounds.closing.clone()))),
            _place: place,
        };
        Some((Ok(connection), (listener, places, bounds)))
    })
}

async fn next(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    warn!(%error, "answers may be delayed");
                }
                return stream;
            }
            Err(error) => {
                warn!(%error, "a connection was not accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Ends when a connection that has said nothing is to be closed.
async fn silent(longest: Duration, closing: CancellationToken) {
    let _ = tokio::time::timeout(longest, closing.cancelled()).await;
}

/// An open connection, and its place among them.
pub(crate) struct Connection {
    stream: TcpStream,
    /// Bytes of the preface that came.
    heard: usize,
    /// `None` once the peer has spoken, the whole preface and not a byte of it: from then on the protocol has limits of its own.
    silent: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    _place: OwnedSemaphorePermit,
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, into);
        match &mut self.silent {
            Some(_) if read.is_ready() => {
                self.heard += into.filled().len() - before;
                if self.heard >= PREFACE {
                    self.silent = None;
                }
            }
            Some(silent) => {
                ready!(silent.as_mut().poll(context));
                // As if the peer had closed it.
                return Poll::Ready(Ok(()));
            }
            None => {}
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
