//! How much runs, comes and goes.

use chrono::TimeDelta;
use scheduler_client::v1;
use serde::Serialize;

use super::span;
use crate::output::Cell;

/// The figures of a queue, or of a part of it.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(super) struct Load {
    running: i64,
    #[serde(serialize_with = "short")]
    arrival_rate: f64,
    #[serde(serialize_with = "short")]
    completion_rate: f64,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "written")]
    mean_run_time: Option<TimeDelta>,
    #[serde(serialize_with = "short")]
    desired_workers: f64,
}

/// The figures of one type. How many of the ready jobs it has is an estimate.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct TypeLoad {
    r#type: String,
    ready: i64,
    #[serde(flatten)]
    load: Load,
}

pub(super) fn delta(span: prost_types::Duration) -> TimeDelta {
    TimeDelta::seconds(span.seconds) + TimeDelta::nanoseconds(i64::from(span.nanos))
}

/// Seconds, as protobuf's JSON has spans.
pub(super) fn seconds(span: TimeDelta) -> String {
    let (whole, millis) = (span.num_seconds(), span.subsec_nanos() / 1_000_000);
    if millis == 0 {
        format!("{whole}s")
    } else {
        format!("{whole}.{millis:03}s")
    }
}

/// More digits than it has meaning for would only be noise.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn short<S: serde::Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((number * 1_000.0).round() / 1_000.0)
}

fn written<S: serde::Serializer>(span: &Option<TimeDelta>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&span.map(seconds).unwrap_or_default())
}

impl From<&v1::LoadFigures> for Load {
    fn from(figures: &v1::LoadFigures) -> Self {
        Self {
            running: figures.running,
            arrival_rate: figures.arrival_rate,
            completion_rate: figures.completion_rate,
            mean_run_time: figures.mean_run_time.map(delta),
            desired_workers: figures.desired_workers,
        }
    }
}

impl From<v1::TypeStats> for TypeLoad {
    fn from(stats: v1::TypeStats) -> Self {
        let figures = stats.figures.unwrap_or_default();
        Self {
            r#type: stats.r#type,
            ready: figures.ready,
            load: Load::from(&figures),
        }
    }
}

impl Load {
    /// Adds another part of the same queue.
    pub(super) fn join(&mut self, other: &Self) {
        self.mean_run_time = match (self.mean_run_time, other.mean_run_time) {
            (Some(one), Some(two)) => Some(mean((one, self.completion_rate), (two, other.completion_rate))),
            (one, two) => one.or(two),
        };
        self.running += other.running;
        self.arrival_rate += other.arrival_rate;
        self.completion_rate += other.completion_rate;
        self.desired_workers += other.desired_workers;
    }

    /// running, in/s, out/s, run, workers.
    pub(super) fn cells(&self) -> Vec<Cell> {
        vec![
            self.running.to_string().into(),
            format!("{:.1}", self.arrival_rate).into(),
            format!("{:.1}", self.completion_rate).into(),
            self.mean_run_time.map(span::exact).unwrap_or_default().into(),
            format!("{:.2}", self.desired_workers).into(),
        ]
    }

    /// Where nothing is known.
    pub(super) fn no_cells() -> Vec<Cell> {
        vec![Cell::from(""); 5]
    }
}

/// Each by how often it happens; where nothing does, both alike.
fn mean((one, often): (TimeDelta, f64), (two, seldom): (TimeDelta, f64)) -> TimeDelta {
    let (often, seldom) = (often.max(1e-9), seldom.max(1e-9));
    let seconds = |span: TimeDelta| span.to_std().unwrap_or_default().as_secs_f64();
    let mean = (seconds(one) * often + seconds(two) * seldom) / (often + seldom);
    std::time::Duration::try_from_secs_f64(mean)
        .ok()
        .and_then(|mean| TimeDelta::from_std(mean).ok())
        .unwrap_or(one)
}
