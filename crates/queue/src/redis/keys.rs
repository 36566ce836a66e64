//! Every key there is in Redis. No other file builds one.
//!
//! Keys of one shard carry its number as their hash tag, so that in a cluster a script finds all it touches on one node; and the
//! bells carry one of their own, for one command waits at several.

use scheduler_domain::{Priority, QueueName, Shard};

/// The keys of one shard, and the prefix of its ready keys, of which there is one per line.
#[derive(Debug)]
pub(super) struct ShardKeys {
    /// STRING, which life of which server all of this is of.
    pub(super) life: String,
    /// Prefix of the ready lines: ZSET, id and epoch → when it became ready, µs.
    pub(super) ready: String,
    /// SET of the lines that have entries.
    pub(super) lines: String,
    /// ZSET, id and epoch and line → when it is due, µs.
    pub(super) delayed: String,
    /// HASH, id → who holds it under which epoch.
    pub(super) leases: String,
    /// ZSET, worker → until when its leases live, µs.
    pub(super) workers: String,
    /// HASH, worker → number and ids of its last claim.
    pub(super) claims: String,
    /// STRING, which process looks after this shard and until when.
    pub(super) elect: String,
}

impl ShardKeys {
    /// What the scripts' `inherit` asks for: the life, and what is dropped when it is another one's.
    pub(super) fn of_a_life(&self) -> [&str; 6] {
        [
            &self.life,
            &self.lines,
            &self.delayed,
            &self.leases,
            &self.workers,
            &self.claims,
        ]
    }
}

/// All keys under one prefix.
#[derive(Debug)]
pub(super) struct Keys {
    prefix: String,
    shards: Vec<ShardKeys>,
}

impl Keys {
    pub(super) fn new(prefix: &str) -> Self {
        let shards = Shard::all().map(|shard| ShardKeys {
            life: format!("{prefix}{{{shard}}}:life"),
            ready: format!("{prefix}{{{shard}}}:ready:"),
            lines: format!("{prefix}{{{shard}}}:lines"),
            delayed: format!("{prefix}{{{shard}}}:delayed"),
            leases: format!("{prefix}{{{shard}}}:leases"),
            workers: format!("{prefix}{{{shard}}}:workers"),
            claims: format!("{prefix}{{{shard}}}:claims"),
            elect: format!("{prefix}{{{shard}}}:elect"),
        });
        Self {
            prefix: prefix.to_owned(),
            shards: shards.collect(),
        }
    }

    pub(super) fn of(&self, shard: Shard) -> &ShardKeys {
        &self.shards[usize::from(shard.byte())]
    }

    /// STRING: names this content of the server.
    pub(super) fn incarnation(&self) -> String {
        format!("{}incarnation", self.prefix)
    }

    /// LIST of wake-up tokens for those who wait for one of these queues.
    pub(super) fn bell(&self, queue: &QueueName) -> String {
        format!("{}{{bell}}:{queue}", self.prefix)
    }

    /// LIST of wake-up tokens for those who wait for any queue. `*` is not a queue's name.
    pub(super) fn any_bell(&self) -> String {
        format!("{}{{bell}}:*", self.prefix)
    }

    /// HASH, process → when it reported, and what.
    pub(super) fn reports(&self) -> String {
        format!("{}reports", self.prefix)
    }

    /// Channel of the hints between processes.
    pub(super) fn hints(&self) -> String {
        format!("{}hints", self.prefix)
    }
}

/// A queue at one priority: what follows the prefix in a ready key.
pub(super) fn line(queue: &QueueName, priority: Priority) -> String {
    format!("{queue}:{}", priority.number())
}

/// Reads a line's name; `None` for one that is not ours. Accepts what the scripts accept, which do not count characters.
pub(super) fn parse_line(name: &[u8]) -> Option<(QueueName, Priority)> {
    let (queue, priority) = std::str::from_utf8(name).ok()?.rsplit_once(':')?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if queue.is_empty() || !queue.chars().all(is_name) || priority.len() != 1 {
        return None;
    }
    let priority = Priority::from_number(priority.parse().ok()?)?;
    Some((QueueName::from_stored(queue.to_owned()), priority))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_as_they_were_stored() {
        let keys = Keys::new("sched:");
        let shard = keys.of(Shard::wrapping(3));
        assert_eq!(shard.life, "sched:{3}:life");
        assert_eq!(shard.ready, "sched:{3}:ready:");
        assert_eq!(shard.lines, "sched:{3}:lines");
        assert_eq!(shard.delayed, "sched:{3}:delayed");
        assert_eq!(shard.leases, "sched:{3}:leases");
        assert_eq!(shard.workers, "sched:{3}:workers");
        assert_eq!(shard.claims, "sched:{3}:claims");
        assert_eq!(shard.elect, "sched:{3}:elect");
        assert_eq!(keys.incarnation(), "sched:incarnation");
        assert_eq!(keys.bell(&QueueName::default()), "sched:{bell}:default");
        assert_eq!(keys.any_bell(), "sched:{bell}:*");
        assert_eq!(keys.reports(), "sched:reports");
        assert_eq!(keys.hints(), "sched:hints");
        assert_eq!(line(&QueueName::default(), Priority::Low), "default:4");
    }

    #[test]
    fn a_line_is_read_back_and_others_are_refused() {
        for priority in Priority::ALL {
            let queue = QueueName::parse("eu.mail-1_x").unwrap();
            assert_eq!(
                parse_line(line(&queue, priority).as_bytes()),
                Some((queue, priority))
            );
        }
        for other in [
            &b"default"[..],
            b"default:5",
            b"default:+1",
            b":1",
            b"a b:1",
            b"\xff:1",
            b"",
        ] {
            assert_eq!(parse_line(other), None, "{other:?}");
        }
    }
}
