//! Log lines on their way out.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing_subscriber::fmt::MakeWriter;

use crate::metrics::{LOG_LINES_DROPPED, UPKEEP};

/// Lines that may wait. Some megabytes, when all are long.
const WAITING: usize = 8_192;
/// What the last lines have to leave.
const FLUSH: Duration = Duration::from_millis(250);

/// Hands lines to a thread that writes them.
///
/// Whoever logs goes on at once. Otherwise a pipe that nobody reads, or a disk that hangs, would stop every thread that has something to
/// say, and with them the service. When too many wait, further ones are dropped and counted.
#[derive(Debug)]
pub(super) struct Lines {
    inlet: Inlet,
}

/// Where lines are put.
#[derive(Debug, Clone)]
pub(super) struct Inlet {
    pieces: SyncSender<Piece>,
    dropped: Dropped,
}

/// How many lines were dropped: too many waited, or they could not be written.
#[derive(Debug, Clone, Default)]
pub struct Dropped(Arc<AtomicU64>);

#[derive(Debug)]
enum Piece {
    Line(Vec<u8>),
    /// Everything before has been written when this is answered.
    Flush(Sender<()>),
}

impl Lines {
    /// Starts the thread.
    ///
    /// # Errors
    /// It cannot be started.
    pub(super) fn new(out: impl Write + Send + 'static) -> io::Result<Self> {
        let (pieces, written) = sync_channel(WAITING);
        let dropped = Dropped::default();
        let mine = dropped.clone();
        // Not waited for: it may be in the middle of a write that never ends.
        thread::Builder::new()
            .name("logs".to_owned())
            .spawn(move || write(&written, out, &mine))?;
        let inlet = Inlet { pieces, dropped };
        Ok(Self { inlet })
    }

    pub(super) fn inlet(&self) -> Inlet {
        self.inlet.clone()
    }

    pub(super) fn dropped(&self) -> Dropped {
        self.inlet.dropped.clone()
    }

    /// Waits until what was said so far is written, a quarter of a second at most.
    pub(super) fn flush(&self) {
        let (tell, told) = channel();
        // Where no place is left for it, nobody reads.
        if self.inlet.pieces.try_send(Piece::Flush(tell)).is_ok() {
            let _ = told.recv_timeout(FLUSH);
        }
    }
}

/// Until the last inlet is gone.
fn write(pieces: &Receiver<Piece>, mut out: impl Write, dropped: &Dropped) {
    while let Ok(piece) = pieces.recv() {
        match piece {
            Piece::Line(line) => {
                if out.write_all(&line).is_err() {
                    dropped.one_more();
                }
            }
            Piece::Flush(tell) => {
                let _ = out.flush();
                let _ = tell.send(());
            }
        }
    }
}

/// Each write is a line, or several: that is how the formatter writes.
impl Write for Inlet {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.pieces.try_send(Piece::Line(line.to_vec())).is_err() {
            self.dropped.one_more();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Inlet {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Dropped {
    /// So far.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn one_more(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Tells the metrics recorder, until `stop`.
    pub(crate) async fn tell(self, stop: CancellationToken) {
        loop {
            metrics::counter!(LOG_LINES_DROPPED).absolute(self.lines());
            let rest = tokio::time::sleep(UPKEEP);
            if stop.run_until_cancelled(rest).await.is_none() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, mpsc};

    use tracing_subscriber::fmt;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    /// What nobody reads: a write does not return before the other end is dropped.
    struct Unread(Receiver<()>);

    impl Write for Unread {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What was written.
    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn whoever_logs_goes_on_although_nobody_reads_and_what_is_lost_is_counted() {
        let (read, unread) = mpsc::channel();
        let lines = Lines::new(Unread(unread)).unwrap();
        let (inlet, dropped) = (lines.inlet(), lines.dropped());
        let (done, logged) = mpsc::channel();
        thread::spawn(move || {
            let subscriber = tracing_subscriber::registry().with(fmt::layer().with_writer(inlet));
            tracing::subscriber::with_default(subscriber, || {
                (0..2 * WAITING).for_each(|line| tracing::info!(line, "said"));
            });
            done.send(())
        });
        let logged = logged.recv_timeout(Duration::from_secs(60));
        assert!(logged.is_ok(), "whoever logs waits for the reader");
        // As many wait as may, and one more may be under way.
        let (lost, waiting) = (dropped.lines(), WAITING as u64);
        assert!((waiting - 1..=waiting).contains(&lost), "{lost}");
        lines.flush();
        drop(read);
    }

    #[test]
    fn what_cannot_be_written_is_counted() {
        let Ok(full) = std::fs::File::options().write(true).open("/dev/full") else {
            return;
        };
        let lines = Lines::new(full).unwrap();
        writeln!(lines.inlet(), "in vain").unwrap();
        lines.flush();
        assert_eq!(lines.dropped().lines(), 1);
    }

    #[test]
    fn what_was_said_last_is_written_after_a_flush() {
        let page = Page::default();
        let lines = Lines::new(page.clone()).unwrap();
        for line in 0..100 {
            lines.inlet().write_all(format!("{line}\n").as_bytes()).unwrap();
        }
        lines.flush();
        let written = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
        assert!(
            written.starts_with("0\n1\n") && written.ends_with("98\n99\n"),
            "{written}"
        );
        assert_eq!(lines.dropped().lines(), 0);
    }
}
