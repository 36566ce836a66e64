//! The run second by second.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;

/// What a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Sending, not yet measured.
    Warmup,
    /// Sending.
    Send,
    /// Following what was sent.
    Follow,
}

impl Phase {
    /// As in the files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Warmup => "warmup",
            Self::Send => "send",
            Self::Follow => "follow",
        }
    }
}

/// One second. Counts are jobs in this second, unless said otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Row {
    /// Its end, in seconds since the beginning.
    pub at: f64,
    /// How long it was: the last one can be short.
    pub seconds: f64,
    /// What the run was doing.
    pub phase: Phase,
    /// Due.
    pub offered: u64,
    /// Accepted, repetitions included.
    pub accepted: u64,
    /// Of these, there before.
    pub replayed: u64,
    /// Sent and not accepted.
    pub refused: u64,
    /// Due and not sent, because too many calls were under way.
    pub dropped: u64,
    /// Calls under way at its end.
    pub in_flight: u64,
    /// Submit latency in microseconds, from the moment a call was due.
    pub p50_us: u64,
    /// 90 %.
    pub p90_us: u64,
    /// 99 %.
    pub p99_us: u64,
    /// 99.9 %.
    pub p999_us: u64,
    /// The greatest.
    pub max_us: u64,
    /// 99 % of calls left no later than this after they were due.
    pub lag_p99_us: u64,
    /// Ready jobs in the scheduler at its end.
    pub ready: Option<u64>,
    /// Jobs that workers hold.
    pub running: Option<u64>,
    /// Jobs whose time has not come.
    pub delayed: Option<u64>,
    /// How long the oldest ready job has waited, in milliseconds.
    pub oldest_ms: Option<u64>,
    /// Workers whose heartbeats arrive.
    pub workers: Option<u64>,
    /// Jobs ended since the beginning: accepted less what is open, so others' jobs blur it.
    pub completed: Option<u64>,
    /// Cores used by this process.
    pub own_cores: Option<f64>,
    /// Cores used by everything on this machine.
    pub machine_cores: Option<f64>,
}

/// What is known of one job that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobTimes {
    /// When it was due, from the beginning of the run.
    pub due: Duration,
    /// From accepted to started, by the scheduler's clock; nothing when it never started.
    pub wait: Option<Duration>,
    /// From due to finished, across both clocks.
    pub whole: Duration,
    /// Attempts and lost leases beyond the first, which a type that fails on purpose has anyway.
    pub repeated_runs: u32,
    /// Whether it was handed out more than once, for whatever reason: an attempt that failed, a lost lease, a worker
    /// that handed it back.
    pub handed_again: bool,
}

/// The columns of `timeseries.csv`.
pub(crate) const COLUMNS: &str = "at,seconds,phase,offered,accepted,replayed,refused,dropped,in_flight,p50_us,p90_us,\
    p99_us,p999_us,max_us,lag_p99_us,ready,running,delayed,oldest_ms,workers,completed,own_cores,machine_cores";

impl Row {
    pub(crate) fn csv(&self) -> String {
        fn cell<T: ToString>(value: Option<T>) -> String {
            value.map_or(String::new(), |value| value.to_string())
        }
        let cells = [
            format!("{:.3}", self.at),
            format!("{:.3}", self.seconds),
            self.phase.name().to_owned(),
            self.offered.to_string(),
            self.accepted.to_string(),
            self.replayed.to_string(),
            self.refused.to_string(),
            self.dropped.to_string(),
            self.in_flight.to_string(),
            self.p50_us.to_string(),
            self.p90_us.to_string(),
            self.p99_us.to_string(),
            self.p999_us.to_string(),
            self.max_us.to_string(),
            self.lag_p99_us.to_string(),
            cell(self.ready),
            cell(self.running),
            cell(self.delayed),
            cell(self.oldest_ms),
            cell(self.workers),
            cell(self.completed),
            cell(self.own_cores),
            cell(self.machine_cores),
        ];
        cells.join(",")
    }
}
