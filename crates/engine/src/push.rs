//! From the store to the queue, after the commit.

use std::sync::Arc;
use std::time::Duration;

use scheduler_domain::{Clock, Entry, clock};
use scheduler_queue::SharedQueue;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tracing::warn;

use crate::Options;

/// Entries that may wait for the queue. Past this, and whenever a push fails, entries are dropped: the reconciler finds the rows.
const CAPACITY: usize = 16_384;
/// Entries per push.
const LARGEST: usize = 1_000;
/// An entry is fresh at least for so long, however short the reconciler's grace is.
const FRESH: Duration = Duration::from_secs(1);

/// Entries, and when their rows were written.
type Written = (Instant, Vec<Entry>);

/// Pushes entries in batches, off the path of those who wait for the store.
///
/// What could not be pushed within the reconciler's grace is dropped: by then the reconciler has seen to it, and a push that comes
/// later still could bring back, after the queue was lost, an entry whose job runs by now.
#[derive(Clone)]
pub(crate) struct Pusher {
    inlet: mpsc::Sender<Written>,
    clock: Arc<dyn Clock>,
    options: Options,
}

impl Pusher {
    pub(crate) fn start(queue: SharedQueue, clock: Arc<dyn Clock>, options: Options) -> Self {
        let (inlet, outlet) = mpsc::channel::<Written>(CAPACITY);
        tokio::spawn(push_on(queue, options.sweep_grace.max(FRESH), outlet));
        Self {
            inlet,
            clock,
            options,
        }
    }

    /// Pushes those of `entries`, whose rows were `written` then, that are due soon enough to be the queue's business. Never waits.
    pub(crate) fn push(&self, written: Instant, mut entries: Vec<Entry>) {
        // Half a window more than the loader reads, so that no row falls between the two when a commit is slow.
        let horizon = clock::add(
            self.clock.now(),
            self.options.lookahead + self.options.lookahead / 2,
        );
        entries.retain(|entry| entry.ready_at <= horizon);
        if entries.is_empty() {
            return;
        }
        if let Err(error) = self.inlet.try_send((written, entries)) {
            let (mpsc::error::TrySendError::Full((_, entries))
            | mpsc::error::TrySendError::Closed((_, entries))) = &error;
            lost(entries.len(), &error);
        }
    }
}

async fn push_on(queue: SharedQueue, fresh: Duration, mut outlet: mpsc::Receiver<Written>) {
    let mut waiting = Vec::new();
    while outlet.recv_many(&mut waiting, LARGEST).await > 0 {
        let (in_time, late): (Vec<Written>, Vec<Written>) = waiting
            .drain(..)
            .partition(|(written, _)| written.elapsed() <= fresh);
        if !late.is_empty() {
            let entries = late.iter().map(|(_, entries)| entries.len()).sum();
            lost(entries, &format_args!("more than {fresh:?} have passed"));
        }
        let entries: Vec<Entry> = in_time.into_iter().flat_map(|(_, entries)| entries).collect();
        for batch in entries.chunks(LARGEST) {
            if let Err(error) = queue.push(batch).await {
                lost(batch.len(), &error);
            }
        }
    }
}

fn lost(count: usize, error: &impl std::fmt::Display) {
    metrics::counter!(crate::metrics::PUSH_FAILED).increment(count as u64);
    warn!(entries = count, %error, "push lost, the reconciler will find the rows");
}
