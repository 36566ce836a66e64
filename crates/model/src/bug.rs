//! Mistakes that the checker has to find.

/// A rule broken on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Bug {
    /// A report is accepted for whatever epoch the row has.
    CompletionByIdAlone,
    /// The reaper hands out the job of a lease whatever its epoch and state.
    ReaperByIdAlone,
    /// A hand-out leaves the epoch as it is.
    EpochNotRaised,
    /// The reconciler pushes what the queue forgot under the epoch it had.
    ForgottenKeepsItsEpoch,
    /// A cancel is written whatever the row's state.
    CancelOverwrites,
    /// A retry is not charged.
    RetryWithoutAttempt,
    /// A claim leaves the entry, and the next one takes the lease from its holder.
    DoubleClaim,
    /// The client is answered before the row is there.
    AckBeforeCommit,
}
