//! Entries by shard and line, as the scripts take them.

use std::collections::BTreeMap;

use scheduler_domain::{Entry, JobId, Priority, QueueName, Shard};

use super::call::Call;
use super::codec::member_of;
use super::keys::line;

/// The lines of one shard, each with its entries.
type Lines<'a> = BTreeMap<(&'a QueueName, Priority), Vec<&'a Entry>>;

/// Whether a script is told where an entry stands in line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Places {
    With,
    Without,
}

/// Sorts entries into shards and lines; their order within a line stays.
pub(super) fn by_shard(entries: &[Entry]) -> BTreeMap<Shard, Lines<'_>> {
    let mut shards: BTreeMap<Shard, Lines<'_>> = BTreeMap::new();
    for entry in entries {
        let lines = shards.entry(entry.id.shard()).or_default();
        lines
            .entry((&entry.queue, entry.priority))
            .or_default()
            .push(entry);
    }
    shards
}

/// Sorts what belongs to ids into shards.
pub(super) fn group<T>(
    items: impl IntoIterator<Item = T>,
    id: impl Fn(&T) -> JobId,
) -> BTreeMap<Shard, Vec<T>> {
    let mut shards: BTreeMap<Shard, Vec<T>> = BTreeMap::new();
    for item in items {
        shards.entry(id(&item).shard()).or_default().push(item);
    }
    shards
}

impl Call {
    /// The arguments that `each_line` in the scripts walks.
    pub(super) fn lines(mut self, lines: &Lines<'_>, places: Places) -> Self {
        for ((queue, priority), entries) in lines {
            let line = line(queue, *priority);
            self = self.arg(&line).arg(entries.len());
            self.about.lines.push(line);
            for entry in entries {
                self = self.arg(&member_of(entry)[..]);
                if places == Places::With {
                    self = self.arg(entry.ready_at.timestamp_micros());
                }
            }
        }
        self
    }
}
