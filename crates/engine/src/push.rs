//! From the store to the queue, after the commit.

use std::sync::Arc;

use scheduler_domain::{Clock, Entry, clock};
use scheduler_queue::SharedQueue;
use tokio::sync::mpsc;
use tracing::warn;

use crate::Options;

/// Entries that may wait for the queue. Past this, and whenever a push fails, entries are dropped: the reconciler finds the rows.
const CAPACITY: usize = 16_384;
/// Entries per push.
const LARGEST: usize = 1_000;

/// Pushes entries in batches, off the path of those who wait for the store.
#[derive(Clone)]
pub(crate) struct Pusher {
    inlet: mpsc::Sender<Vec<Entry>>,
    clock: Arc<dyn Clock>,
    options: Options,
}

impl Pusher {
    pub(crate) fn start(queue: SharedQueue, clock: Arc<dyn Clock>, options: Options) -> Self {
        let (inlet, mut outlet) = mpsc::channel::<Vec<Entry>>(CAPACITY);
        tokio::spawn(async move {
            let mut waiting = Vec::new();
            while outlet.recv_many(&mut waiting, LARGEST).await > 0 {
                let entries: Vec<Entry> = waiting.drain(..).flatten().collect();
                for batch in entries.chunks(LARGEST) {
                    if let Err(error) = queue.push(batch).await {
                        lost(batch.len(), &error);
                    }
                }
            }
        });
        Self {
            inlet,
            clock,
            options,
        }
    }

    /// Pushes those of `entries` that are due soon enough to be the queue's business. Never waits.
    pub(crate) fn push(&self, mut entries: Vec<Entry>) {
        // Half a window more than the loader reads, so that no row falls between the two when a commit is slow.
        let horizon = clock::add(
            self.clock.now(),
            self.options.lookahead + self.options.lookahead / 2,
        );
        entries.retain(|entry| entry.ready_at <= horizon);
        if entries.is_empty() {
            return;
        }
        if let Err(error) = self.inlet.try_send(entries) {
            let (mpsc::error::TrySendError::Full(entries) | mpsc::error::TrySendError::Closed(entries)) =
                &error;
            lost(entries.len(), &error);
        }
    }
}

fn lost(count: usize, error: &impl std::fmt::Display) {
    metrics::counter!(crate::metrics::PUSH_FAILED).increment(count as u64);
    warn!(entries = count, %error, "push lost, the reconciler will find the rows");
}
