//! Identifiers, each its own type so that one cannot be passed for another.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Names one job for ever. Chosen by the client, or made by the server (UUIDv7 with a shard in its last byte).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub Uuid);

impl JobId {
    /// A new time-ordered id that lives in `shard`.
    ///
    /// Time order keeps one batch of inserts at one B-tree tail; the shard byte keeps it in one range.
    #[must_use]
    pub fn generate(now: crate::Timestamp, random: [u8; 10], shard: Shard) -> Self {
        let millis = u64::try_from(now.timestamp_millis()).unwrap_or_default();
        let mut bytes = *uuid::Builder::from_unix_timestamp_millis(millis, &random)
            .as_uuid()
            .as_bytes();
        let free_bits = bytes[15] & !Shard::MASK;
        bytes[15] = free_bits | shard.byte();
        Self(Uuid::from_bytes(bytes))
    }

    /// The shard that this id belongs to: the low bits of its last byte, so any client's UUID has one.
    #[must_use]
    pub fn shard(self) -> Shard {
        Shard(self.0.as_bytes()[15] & Shard::MASK)
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl FromStr for JobId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text).map(Self)
    }
}

/// One of [`Shard::COUNT`] slices of the job space: the leading key column in the database and the hash tag in
/// Redis. The count is part of the stored data's format and cannot be configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Shard(u8);

impl Shard {
    /// Number of shards. A power of two.
    pub const COUNT: u8 = 8;
    const MASK: u8 = Self::COUNT - 1;

    /// Every shard, in order.
    pub fn all() -> impl ExactSizeIterator<Item = Self> + Clone {
        (0..Self::COUNT).map(Self)
    }

    /// The shard a running number falls on: `n` modulo [`Shard::COUNT`].
    #[must_use]
    pub fn wrapping(n: u64) -> Self {
        Self(n.to_le_bytes()[0] & Self::MASK)
    }

    /// 0 … COUNT−1.
    #[must_use]
    pub fn byte(self) -> u8 {
        self.0
    }

    /// As the database stores it.
    #[must_use]
    pub fn column(self) -> i16 {
        i16::from(self.0)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The fencing number: raised by the store each time a job is handed out again. A report that carries an older
/// epoch than the row's is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub i32);

impl Epoch {
    /// The epoch a job is born with.
    pub const FIRST: Self = Self(1);

    /// The next one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Counts a job's visible changes; a watcher resumes after the last one it has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sequence(pub i64);

impl Sequence {
    /// The sequence number of a job just submitted.
    pub const FIRST: Self = Self(1);
}

/// One life of one worker process: instance name plus a boot id, so that a restarted pod is another worker.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorkerId(String);

impl WorkerId {
    /// `instance` (a pod or host name, cut to 64 bytes) with eight hex digits of `boot`.
    #[must_use]
    pub fn new(instance: &str, boot: Uuid) -> Self {
        let instance: String = instance.chars().filter(char::is_ascii_graphic).take(64).collect();
        let boot = boot.simple().to_string();
        Self(format!("{instance}-{}", &boot[24..]))
    }

    /// Reads one back from where it was stored.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// As it is stored and shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Stands for an idempotency key in the store: 128 bits of the key's SHA-256, as a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyHash(pub Uuid);

impl KeyHash {
    /// The shard of the row that holds the key.
    #[must_use]
    pub fn shard(self) -> Shard {
        JobId(self.0).shard()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, ManualClock};

    #[test]
    fn a_generated_id_lands_in_the_shard_asked_for() {
        let now = ManualClock::default().now();
        for shard in Shard::all() {
            let id = JobId::generate(now, [0xff; 10], shard);
            assert_eq!(id.shard(), shard);
            assert_eq!(id.0.get_version_num(), 7);
        }
    }

    #[test]
    fn every_uuid_has_a_shard_below_the_count() {
        for n in 0..=255u8 {
            let id = JobId(Uuid::from_bytes([n; 16]));
            assert!(id.shard().byte() < Shard::COUNT);
        }
    }

    #[test]
    fn a_worker_id_is_printable_and_bounded() {
        let id = WorkerId::new(&"x\n ü".repeat(100), Uuid::from_bytes([7; 16]));
        assert!(id.as_str().len() <= 64 + 1 + 8);
        assert!(id.as_str().chars().all(|c| c.is_ascii_graphic()));
    }
}
