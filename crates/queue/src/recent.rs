//! Leases that this process gave up a moment ago.
//!
//! A heartbeat lists what its worker held when the list was made. By the time it is carried out, some of it may have ended, and a
//! lease made again for an ended attempt would live as long as its worker does. So what is given up is remembered for one to
//! two heartbeats, and is left out.

use std::collections::HashSet;

use scheduler_domain::{Epoch, JobId};

/// Most leases in a generation. Only a process that never sends heartbeats gets there.
const MOST: usize = 1 << 17;

/// Two generations of leases given up.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    young: HashSet<(JobId, Epoch)>,
    old: HashSet<(JobId, Epoch)>,
}

impl Recent {
    /// Notes that these are not held any more.
    pub(crate) fn given_up(&mut self, leases: impl IntoIterator<Item = (JobId, Epoch)>) {
        if self.young.len() >= MOST {
            self.age();
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

    /// Begins a new generation: called at every heartbeat.
    pub(crate) fn age(&mut self) {
        self.old = std::mem::take(&mut self.young);
    }

    pub(crate) fn contains(&self, id: JobId, epoch: Epoch) -> bool {
        self.young.contains(&(id, epoch)) || self.old.contains(&(id, epoch))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: (JobId, Epoch) = (JobId(uuid::Uuid::nil()), Epoch::FIRST);

    #[test]
    fn a_lease_given_up_is_remembered_for_two_heartbeats() {
        let mut recent = Recent::default();
        recent.given_up([LEASE]);
        recent.age();
        assert!(recent.contains(LEASE.0, LEASE.1));
        recent.age();
        assert!(!recent.contains(LEASE.0, LEASE.1));
    }

    #[test]
    fn a_lease_taken_again_is_not_left_out() {
        let mut recent = Recent::default();
        recent.given_up([LEASE]);
        recent.age();
        recent.taken([LEASE]);
        assert!(!recent.contains(LEASE.0, LEASE.1));
    }
}
