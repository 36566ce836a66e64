//! What there is: rows, the queue, what workers hold, and where upkeep is.

/// A job's number.
pub(crate) type Job = usize;
/// A worker's number.
pub(crate) type Worker = usize;
/// The fencing number; [`scheduler_domain::Epoch`](../../domain/src/id.rs) counts as this does.
pub(crate) type Epoch = u8;

/// `scheduler_domain::State`, as far as the protocol cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowState {
    /// QUEUED, RUNNING, RETRY or SCHEDULED.
    Open {
        /// Whether its `run_at` has come.
        due: bool,
    },
    /// SUCCEEDED.
    Succeeded,
    /// FAILED.
    Failed,
    /// DEADLETTER.
    Dead,
    /// CANCELLED.
    Cancelled,
}

/// A row of `jobs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Row {
    /// Where it is.
    pub state: RowState,
    /// Under what number it is out.
    pub epoch: Epoch,
    /// Attempts charged.
    pub attempts: u8,
    /// Leases lost.
    pub crashes: u8,
}

impl Row {
    /// Whether a report under `epoch` is taken: `finished_at IS NULL AND epoch = $epoch`.
    #[must_use]
    pub fn is_open_at(&self, epoch: Epoch) -> bool {
        matches!(self.state, RowState::Open { .. }) && self.epoch == epoch
    }
}

/// A set of small epochs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Epochs(u8);

impl Epochs {
    pub(crate) fn insert(&mut self, epoch: Epoch) {
        self.0 |= 1 << epoch;
    }

    pub(crate) fn remove(&mut self, epoch: Epoch) {
        self.0 &= !(1 << epoch);
    }

    pub(crate) fn contains(self, epoch: Epoch) -> bool {
        self.0 & (1 << epoch) != 0
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Epoch> {
        (0..8).filter(move |epoch| self.contains(*epoch))
    }
}

impl std::fmt::Debug for Epochs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// Who holds a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holder {
    /// A worker that lives, if perhaps in silence.
    Worker(Worker),
    /// A worker that died: another life of it has another name.
    Dead,
}

/// A claim on a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lease {
    /// Under which epoch.
    pub epoch: Epoch,
    /// Whose.
    pub holder: Holder,
}

/// What the queue knows of one job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Queue {
    /// Entries, ready or delayed.
    pub waiting: Epochs,
    /// Who has it.
    pub lease: Option<Lease>,
    /// Pushes on their way: each arrives, however late, or is lost.
    pub pushes: Epochs,
}

/// What a worker has to do with one job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Hand {
    /// Nothing.
    #[default]
    Empty,
    /// Claimed; the row is not read yet.
    Claimed(Epoch),
    /// It runs.
    Running(Epoch),
    /// The store has answered its report; the lease is still to be dropped, and a retry to be pushed.
    Reported {
        /// Under which epoch.
        epoch: Epoch,
        /// The retry's epoch, if that is what was accepted.
        retry: Option<Epoch>,
    },
}

impl Hand {
    /// What its heartbeats list.
    #[must_use]
    pub fn held(self) -> Option<Epoch> {
        match self {
            Self::Empty => None,
            Self::Claimed(epoch) | Self::Running(epoch) | Self::Reported { epoch, .. } => Some(epoch),
        }
    }
}

/// Where one process's upkeep is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Sweep {
    /// Nowhere.
    #[default]
    Idle,
    /// The reaper was told of an expired lease.
    Expired(Job, Lease),
    /// The reconciler was told that the queue does not know this entry, and that the queue is the one it asked before.
    Unknown {
        /// Which row.
        job: Job,
        /// Under which epoch.
        epoch: Epoch,
        /// Whether it was due.
        due: bool,
    },
    /// The reaper has handed the job out; the lease is to be evicted, the new entry to be pushed.
    HandedOut {
        /// Which row.
        job: Job,
        /// What expired.
        lease: Lease,
        /// What to push.
        push: Option<Epoch>,
    },
}

/// What happened, for the properties to look at; no process reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seen {
    /// The client was told that its job is accepted.
    pub acknowledged: bool,
    /// Epochs under which a handler began.
    pub started: Epochs,
    /// Epochs under which a report was accepted.
    pub accepted: Epochs,
    /// Reports accepted since the last redrive that did not end the job.
    pub retries: u8,
    /// A success was accepted since the last redrive.
    pub succeeded: bool,
    /// A cancel was answered with yes.
    pub cancelled: bool,
    /// A rule was broken.
    pub broken: Option<Broken>,
}

/// A rule that was broken in the step just taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Broken {
    /// S3: two handlers began under one epoch, or the epoch fell.
    Epoch,
    /// S4: a report was accepted that was not the first under the row's epoch.
    Fence,
    /// S5: something else than a redrive left a final state.
    Final,
    /// S6: a second success.
    Success,
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// The store.
    pub rows: Vec<Option<Row>>,
    /// The queue.
    pub queue: Vec<Queue>,
    /// Workers whose heartbeats the queue has not, or not any more.
    pub silent: Vec<bool>,
    /// What workers hold, by worker and job.
    pub hands: Vec<Vec<Hand>>,
    /// Upkeep.
    pub sweeps: Vec<Sweep>,
    /// What happened, by job.
    pub seen: Vec<Seen>,
    /// Faults and interventions that may still come.
    pub faults: u8,
}

impl State {
    /// Whether the queue counts this lease as expired.
    #[must_use]
    pub fn is_expired(&self, lease: Lease) -> bool {
        match lease.holder {
            Holder::Dead => true,
            Holder::Worker(worker) => self.silent[worker],
        }
    }
}
