//! Time and randomness, handed in so that tests can move the one and repeat the other.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

/// A moment in UTC, kept to the microsecond (what the database stores).
pub type Timestamp = DateTime<Utc>;

/// Tells the time.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Now, to the microsecond.
    fn now(&self) -> Timestamp;
}

/// The machine's clock: the only place that reads it.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the injected clock")]
    fn now(&self) -> Timestamp {
        Utc::now().trunc_subsecs(6)
    }
}

/// A clock that moves only when a test says so. Begins at 2026-01-01T00:00:00Z.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl Default for ManualClock {
    fn default() -> Self {
        Self(AtomicI64::new(1_767_225_600_000_000))
    }
}

impl ManualClock {
    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(
            i64::try_from(by.as_micros()).unwrap_or(i64::MAX),
            Ordering::SeqCst,
        );
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        DateTime::from_timestamp_micros(self.0.load(Ordering::SeqCst)).unwrap_or_default()
    }
}

/// `from + by`, held at the last representable moment instead of overflowing.
#[must_use]
pub fn add(from: Timestamp, by: Duration) -> Timestamp {
    TimeDelta::from_std(by)
        .ok()
        .and_then(|by| from.checked_add_signed(by))
        .unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// `from − by`, held at the first representable moment.
#[must_use]
pub fn sub(from: Timestamp, by: Duration) -> Timestamp {
    TimeDelta::from_std(by)
        .ok()
        .and_then(|by| from.checked_sub_signed(by))
        .unwrap_or(DateTime::<Utc>::MIN_UTC)
}

/// How long ago `then` was; zero when it lies ahead.
#[must_use]
pub fn since(now: Timestamp, then: Timestamp) -> Duration {
    (now - then).to_std().unwrap_or_default()
}

/// Gives randomness.
pub trait Entropy: Send + Sync + std::fmt::Debug {
    /// A number in `[0, 1)`.
    fn unit(&self) -> f64;

    /// Fills `bytes`.
    fn fill(&self, bytes: &mut [u8]);

    /// A random (version 4) UUID.
    fn uuid(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}

/// The operating system's randomness, through the thread's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "this is the injected entropy")]
    fn unit(&self) -> f64 {
        rand::RngExt::random(&mut rand::rng())
    }

    #[expect(clippy::disallowed_methods, reason = "this is the injected entropy")]
    fn fill(&self, bytes: &mut [u8]) {
        rand::rng().fill_bytes(bytes);
    }
}

/// A repeatable sequence for tests.
#[derive(Debug)]
pub struct SeededEntropy(Mutex<StdRng>);

impl SeededEntropy {
    /// The sequence that `seed` begins.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }

    fn with<T>(&self, f: impl FnOnce(&mut StdRng) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

impl Entropy for SeededEntropy {
    fn unit(&self) -> f64 {
        self.with(rand::RngExt::random)
    }

    fn fill(&self, bytes: &mut [u8]) {
        self.with(|rng| rng.fill_bytes(bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// Moments are counted in UTC, where every day has as many seconds: what calendars and time zones do is of no effect.
    #[test]
    fn a_delay_is_so_much_time_whatever_the_calendar_does_meanwhile() {
        for (from, days, to) in [
            ("2028-02-28T12:00:00Z", 1, "2028-02-29T12:00:00Z"),
            ("2028-02-29T12:00:00Z", 366, "2029-03-01T12:00:00Z"),
            ("2027-02-28T12:00:00Z", 1, "2027-03-01T12:00:00Z"),
            ("2100-02-28T12:00:00Z", 1, "2100-03-01T12:00:00Z"),
            ("2026-12-31T23:59:59.999999Z", 1, "2027-01-01T23:59:59.999999Z"),
            // Clocks are put forward and back in Europe, and a leap second was inserted.
            ("2026-03-28T12:00:00Z", 1, "2026-03-29T12:00:00Z"),
            ("2026-10-24T12:00:00Z", 1, "2026-10-25T12:00:00Z"),
            ("2016-12-31T12:00:00Z", 1, "2017-01-01T12:00:00Z"),
            ("9999-12-31T12:00:00Z", 1, "+10000-01-01T12:00:00Z"),
        ] {
            let (from, to) = (at(from), at(to));
            assert_eq!(add(from, DAY * days), to, "{from} and {days} days");
            assert_eq!(sub(to, DAY * days), from, "{to} less {days} days");
            assert_eq!(since(to, from), DAY * days);
        }
    }

    #[test]
    fn time_ends_at_its_ends() {
        assert_eq!(add(Timestamp::MAX_UTC, DAY), Timestamp::MAX_UTC);
        assert_eq!(add(at("2026-01-01T00:00:00Z"), Duration::MAX), Timestamp::MAX_UTC);
        assert_eq!(sub(Timestamp::MIN_UTC, DAY), Timestamp::MIN_UTC);
        assert_eq!(since(Timestamp::MIN_UTC, Timestamp::MAX_UTC), Duration::ZERO);
    }
}
