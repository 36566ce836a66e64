//! Figures of one run.

mod take;

use schemars::JsonSchema;
use serde::Serialize;

use crate::series::round;

pub(crate) use take::{Brought, of};

/// What a figure is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Jobs.
    Jobs,
    /// Jobs that wait, times how long.
    JobSeconds,
    /// Pods, times how long.
    PodSeconds,
    /// Cores, times how long.
    CoreSeconds,
    /// A share of one.
    Share,
}

/// A figure that is taken of each run. Less is better in every one of them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct Measure {
    /// Its name in the summary.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// What it is counted in.
    pub unit: Unit,
    /// What it says.
    pub meaning: &'static str,
    /// Medians that differ by no more are taken to be the same: the measuring cannot tell them apart.
    pub resolution: f64,
}

const fn measure(
    name: &'static str,
    title: &'static str,
    unit: Unit,
    resolution: f64,
    meaning: &'static str,
) -> Measure {
    Measure {
        name,
        title,
        unit,
        meaning,
        resolution,
    }
}

/// Every figure, in the order of the table.
pub const MEASURES: [Measure; 19] = [
    measure(
        "first_worker",
        "Time to first new worker",
        Unit::Seconds,
        1.0,
        "from the first job to the first moment at which more workers are ready than at the beginning",
    ),
    measure(
        "catch_up",
        "Time to catch up",
        Unit::Seconds,
        1.0,
        "from the first job until the backlog, after its highest, is down to a twentieth of that, or to ten jobs",
    ),
    measure(
        "backlog_peak",
        "Highest backlog",
        Unit::Jobs,
        10.0,
        "most jobs that were ready and not started",
    ),
    measure(
        "backlog_area",
        "Backlog area",
        Unit::JobSeconds,
        10.0,
        "ready jobs, summed over every second",
    ),
    measure(
        "wait_p50",
        "Wait, p50",
        Unit::Seconds,
        0.005,
        "from accepted to started: half of the jobs waited no longer",
    ),
    measure(
        "wait_p95",
        "Wait, p95",
        Unit::Seconds,
        0.005,
        "95 % of the jobs waited no longer",
    ),
    measure(
        "wait_p99",
        "Wait, p99",
        Unit::Seconds,
        0.005,
        "99 % of the jobs waited no longer",
    ),
    measure(
        "e2e_p95",
        "End to end, p95",
        Unit::Seconds,
        0.005,
        "from the moment a job was due to its end: 95 % took no longer; across two clocks",
    ),
    measure(
        "submit_p99",
        "Submit, p99",
        Unit::Seconds,
        0.001,
        "from the moment a call was due to its answer: 99 % took no longer",
    ),
    measure(
        "worker_pod_seconds",
        "Worker pods",
        Unit::PodSeconds,
        5.0,
        "worker pods that had a place on a node, summed over every second from the first job to the end of the sampling",
    ),
    measure(
        "pod_seconds",
        "All pods",
        Unit::PodSeconds,
        5.0,
        "the same of workers, API and gateway",
    ),
    measure(
        "cpu_seconds",
        "CPU",
        Unit::CoreSeconds,
        1.0,
        "cores used by workers, API and gateway, summed; clusters measure every 10 s or more",
    ),
    measure(
        "busiest_api",
        "Calls at the busiest API pod",
        Unit::Share,
        0.02,
        "share of the submits that one API pod answered; with n pods and even spread, 1/n",
    ),
    measure(
        "errors",
        "Jobs refused or not sent",
        Unit::Jobs,
        0.0,
        "submits without an acknowledgement",
    ),
    measure(
        "open",
        "Jobs not ended",
        Unit::Jobs,
        0.0,
        "acknowledged, and not ended when following ended",
    ),
    measure(
        "lost",
        "Jobs lost",
        Unit::Jobs,
        0.0,
        "acknowledged, and the scheduler has no such job",
    ),
    measure(
        "duplicated",
        "Jobs accepted twice",
        Unit::Jobs,
        0.0,
        "one job accepted under two ids",
    ),
    measure(
        "run_twice",
        "Jobs run twice",
        Unit::Jobs,
        0.0,
        "jobs with more than one charged run: a failed attempt, or a lease lost with its worker",
    ),
    measure(
        "handed_again",
        "Jobs handed out again",
        Unit::Jobs,
        0.0,
        "jobs that a worker handed back, started or not, those that ran twice, and retries",
    ),
];

/// A figure, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Value {
    /// The figure.
    Is(f64),
    /// There is none.
    None(Missing),
}

/// Why there is no figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// It did not happen while the run lasted.
    Never,
    /// It could not be measured.
    Unmeasured,
}

impl Value {
    /// The figure.
    #[must_use]
    pub fn figure(self) -> Option<f64> {
        match self {
            Self::Is(figure) => Some(figure),
            Self::None(_) => None,
        }
    }

    fn or_never(figure: Option<f64>) -> Self {
        figure.map_or(Self::None(Missing::Never), |figure| Self::Is(round(figure)))
    }

    fn or_unmeasured(figure: Option<f64>) -> Self {
        figure.map_or(Self::None(Missing::Unmeasured), |figure| Self::Is(round(figure)))
    }
}
