//! `latency.hlog`: the latencies of every second in HdrHistogram's interval log format (V2, compressed), in microseconds,
//! with maxima in milliseconds. A thread of its own writes it, because the library's writer borrows its file.

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, IntervalLogWriterError};
use scheduler_client::Timestamp;

use crate::stats::Latency;

enum Entry {
    Begin(Timestamp),
    Interval(Duration, Duration, Box<Histogram<u64>>),
}

/// The log, until it is closed.
#[derive(Debug)]
pub(super) struct Log {
    entries: SyncSender<Entry>,
    thread: JoinHandle<io::Result<()>>,
}

impl Log {
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = File::create(path)?;
        let (entries, received) = sync_channel(64);
        let thread = std::thread::Builder::new()
            .name("hlog".to_owned())
            .spawn(move || write(file, &received))?;
        Ok(Self { entries, thread })
    }

    pub(super) fn begin(&self, at: Timestamp) {
        self.send(Entry::Begin(at));
    }

    pub(super) fn write(&self, from: Duration, length: Duration, latency: &Latency) {
        self.send(Entry::Interval(
            from,
            length,
            Box::new(latency.histogram().clone()),
        ));
    }

    fn send(&self, entry: Entry) {
        // The writer ends early only when writing failed, which `close` tells.
        let _ = self.entries.send(entry);
    }

    pub(super) fn close(self) -> io::Result<()> {
        drop(self.entries);
        self.thread
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the writer of latency.hlog panicked")))
    }
}

fn write(file: File, entries: &Receiver<Entry>) -> io::Result<()> {
    let Ok(Entry::Begin(at)) = entries.recv() else {
        return Ok(());
    };
    let (mut file, mut serializer) = (BufWriter::new(file), V2DeflateSerializer::new());
    {
        let start = SystemTime::from(at);
        let mut log = IntervalLogWriterBuilder::new()
            .add_comment("tsctl load: submit latency in microseconds, from the moment a call was due")
            .with_start_time(start)
            .with_base_time(start)
            .with_max_value_divisor(1_000.0)
            .begin_log_with(&mut file, &mut serializer)?;
        for entry in entries {
            let Entry::Interval(from, length, histogram) = entry else {
                continue;
            };
            log.write_histogram(&histogram, from, length, None)
                .map_err(told)?;
        }
    }
    file.flush()
}

fn told<E: std::fmt::Debug>(error: IntervalLogWriterError<E>) -> io::Error {
    match error {
        IntervalLogWriterError::IoError(error) => error,
        IntervalLogWriterError::SerializeError(error) => io::Error::other(format!("{error:?}")),
    }
}
