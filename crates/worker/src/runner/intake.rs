//! Taking jobs: never more than can start soon, yet enough that short jobs never wait for the next batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use scheduler_engine::Taken;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use super::Shared;

/// The buffer holds what the pool finishes in this time: a few round trips to queue and store.
const AHEAD: Duration = Duration::from_millis(50);
/// A job that runs longer than this must not hide others: nothing is buffered behind it.
const LONG: Duration = Duration::from_secs(1);
/// Most jobs in the buffer, and most in one claim.
const LARGEST: usize = 1_000;

/// How many jobs may be held, from how long they run (Little's law: held = rate × time ahead).
pub(super) struct Pace {
    pool_size: usize,
    /// Held now: buffered or running.
    held: AtomicUsize,
    /// Mean run time, nanoseconds; begins as [`LONG`], for nothing is known.
    mean: AtomicU64,
    freed: Notify,
}

impl Pace {
    pub(super) fn new(pool_size: usize) -> Self {
        Self {
            pool_size,
            held: AtomicUsize::new(0),
            mean: AtomicU64::new(nanoseconds(LONG)),
            freed: Notify::new(),
        }
    }

    /// A job ended after `ran`. The mean follows long runs at once and short ones slowly, to err on the side of holding less.
    pub(super) fn ended(&self, ran: Duration) {
        let (ran, mean) = (nanoseconds(ran), self.mean.load(Ordering::Relaxed));
        let next = if ran > mean {
            mean.midpoint(ran)
        } else {
            mean - (mean - ran) / 8
        };
        self.mean.store(next, Ordering::Relaxed);
        self.held.fetch_sub(1, Ordering::AcqRel);
        self.freed.notify_one();
    }

    /// A held job went away without running.
    pub(super) fn dropped(&self) {
        self.held.fetch_sub(1, Ordering::AcqRel);
        self.freed.notify_one();
    }

    fn spare(&self) -> usize {
        let mean = Duration::from_nanos(self.mean.load(Ordering::Relaxed).max(1));
        if mean >= LONG {
            return 0;
        }
        let rounds = AHEAD.as_nanos() / mean.as_nanos();
        usize::try_from(rounds)
            .unwrap_or(LARGEST)
            .saturating_mul(self.pool_size)
            .min(LARGEST)
    }

    /// How many more may be taken. A large buffer is refilled in large parts: a claim costs the same for one as for hundreds.
    fn room(&self) -> usize {
        let most = self.pool_size + self.spare();
        let room = most.saturating_sub(self.held.load(Ordering::Acquire));
        if room >= most / 4 || most <= self.pool_size {
            room.min(LARGEST)
        } else {
            0
        }
    }

    async fn wait_for_room(&self) -> usize {
        loop {
            let freed = self.freed.notified();
            match self.room() {
                0 => freed.await,
                room => return room,
            }
        }
    }
}

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// Fills the buffer until `drain`.
pub(super) async fn take(shared: Arc<Shared>, inlet: mpsc::UnboundedSender<Taken>, drain: CancellationToken) {
    loop {
        let room = tokio::select! {
            biased;
            () = drain.cancelled() => return,
            room = shared.pace.wait_for_room() => room,
        };
        let taken = shared.session.next(room, &drain).await;
        shared.pace.held.fetch_add(taken.len(), Ordering::AcqRel);
        for job in taken {
            shared.held.insert(&job, shared.session.worker());
            if inlet.send(job).is_err() {
                return;
            }
        }
    }
}
