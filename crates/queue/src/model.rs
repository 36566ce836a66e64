//! Arguments and answers of the queue.

use std::collections::BTreeMap;
use std::time::Duration;

use scheduler_domain::{Entry, Epoch, JobId, Priority, QueueName, Shard, Timestamp};

/// Which queues a worker takes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Served {
    /// Every queue there is, new ones included.
    All,
    /// These.
    Only(Vec<QueueName>),
}

impl Served {
    /// From configured names, of which `*` means all.
    ///
    /// # Errors
    /// The first name that is not a queue's.
    pub fn parse(names: &[String]) -> Result<Self, scheduler_domain::Invalid> {
        if names.is_empty() || names.iter().any(|n| n == "*") {
            return Ok(Self::All);
        }
        names
            .iter()
            .map(|n| QueueName::parse(n.as_str()))
            .collect::<Result<_, _>>()
            .map(Self::Only)
    }
}

/// An entry taken and leased. `entry.ready_at` is its old place in line, for giving it back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// What was taken.
    pub entry: Entry,
    /// When, by the queue's clock.
    pub at: Timestamp,
}

/// What somebody who waited was woken for. All of it are hints: another may have taken it by now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Woken {
    /// Where something may be ready.
    pub shard: Shard,
    /// The very entry, where it came alone: its row can be read while it is claimed.
    pub entry: Option<(JobId, Epoch)>,
}

/// What a promotion did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Promoted {
    /// Entries that left the delayed ones.
    pub moved: usize,
    /// Of these, how many became ready, by queue and priority.
    pub ready: BTreeMap<(QueueName, Priority), usize>,
    /// How long until the next delayed entry is due; `None` when there is none.
    pub next_in: Option<Duration>,
}

/// What waits in one queue at one priority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depth {
    /// The queue.
    pub queue: QueueName,
    /// The priority.
    pub priority: Priority,
    /// Ready entries.
    pub ready: u64,
    /// How long the oldest of them has been ready.
    pub oldest: Option<Duration>,
}

/// How large each structure is, over all shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sizes {
    /// Entries ready.
    pub ready: u64,
    /// Entries delayed.
    pub delayed: u64,
    /// Leases.
    pub leased: u64,
    /// Workers whose heartbeat has not run out.
    pub workers: u64,
    /// Bytes that all ready structures take (sampled), 0 where the backend cannot tell.
    pub ready_bytes: u64,
    /// Bytes that all delayed structures take.
    pub delayed_bytes: u64,
    /// Bytes that all lease structures take.
    pub leased_bytes: u64,
}

/// Names one content of the queue.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Incarnation(pub String);

/// A message between processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// These jobs changed: whoever watches them should look.
    Changed(Vec<JobId>),
    /// This job was cancelled: whoever runs it should stop.
    Cancelled(JobId),
}
