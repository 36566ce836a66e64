//! How many jobs may be held: never more than can start soon, yet enough that short jobs do not wait for the next claim.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;

/// The buffer holds what the pool gets through in this time: a few round trips to queue and store (Little's law).
const AHEAD: Duration = Duration::from_millis(50);
/// Jobs that run longer than this must not hide others: nothing is buffered behind them.
const LONG: Duration = Duration::from_secs(1);
/// Most jobs in the buffer.
const MOST: usize = 1_000;
/// Most payload in the buffer, as far as the mean foretells.
const MOST_BYTES: u64 = 64 << 20;

/// What is known of the jobs that pass, and how many of them are held.
pub(super) struct Pace {
    pool_size: usize,
    /// Held now: buffered or running.
    held: AtomicUsize,
    /// Slots that have been busy for a while, on which the buffer cannot count.
    slow: AtomicUsize,
    /// Mean run time, nanoseconds; begins as [`LONG`], for nothing is known.
    run_time: Mean,
    /// Mean payload, bytes.
    payload: Mean,
    freed: Notify,
}

impl Pace {
    pub(super) fn new(pool_size: usize) -> Self {
        Self {
            pool_size,
            held: AtomicUsize::new(0),
            slow: AtomicUsize::new(0),
            run_time: Mean::new(nanoseconds(LONG)),
            payload: Mean::new(0),
            freed: Notify::new(),
        }
    }

    /// Jobs with payloads of these sizes came in.
    pub(super) fn came(&self, sizes: impl ExactSizeIterator<Item = usize>) {
        self.held.fetch_add(sizes.len(), Ordering::AcqRel);
        sizes.for_each(|size| self.payload.add(size as u64));
    }

    /// A job ended after `ran`.
    pub(super) fn ended(&self, ran: Duration) {
        self.run_time.add(nanoseconds(ran));
        self.went(1);
    }

    /// Jobs went away without running.
    pub(super) fn went(&self, jobs: usize) {
        self.held.fetch_sub(jobs, Ordering::AcqRel);
        self.freed.notify_one();
    }

    /// So many slots have been busy with one job for a while.
    pub(super) fn slow(&self, slots: usize) {
        self.slow.store(slots, Ordering::Relaxed);
    }

    /// How many more may be taken, as soon as it is worth a claim.
    pub(super) async fn room(&self) -> usize {
        loop {
            let freed = self.freed.notified();
            match self.room_now() {
                0 => freed.await,
                room => return room,
            }
        }
    }

    /// How many jobs of the mean payload one claim should bring. At least one.
    pub(super) fn fitting(&self) -> usize {
        let fitting = MOST_BYTES / self.payload.get().max(1);
        usize::try_from(fitting).unwrap_or(usize::MAX).max(1)
    }

    /// Slots without work are reason enough to claim. Where only the buffer is to be filled, it is in large parts: a claim costs the same
    /// for one job as for hundreds.
    fn room_now(&self) -> usize {
        let (held, most) = (self.held.load(Ordering::Acquire), self.pool_size + self.spare());
        let room = most.saturating_sub(held);
        if held < self.pool_size || room >= most / 4 {
            room
        } else {
            0
        }
    }

    /// How many may wait in the buffer.
    fn spare(&self) -> usize {
        let run_time = self.run_time.get().max(1);
        if run_time >= nanoseconds(LONG) {
            return 0;
        }
        let quick_slots = self.pool_size.saturating_sub(self.slow.load(Ordering::Relaxed)) as u64;
        let soon = quick_slots.saturating_mul(nanoseconds(AHEAD)) / run_time;
        usize::try_from(soon)
            .unwrap_or(MOST)
            .min(MOST)
            .min(self.fitting())
    }
}

/// A mean that follows large values at once and small ones slowly, to err on the side of holding less.
struct Mean(AtomicU64);

impl Mean {
    fn new(first: u64) -> Self {
        Self(AtomicU64::new(first))
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Two at once may count as one: it is an estimate.
    fn add(&self, value: u64) {
        let mean = self.get();
        let next = if value > mean {
            mean.midpoint(value)
        } else {
            mean - (mean - value) / 8
        };
        self.0.store(next, Ordering::Relaxed);
    }
}

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pool of ten that has seen many jobs of this run time.
    fn used_to(run_time: Duration) -> Pace {
        let pace = Pace::new(10);
        for _ in 0..300 {
            pace.came([0].into_iter());
            pace.ended(run_time);
        }
        pace
    }

    #[test]
    fn the_buffer_grows_as_jobs_get_shorter() {
        assert_eq!(
            Pace::new(10).room_now(),
            10,
            "nothing is known: no more than can start"
        );
        for (run_time, room) in [
            (Duration::from_secs(2), 10),
            (Duration::from_millis(400), 11),
            (Duration::from_millis(50), 20),
            (Duration::from_millis(10), 60),
            (Duration::from_millis(1), 510),
            (Duration::from_micros(5), 1_010),
        ] {
            let found = used_to(run_time).room_now();
            // The mean comes close, and stays a little above.
            assert!(
                (room - 1 - room / 100..=room).contains(&found),
                "{run_time:?}: {found} instead of {room}"
            );
        }
    }

    #[test]
    fn one_long_job_ends_buffering_until_many_short_ones_have_passed() {
        let pace = used_to(Duration::from_micros(5));
        pace.came([0].into_iter());
        pace.ended(Duration::from_secs(10));
        assert_eq!(pace.room_now(), 10);
    }

    #[test]
    fn slots_that_are_stuck_do_not_count() {
        let pace = used_to(Duration::from_millis(1));
        pace.slow(9);
        assert!((49..=50).contains(&pace.spare()));
        pace.slow(10);
        assert_eq!(pace.spare(), 0);
    }

    #[test]
    fn large_payloads_are_held_in_small_numbers() {
        let pace = used_to(Duration::from_micros(5));
        pace.came([1 << 20; 10].into_iter());
        assert!(pace.spare() <= 65, "{}", pace.spare());
    }

    #[test]
    fn an_idle_slot_is_filled_at_once_and_a_buffer_in_large_parts() {
        let pace = used_to(Duration::from_micros(5));
        pace.came([0; 1_000].into_iter());
        assert_eq!(pace.room_now(), 0, "ten more are not worth a claim");
        pace.went(300);
        assert_eq!(pace.room_now(), 310);

        let pace = used_to(Duration::from_secs(2));
        pace.came([0; 10].into_iter());
        assert_eq!(pace.room_now(), 0);
        pace.went(1);
        assert_eq!(pace.room_now(), 1);
    }
}
