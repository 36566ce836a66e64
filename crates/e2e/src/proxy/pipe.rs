//! One direction of a connection: what goes in comes out in the shape of the moment.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::shape::{Flow, Shape};
use crate::Dice;

/// Pieces under way at once. Past this the sender is not read any more, as with a full window.
const PIECES: usize = 64;
/// Writes a second of a narrow pipe: in between, it rests.
const STEPS: u32 = 20;

/// The end into which bytes are put.
pub(super) struct Inlet<'a> {
    pieces: mpsc::Sender<(Instant, Bytes)>,
    shape: watch::Receiver<Shape>,
    dice: &'a Dice,
    /// Nothing overtakes what was sent before it.
    last: Instant,
}

/// The end that writes them.
pub(super) struct Outlet {
    pieces: mpsc::Receiver<(Instant, Bytes)>,
    shape: watch::Receiver<Shape>,
}

/// A pipe whose shape is what `shape` says.
pub(super) fn pipe<'a>(shape: &watch::Sender<Shape>, dice: &'a Dice) -> (Inlet<'a>, Outlet) {
    let (inlet, outlet) = mpsc::channel(PIECES);
    let inlet = Inlet {
        pieces: inlet,
        shape: shape.subscribe(),
        dice,
        last: Instant::now(),
    };
    let outlet = Outlet {
        pieces: outlet,
        shape: shape.subscribe(),
    };
    (inlet, outlet)
}

impl Inlet<'_> {
    /// Sends a piece.
    pub(super) async fn send(&mut self, piece: Bytes) -> io::Result<()> {
        let shape = *self.shape.borrow();
        let later = shape.delay + self.dice.within(Duration::ZERO..shape.jitter);
        self.last = self.last.max(Instant::now() + later);
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        self.pieces.send((self.last, piece)).await.map_err(gone)
    }
}

impl Outlet {
    /// Writes what was sent, each piece in its time, and ends the stream when the inlet is gone.
    pub(super) async fn pour(mut self, mut into: impl AsyncWrite + Unpin) -> io::Result<()> {
        let mut lost = false;
        while let Some((due, piece)) = self.pieces.recv().await {
            sleep_until(due).await;
            let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
            let shape = *self
                .shape
                .wait_for(|shape| shape.flow != Flow::Held)
                .await
                .map_err(gone)?;
            lost |= shape.flow == Flow::Lost;
            if lost {
                continue;
            }
            match shape.bytes_per_second {
                None => into.write_all(&piece).await?,
                Some(rate) => self.drip(&mut into, &piece, rate).await?,
            }
        }
        if lost {
            // The peer is gone, and so cannot say goodbye.
            std::future::pending::<()>().await;
        }
        into.shutdown().await
    }

    /// Writes slowly; a change of the shape ends that.
    async fn drip(&self, into: &mut (impl AsyncWrite + Unpin), piece: &[u8], rate: u32) -> io::Result<()> {
        let step = (rate / STEPS).max(1);
        let rest = Duration::from_secs(1) * step / rate;
        for part in piece.chunks(step as usize) {
            into.write_all(part).await?;
            if self.shape.borrow().bytes_per_second.is_some() {
                sleep(rest).await;
            }
        }
        Ok(())
    }
}
