//! What came of a run.

use schemars::JsonSchema;
use serde::Serialize;

use crate::machine::Busy;
use crate::stats::Percentiles;
use crate::threshold::Threshold;

/// What came of a run: the content of `summary.json`. Everything but the ledger leaves the warm-up out.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(title = "Summary of tsctl load")]
pub struct Summary {
    /// Version of this form: raised when a field changes its meaning or goes.
    pub version: u32,
    /// Which program wrote it.
    pub tool: String,
    /// Where the scheduler answered.
    pub address: String,
    /// `submit`, `e2e` or `latency`.
    pub mode: String,
    /// What was to be done, in a line.
    pub plan: String,
    /// What everything random followed from: the same seed offers the same jobs.
    pub seed: u64,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// When it ended, RFC 3339.
    pub ended_at: String,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
    /// Warm-up before the measurement, in seconds.
    pub warmup_seconds: f64,
    /// How long was measured, from the end of the warm-up to the last answer, in seconds.
    pub measured_seconds: f64,
    /// Jobs.
    pub jobs: JobCounts,
    /// Calls.
    pub calls: Calls,
    /// Jobs per second.
    pub rates: Rates,
    /// Distributions of durations.
    pub latency: Latencies,
    /// Jobs not accepted, by code and reason, most frequent first.
    pub errors: Vec<ErrorCount>,
    /// Answers per replica (`x-served-by`), most frequent first.
    pub served_by: Vec<Replica>,
    /// What became of every job; mode `e2e` only.
    pub ledger: Option<LedgerCounts>,
    /// How the load generator itself did.
    pub generator: Generator,
    /// The thresholds given.
    pub thresholds: Vec<Verdict>,
    /// What to keep in mind when reading this.
    pub warnings: Vec<String>,
}

/// Jobs. `offered = dropped + accepted + refused` once every call has its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct JobCounts {
    /// Due.
    pub offered: u64,
    /// Due and not sent, because too many calls were under way.
    pub dropped: u64,
    /// Accepted, repetitions included.
    pub accepted: u64,
    /// Accepted as a repetition of an earlier one.
    pub replayed: u64,
    /// Sent and not accepted.
    pub refused: u64,
}

/// Calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Calls {
    /// Made.
    pub made: u64,
    /// Failed as a whole.
    pub failed: u64,
}

/// Jobs per second.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, JsonSchema)]
pub struct Rates {
    /// Due, while the schedule offered any.
    pub offered: f64,
    /// Accepted, from the end of the warm-up to the last answer.
    pub accepted: f64,
    /// Ended, from the beginning to the end of the last job; mode `e2e` only.
    pub completed: Option<f64>,
    /// Share of sent jobs that were not accepted.
    pub error: f64,
    /// Share of offered jobs that were not sent.
    pub drop: f64,
}

/// Distributions of durations. Those of calls are per call, so a batch counts once.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, JsonSchema)]
pub struct Latencies {
    /// From the moment a call was due to its answer; failed calls are left out.
    pub submit: Option<Percentiles>,
    /// From the moment a call was sent to its answer.
    pub service: Option<Percentiles>,
    /// From the moment a call was due to the moment it was sent: the generator's own delay.
    pub lag: Option<Percentiles>,
    /// From accepted to started, by the scheduler's clock; modes `e2e` and `latency`.
    pub wait: Option<Percentiles>,
    /// From started to finished, by the scheduler's clock; mode `e2e`.
    pub run: Option<Percentiles>,
    /// From the moment the submit was due, by this machine's clock, to finished, by the scheduler's; mode `e2e`.
    pub e2e: Option<Percentiles>,
    /// From the acknowledgement, by this machine's clock, to the handler's start, by the worker's; mode `latency`.
    pub start: Option<Percentiles>,
    /// From the acknowledgement, by this machine's clock, to the handler's end, by the worker's; mode `latency`.
    pub done: Option<Percentiles>,
}

/// Jobs that were not accepted for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ErrorCount {
    /// The gRPC code, or `CONNECTION` when there was no answer.
    pub code: String,
    /// The scheduler's stable reason, if it gave one.
    pub reason: String,
    /// How many.
    pub jobs: u64,
    /// What the first of them was told.
    pub message: String,
}

/// A replica of the API.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Replica {
    /// Its name.
    pub name: String,
    /// Calls that it answered.
    pub calls: u64,
    /// Its share of all answered calls.
    pub share: f64,
}

/// What became of every job sent, the warm-up's included, by id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LedgerCounts {
    /// Distinct jobs sent.
    pub sent: u64,
    /// Acknowledged: `acknowledged = succeeded + failed + dead + cancelled + open + lost`.
    pub acknowledged: u64,
    /// Ended well.
    pub succeeded: u64,
    /// Ended as FAILED.
    pub failed: u64,
    /// Ended as DEADLETTER.
    pub dead: u64,
    /// Ended as CANCELLED.
    pub cancelled: u64,
    /// Acknowledged and not ended when following ended.
    pub open: u64,
    /// Acknowledged, and the scheduler says by its id that there is no such job.
    pub lost: u64,
    /// Open, and never seen in the scheduler: nobody has asked for it yet. While there are any, `lost` is not proven, and
    /// a threshold on it is broken.
    pub unverified: u64,
    /// One job accepted under two ids, or one id listed twice.
    pub duplicated: u64,
    /// Not acknowledged to us, and there nevertheless: its answer was lost.
    pub unacknowledged_found: u64,
    /// Attempts and lost leases beyond the first of each job: retries, and at-least-once execution.
    pub repeated_runs: u64,
    /// Why following ended before every job was settled.
    pub gave_up: Option<String>,
}

/// How the load generator itself did.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, JsonSchema)]
pub struct Generator {
    /// Cores that this machine has.
    pub cores: u64,
    /// While sending.
    pub busy: Option<Busy>,
    /// The most memory it had at once.
    pub peak_memory_bytes: Option<u64>,
}

/// What became of a threshold.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Verdict {
    /// As given.
    pub threshold: String,
    /// The value it was held against: microseconds, a fraction or a number; nothing when there is none.
    pub measured: Option<f64>,
    /// Whether it holds.
    pub holds: bool,
}

/// The JSON Schema of [`Summary`].
#[must_use]
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Summary).to_value()
}

impl Summary {
    /// Whether every threshold holds.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.thresholds.iter().all(|verdict| verdict.holds)
    }

    pub(crate) fn judge(&mut self, thresholds: &[Threshold]) {
        let verdict = |threshold: &Threshold| {
            let measured = self.measured(threshold.measure());
            Verdict {
                threshold: threshold.to_string(),
                measured,
                holds: threshold.holds(measured),
            }
        };
        self.thresholds = thresholds.iter().map(verdict).collect();
    }

    /// The value of a measure that [`Threshold`] names.
    fn measured(&self, name: &str) -> Option<f64> {
        let ledger =
            |count: fn(&LedgerCounts) -> u64| self.ledger.as_ref().map(|ledger| count(ledger) as f64);
        match name {
            "error_rate" => Some(self.rates.error),
            "drop_rate" => Some(self.rates.drop),
            "errors" => Some(self.jobs.refused as f64),
            "dropped" => Some(self.jobs.dropped as f64),
            "accepted" => Some(self.jobs.accepted as f64),
            "offered_rate" => Some(self.rates.offered),
            "accepted_rate" => Some(self.rates.accepted),
            "completed_rate" => self.rates.completed,
            "lost" if self.ledger.as_ref().is_some_and(|ledger| ledger.unverified > 0) => None,
            "lost" => ledger(|ledger| ledger.lost),
            "duplicated" => ledger(|ledger| ledger.duplicated),
            "open" => ledger(|ledger| ledger.open),
            "succeeded" => ledger(|ledger| ledger.succeeded),
            "repeated_runs" => ledger(|ledger| ledger.repeated_runs),
            name => {
                let (distribution, point) = name.rsplit_once('_')?;
                self.latency.named(distribution)?.point(point)
            }
        }
    }
}

impl Latencies {
    /// Every distribution, by name.
    pub(crate) fn all(&self) -> [(&'static str, Option<Percentiles>); 8] {
        [
            ("submit", self.submit),
            ("service", self.service),
            ("lag", self.lag),
            ("wait", self.wait),
            ("run", self.run),
            ("e2e", self.e2e),
            ("start", self.start),
            ("done", self.done),
        ]
    }

    fn named(&self, name: &str) -> Option<Percentiles> {
        self.all()
            .into_iter()
            .find_map(|(known, value)| (known == name).then_some(value))?
    }
}

impl Percentiles {
    fn point(&self, name: &str) -> Option<f64> {
        let micros = match name {
            "min" => self.min_us,
            "mean" => return Some(self.mean_us),
            "p50" => self.p50_us,
            "p90" => self.p90_us,
            "p95" => self.p95_us,
            "p99" => self.p99_us,
            "p999" => self.p999_us,
            "p9999" => self.p9999_us,
            "max" => self.max_us,
            _ => return None,
        };
        Some(micros as f64)
    }
}
