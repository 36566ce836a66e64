//! A run as the checker sees it: everything that happened to a job, side by side, and compact, for there may be a million events.
//!
//! All times are CLOCK_MONOTONIC in nanoseconds; those that the database's clock told are translated.

use std::collections::{BTreeMap, HashMap};

use scheduler_domain::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{Op, Reach, Setup};

/// A name that many events share, such as a worker's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(u32);

/// Names by number.
#[derive(Debug, Clone, Default)]
pub struct Names {
    numbers: HashMap<String, Name>,
    texts: Vec<String>,
}

impl Names {
    /// The number of this name.
    pub fn of(&mut self, text: &str) -> Name {
        if let Some(name) = self.numbers.get(text) {
            return *name;
        }
        let name = Name(u32::try_from(self.texts.len()).unwrap_or(u32::MAX));
        self.texts.push(text.to_owned());
        self.numbers.insert(text.to_owned(), name);
        name
    }

    /// The name of this number.
    #[must_use]
    pub fn text(&self, name: Name) -> &str {
        usize::try_from(name.0)
            .ok()
            .and_then(|at| self.texts.get(at))
            .map_or("", String::as_str)
    }
}

/// A whole run.
#[derive(Debug, Clone)]
pub struct History {
    /// What it was set up to be.
    pub setup: Setup,
    /// What happened to each job; in order, so that a report is the same each time.
    pub jobs: BTreeMap<Uuid, JobPast>,
    /// Every fault.
    pub faults: Vec<Fault>,
    /// When each phase began.
    pub phases: Vec<(String, u64)>,
    /// States that processes told they reached, and how often.
    pub reached: BTreeMap<Reach, u64>,
    /// Drains of workers, by how many attempts ran.
    pub drains: Vec<u64>,
    /// Measurements, in order.
    pub samples: Vec<(u64, BTreeMap<String, f64>)>,
    /// Heartbeats that were answered, by worker, in order: when each was sent.
    pub beats: HashMap<Name, Vec<u64>>,
    /// Names.
    pub names: Names,
    /// Events read.
    pub events: u64,
    /// Wall clock less monotonic clock, nanoseconds.
    pub offset: i64,
    /// Whether the database recorded the changes of rows.
    pub has_rows: bool,
    /// Whether the rows were read at the end.
    pub has_last: bool,
    /// Whether the jobs were read through the API at the end.
    pub has_shown: bool,
}

/// A fault.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// Its name.
    pub name: String,
    /// When it began.
    pub began: u64,
    /// When it ended; it was there until the end of the run otherwise.
    pub ended: Option<u64>,
    /// Its parameters.
    pub args: Value,
}

/// What happened to one job.
#[derive(Debug, Clone, Default)]
pub struct JobPast {
    /// What clients asked about it, in order of their beginning.
    pub calls: Vec<Call>,
    /// What workers did with it, in order of time.
    pub work: Vec<Work>,
    /// How its row changed, in the order in which it did.
    pub rows: Vec<Change>,
    /// Its row at the end.
    pub last: Option<FinalRow>,
    /// What the API showed at the end.
    pub shown: Option<Shown>,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Its end is not told.
    Open,
    /// It was carried out.
    Ok,
    /// It was refused, for certain, with this code.
    Fail(Name),
    /// Nobody knows.
    Info(Name),
}

/// A client's call.
#[derive(Debug, Clone)]
pub struct Call {
    /// Which.
    pub op: Op,
    /// Who.
    pub client: Name,
    /// When it began.
    pub began: u64,
    /// When its end was known; for ever if it was not.
    pub ended: u64,
    /// How.
    pub outcome: Outcome,
    /// Idempotency key.
    pub key: Option<Name>,
    /// Stands for the job's body.
    pub body: u64,
    /// Submit: whether the job was there already. Cancel: whether it was cancelled.
    pub flag: bool,
    /// The state shown.
    pub state: Option<State>,
    /// The sequence number shown.
    pub sequence: i64,
}

/// What a worker, a handler or the sink did.
#[derive(Debug, Clone)]
pub struct Work {
    /// What.
    pub op: Op,
    /// Of a report: how it ended.
    pub outcome: Outcome,
    /// Who.
    pub worker: Name,
    /// Under which fencing number.
    pub epoch: i32,
    /// When.
    pub at: u64,
    /// Which of its kind.
    pub code: Option<Name>,
    /// Of a result: what stands for it.
    pub result: Option<u64>,
}

/// A row's part that the checker judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// As the contract numbers it.
    pub state: i32,
    /// Fencing number.
    pub epoch: i32,
    /// User attempts used up.
    pub attempts: i32,
    /// Leases lost.
    pub crashes: i32,
    /// User attempts there are.
    pub max_attempts: i32,
    /// When it is due, nanoseconds of the wall clock.
    pub run_at_ns: u64,
}

/// A line of `rows.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowChange {
    /// Counts the changes; of one job in the order in which they happened, for its row is locked meanwhile.
    pub n: i64,
    /// Which job.
    pub job: Uuid,
    /// The row before; none when it was inserted.
    pub old: Option<Row>,
    /// The row after; none when it was deleted.
    pub new: Option<Row>,
    /// The worker that the row names after.
    pub worker: Option<String>,
    /// The transaction.
    pub txid: i64,
    /// When, by the database's wall clock, shortly before its commit.
    pub at_ns: u64,
}

/// A change of a row.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    /// Counts the changes.
    pub n: i64,
    /// The row before; none when it was inserted.
    pub old: Option<Row>,
    /// The row after; none when it was deleted.
    pub new: Option<Row>,
    /// The worker that the row names after.
    pub worker: Option<Name>,
    /// When, shortly before its commit.
    pub at: u64,
}

/// A line of `final.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinalRow {
    /// Which job.
    pub job: Uuid,
    /// Its row.
    pub row: Row,
    /// Counts visible changes.
    pub sequence: i64,
    /// What its idempotency key was hashed to.
    pub key: Option<Uuid>,
    /// Stands for the result: [`fingerprint`](super::fingerprint) of its text.
    pub result: Option<u64>,
}

/// A line of `shown.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// Which job.
    pub job: Uuid,
    /// As the contract numbers it.
    pub state: i32,
    /// User attempts used up.
    pub attempts: i32,
    /// Counts visible changes.
    pub sequence: i64,
    /// Stands for the result.
    pub result: Option<u64>,
}

impl History {
    /// A moment of the wall clock on the monotonic one.
    #[must_use]
    pub fn mono(&self, wall_ns: u64) -> u64 {
        wall_ns.saturating_add_signed(self.offset.saturating_neg())
    }

    /// When this phase began first.
    #[must_use]
    pub fn phase(&self, name: &str) -> Option<u64> {
        self.phases
            .iter()
            .find(|(phase, _)| phase == name)
            .map(|(_, at)| *at)
    }

    /// Whether some fault was there at some time between these.
    #[must_use]
    pub fn is_faulty(&self, from: u64, to: u64) -> bool {
        self.faults
            .iter()
            .any(|fault| fault.began <= to && fault.ended.unwrap_or(u64::MAX) >= from)
    }

    /// The faults that took content from the queue.
    pub fn losses(&self) -> impl Iterator<Item = &Fault> {
        self.faults.iter().filter(|fault| fault.takes_the_queue())
    }

    /// The last that is told.
    #[must_use]
    pub fn end(&self) -> u64 {
        let phases = self.phases.iter().map(|(_, at)| *at);
        let samples = self.samples.iter().map(|(at, _)| *at);
        let jobs = self.jobs.values().filter_map(JobPast::last_told);
        phases.chain(samples).chain(jobs).max().unwrap_or_default()
    }
}

impl Fault {
    /// Whether it took content from the queue.
    #[must_use]
    pub fn takes_the_queue(&self) -> bool {
        self.name == "flush" || self.args["redis_lost"].as_bool() == Some(true)
    }

    /// When it was over, as far as is known.
    #[must_use]
    pub fn over(&self) -> u64 {
        self.ended.unwrap_or(self.began).max(self.began)
    }
}

impl JobPast {
    fn last_told(&self) -> Option<u64> {
        let calls = self.calls.last().map(|call| call.began);
        let work = self.work.last().map(|work| work.at);
        let rows = self.rows.last().map(|change| change.at);
        calls.max(work).max(rows)
    }
}

impl Row {
    /// The state by name.
    #[must_use]
    pub fn state(&self) -> Option<State> {
        State::from_number(self.state)
    }

    /// Whether nothing but a redrive leaves it.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.state().is_some_and(State::is_final)
    }
}

impl Call {
    /// Whether it was carried out, for certain.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.outcome == Outcome::Ok
    }
}
