//! Leases that workers of this process acknowledged or released a moment ago.
//!
//! A heartbeat lists what its worker held when the list was made. By the time it is carried out, some of it may have ended, and a
//! lease made again for an ended attempt would live as long as its worker does. So what is given up is remembered for a few
//! seconds, and is left out.

use std::collections::HashSet;
use std::time::Duration;

use scheduler_domain::{Epoch, JobId};
use tokio::time::Instant;

/// What is given up is remembered for at least this time, and at most twice as long: much longer than a heartbeat is under way.
const MEMORY: Duration = Duration::from_secs(5);
/// Most leases in a generation: bounds the memory, should a process give up more than that in so short a time.
const MOST: usize = 1 << 17;

/// Two generations of leases given up.
#[derive(Debug)]
pub(crate) struct Recent {
    young: HashSet<(JobId, Epoch)>,
    old: HashSet<(JobId, Epoch)>,
    since: Instant,
}

impl Default for Recent {
    fn default() -> Self {
        Self {
            young: HashSet::new(),
            old: HashSet::new(),
            since: Instant::now(),
        }
    }
}

impl Recent {
    /// Notes that these are not held any more.
    pub(crate) fn given_up(&mut self, leases: impl IntoIterator<Item = (JobId, Epoch)>) {
        if self.young.len() >= MOST || self.since.elapsed() >= MEMORY {
            self.old = std::mem::take(&mut self.young);
            self.since = Instant::now();
        }
        self.young.extend(leases);
    }

    /// Notes that these are held (again).
    pub(crate) fn taken(&mut self, leases: impl IntoIterator<Item = (JobId, Epoch)>) {
        if self.young.is_empty() && self.old.is_empty() {
            return;
        }
        for lease in leases {
            self.young.remove(&lease);
            self.old.remove(&lease);
        }
    }

    pub(crate) fn contains(&self, id: JobId, epoch: Epoch) -> bool {
        self.young.contains(&(id, epoch)) || self.old.contains(&(id, epoch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(n: u128) -> (JobId, Epoch) {
        (JobId(uuid::Uuid::from_u128(n)), Epoch::FIRST)
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_given_up_is_remembered_for_a_while() {
        let mut recent = Recent::default();
        recent.given_up([lease(1)]);
        for (n, remembered) in [(2, true), (3, false)] {
            tokio::time::advance(MEMORY).await;
            recent.given_up([lease(n)]);
            assert_eq!(recent.contains(lease(1).0, lease(1).1), remembered, "{n}");
        }
    }

    #[tokio::test]
    async fn a_lease_taken_again_is_not_left_out() {
        let mut recent = Recent::default();
        recent.given_up([lease(1), lease(2)]);
        recent.taken([lease(1)]);
        assert!(!recent.contains(lease(1).0, lease(1).1));
        assert!(recent.contains(lease(2).0, lease(2).1));
    }
}
