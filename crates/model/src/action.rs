//! What can happen.

use crate::state::{Epoch, Job, Worker};

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// SUCCEEDED.
    Succeeded,
    /// A failure: RETRY, or DEADLETTER after the last attempt.
    FailedRetryable,
    /// FAILED.
    FailedFatal,
}

/// One step. Those marked *fault* are counted against [`crate::World::faults`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// `engine/submit: store_batch`: the row, the answer, and a push on its way.
    Submit {
        /// Which.
        job: Job,
        /// Whether it may run at once.
        due: bool,
    },
    /// The insert of a submission that was answered before ([`crate::Bug::AckBeforeCommit`]).
    Commit(Job),
    /// Time: the row's `run_at` comes, and `Upkeep::promote` makes its entry ready.
    Due(Job),
    /// `Dispatch::push`: one that was on its way arrives.
    Push(Job, Epoch),
    /// A push is lost, with its process or with the connection. *Fault.*
    LosePush(Job, Epoch),
    /// `Dispatch::claim` of this entry.
    Claim(Worker, Job, Epoch),
    /// `engine/session/claim: load`: the row is read; a stale entry is dropped.
    Load(Worker, Job),
    /// `Dispatch::release`: the store did not answer, or the worker is stopping: given back unstarted. *Fault.*
    Release(Worker, Job),
    /// `Jobs::finish`, from `engine/session/finish`.
    Finish(Worker, Job, Verdict),
    /// `engine/session/finish: drop_leases`: the lease goes, a retry is pushed.
    Ack(Worker, Job),
    /// `engine/session: hand_back`: a draining worker gives back what it had begun. *Fault.*
    HandBack(Worker, Job),
    /// `Dispatch::extend`: renews, re-creates, and tells what is somebody else's.
    Beat(Worker),
    /// A worker's heartbeats stop for longer than a lease, and it goes on all the same: paused, or cut off. *Fault.*
    FallSilent(Worker),
    /// A worker dies. *Fault.*
    Die(Worker),
    /// Redis loses everything. *Fault.*
    Flush,
    /// `Upkeep::expired`, from `engine/upkeep/reap`.
    SeeExpired(usize, Job),
    /// `Maintenance::due` and `Upkeep::unknown`, from `engine/upkeep/reconcile`.
    SeeUnknown(usize, Job),
    /// `Maintenance::hand_out`, or the push of a row that is due later.
    HandOut(usize),
    /// `Upkeep::evict`, then the push of the new entry is on its way.
    Evict(usize),
    /// An upkeep process dies, and begins anew.
    Abandon(usize),
    /// `engine/cancel`: the row, then the queue, if it is told. *Fault.*
    Cancel {
        /// Which.
        job: Job,
        /// Whether `Dispatch::remove` arrives.
        told: bool,
    },
    /// `engine/cancel: redrive`. *Fault.*
    Redrive(Job),
}

impl Action {
    /// Whether it is counted against the faults allowed.
    #[must_use]
    pub fn is_fault(self) -> bool {
        matches!(
            self,
            Self::LosePush(..)
                | Self::Release(..)
                | Self::HandBack(..)
                | Self::FallSilent(_)
                | Self::Die(_)
                | Self::Flush
                | Self::Cancel { .. }
                | Self::Redrive(_)
        )
    }
}
