//! What came of an experiment: the content of `summary.json`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::measure::{MEASURES, Measure, Value};
use crate::plan::Plan;
use crate::profile::Profile;
use crate::verdict::{self, Of, Verdict};

/// What came of an experiment.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(title = "Summary of tsctl experiment")]
pub struct Summary {
    /// Version of this form: raised when a field changes its meaning or goes.
    pub version: u32,
    /// Which program wrote it.
    pub tool: String,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// When it ended, RFC 3339.
    pub ended_at: String,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
    /// The cluster, in a line.
    pub cluster: String,
    /// The load of every run, its defaults filled in.
    pub profile: Profile,
    /// How often each side was to run.
    pub repeats: u32,
    /// What was compared.
    pub sides: Vec<SideRecord>,
    /// Every run that was begun, in their order.
    pub runs: Vec<RunRecord>,
    /// Every figure over the repeats, and what may be said of it.
    pub measures: Vec<Compared>,
    /// The rule of the verdicts.
    pub rule: String,
    /// Why it ended before its end.
    pub failure: Option<String>,
    /// What to keep in mind when reading this.
    pub warnings: Vec<String>,
}

/// One of the values files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct SideRecord {
    /// Its file's name without the ending.
    pub name: String,
    /// The file.
    pub file: String,
    /// What was in it.
    pub values: String,
}

/// How far a run got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// To its end: its figures count.
    Complete,
    /// It was stopped; its figures are told and do not count.
    Interrupted,
    /// Something failed; the same.
    Failed,
}

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct RunRecord {
    /// Which, from 1.
    pub number: usize,
    /// The side.
    pub side: String,
    /// Which repeat of it, from 1.
    pub repeat: u32,
    /// Where its own files are.
    pub folder: String,
    /// How far it got.
    pub state: State,
    /// What failed.
    pub error: Option<String>,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// How long the installation took, in seconds.
    pub install_seconds: Option<f64>,
    /// From the first job to the end of the sampling, in seconds.
    pub measured_seconds: Option<f64>,
    /// The most workers that were ready at once.
    pub most_workers: Option<u64>,
    /// Its figures, by name.
    pub figures: BTreeMap<&'static str, Value>,
    /// Its thresholds, and whether they hold.
    pub thresholds: Vec<scheduler_load::Verdict>,
    /// What the autoscalers did and what kept pods from running.
    pub events: Vec<EventRecord>,
    /// What to keep in mind about it.
    pub notes: Vec<String>,
}

/// Something that the cluster did.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct EventRecord {
    /// Seconds since the load began, by the clocks of cluster and generator.
    pub at: f64,
    /// To what.
    pub object: String,
    /// What, in a word.
    pub reason: String,
    /// In words.
    pub message: String,
}

/// One measure over all sides.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Compared {
    /// What was measured.
    #[serde(flatten)]
    pub measure: Measure,
    /// Each side's figures.
    pub sides: Vec<Of>,
    /// What may be said.
    pub verdict: Verdict,
}

/// The JSON Schema of [`Summary`].
#[must_use]
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Summary).to_value()
}

impl Summary {
    /// Whether every threshold of every run holds.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.runs
            .iter()
            .flat_map(|run| &run.thresholds)
            .all(|verdict| verdict.holds)
    }
}

/// Every measure over the runs that were completed.
pub(crate) fn compared(plan: &Plan, runs: &[RunRecord]) -> Vec<Compared> {
    let figures = |side: &str, name: &str| {
        runs.iter()
            .filter(|run| run.side == side && run.state == State::Complete)
            .filter_map(|run| run.figures.get(name).copied())
            .collect()
    };
    MEASURES
        .iter()
        .map(|measure| {
            let sides: Vec<Of> = plan
                .sides
                .iter()
                .map(|side| Of::new(side.name.clone(), figures(&side.name, measure.name)))
                .collect();
            Compared {
                measure: *measure,
                verdict: verdict::judge(measure, &sides),
                sides,
            }
        })
        .collect()
}

/// The rule of the verdicts, and what it is worth with so many repeats.
pub(crate) fn rule(plan: &Plan) -> String {
    let rule = "Less is better in every row. A side is better when each of its repeats is below each repeat of every \
                other side, and its median by more than the measuring can tell apart, 2 % at least.";
    match verdict::chance(plan.sides.len(), plan.repeat) {
        Some(chance) => format!(
            "{rule} With {} repeats each, sides that are alike would come out so by chance 1 time in {:.0}.",
            plan.repeat,
            1.0 / chance
        ),
        None => format!("{rule} A single repeat gives no verdict: --repeat 3 or more does."),
    }
}
