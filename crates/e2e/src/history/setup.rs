//! What a run is set up to be, and what it has to reach in order to prove anything.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Written before a run begins; the checker judges by it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// Names the run.
    pub run: String,
    /// What faults and load are made from.
    pub seed: u64,
    /// How long a lease lives, ms.
    pub lease_ms: u64,
    /// Time between heartbeats, ms.
    pub heartbeat_ms: u64,
    /// Time between looks of the background loops, ms.
    pub sweep_ms: u64,
    /// The lost lease that is a job's last.
    pub crash_budget: u32,
    /// Longest wait between two attempts, ms.
    pub max_backoff_ms: u64,
    /// Longest that an attempt runs, ms.
    pub max_run_ms: u64,
    /// Whether every worker tells its events: only then a completion without a start is a phantom.
    pub workers_tell: bool,
    /// Whether something between clients and API repeats calls: then a refusal may hide an earlier try that was carried out.
    pub gateway_repeats: bool,
    /// Whether the run waits at its end until no job is open: only then a job that is open is late.
    pub drains: bool,
    /// Whether there were two queues at some time, each taken for the only one. A row that is due later is then loaded into both under the
    /// epoch that it has, and begun from both: what holds is that one of the reports is accepted.
    #[serde(default)]
    pub two_queues: bool,
    /// Difference between clocks that a start may be early by, ms: more than a few only when clocks are a fault of this run.
    pub clock_tolerance_ms: u64,
    /// After a flush of the queue all that is due starts within this, ms, if it is to be judged.
    #[serde(default)]
    pub rebuilt_within_ms: Option<u64>,
    /// Share of the completions per second before the first fault that has to be there again 60 s after the last, if it is to
    /// be judged: 0.9.
    #[serde(default)]
    pub goodput: Option<f64>,
    /// States without which the run is invalid.
    #[serde(default)]
    pub must_reach: BTreeSet<Reach>,
}

impl Setup {
    /// A run with the short leases of [`Fleet`](crate::Fleet), that drains.
    #[must_use]
    pub fn new(run: impl Into<String>, seed: u64) -> Self {
        Self {
            run: run.into(),
            seed,
            lease_ms: 3_000,
            heartbeat_ms: 500,
            sweep_ms: 1_000,
            crash_budget: 5,
            max_backoff_ms: 10_000,
            max_run_ms: 10_000,
            workers_tell: true,
            gateway_repeats: false,
            drains: true,
            two_queues: false,
            clock_tolerance_ms: 50,
            rebuilt_within_ms: None,
            goodput: None,
            must_reach: BTreeSet::new(),
        }
    }

    /// How long a lease lives, ns.
    #[must_use]
    pub fn lease(&self) -> u64 {
        ns(self.lease_ms)
    }

    /// Time between heartbeats, ns.
    #[must_use]
    pub fn heartbeat(&self) -> u64 {
        ns(self.heartbeat_ms)
    }

    /// By how much clocks may differ, ns.
    #[must_use]
    pub fn tolerance(&self) -> u64 {
        ns(self.clock_tolerance_ms)
    }

    /// The longest that a job may be without a change when nothing is wrong any more, ns: a lost lease, a look of the background loops,
    /// the longest wait between attempts, the longest attempt, and ten seconds.
    #[must_use]
    pub fn patience(&self) -> u64 {
        ns(self.lease_ms + self.sweep_ms + self.max_backoff_ms + self.max_run_ms + 10_000)
    }

    /// Adds states without which the run is invalid.
    #[must_use]
    pub fn reaching(mut self, states: impl IntoIterator<Item = Reach>) -> Self {
        self.must_reach.extend(states);
        self
    }
}

fn ns(ms: u64) -> u64 {
    ms.saturating_mul(1_000_000)
}

macro_rules! reach {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal,)*) => {
        /// A rare state. Some are seen in what clients, workers and rows tell, others have to be told
        /// ([`Recorder::reached`](super::Recorder::reached)).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Reach {
            $($(#[doc = $doc])* $name,)*
        }

        impl Reach {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// As in files.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

reach! {
    /// A worker's report was refused. Seen.
    StaleReportRefused = "stale_report_refused",
    /// A lost lease was charged and the job handed out again. Seen.
    LeaseReclaimed = "lease_reclaimed",
    /// A submit found its job there already. Seen.
    IdempotentReplay = "idempotent_replay",
    /// A key or id with another body was refused. Seen.
    ConflictRefused = "conflict_refused",
    /// A statement was tried again after 40001. Told by the store.
    ConflictRetried = "conflict_retried",
    /// A commit whose answer was lost turned out to have been carried out. Told by the store.
    DoubtCommitted = "doubt_committed",
    /// A commit whose answer was lost turned out not to have been. Told by the store.
    DoubtNotCommitted = "doubt_not_committed",
    /// The queue lost its content while more than 100 jobs waited: a fault named `flush`, or with `redis_lost`, and with `queued`. Seen.
    FlushWithBacklog = "flush_with_backlog",
    /// The queue was seen to have lost its content. Told by the reconciler.
    QueueRebuilt = "queue_rebuilt",
    /// A worker was asked to stop while attempts ran. Seen.
    DrainWithWork = "drain_with_work",
    /// A draining worker gave back an attempt. Seen.
    HandedBack = "handed_back",
    /// A request was refused because there was too much to do. Seen.
    RequestShed = "request_shed",
    /// A job was cancelled while it ran. Seen.
    CancelWhileRunning = "cancel_while_running",
    /// The crash budget of a job was used up. Seen.
    CrashedOut = "crashed_out",
    /// A failed job was reopened. Seen.
    Redriven = "redriven",
    /// An answer was indeterminate. Seen.
    IndeterminateAnswer = "indeterminate_answer",
    /// A report was carried out a second time. Told by the harness.
    ReportReplayed = "report_replayed",
    /// Two attempts at one job overlapped, under different epochs. Seen.
    AttemptsOverlapped = "attempts_overlapped",
}
