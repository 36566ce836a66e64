//! The engine of `tsctl experiment`: which of several values files does better under the same load?
//!
//! A [`Plan`] names the sides, the load and how often it is repeated. [`run()`] installs the chart with each side in
//! turn, drives the load, samples the cluster meanwhile, waits for the drain and uninstalls; then it writes a report.
//! Order matters on a machine that others use too: sides take turns, and each round is the mirror of the one before.
//!
//! | file | job |
//! |---|---|
//! | `plan`, `profile` | what is compared, under which load, in which order |
//! | `cluster` | what is asked of Helm and kubectl, behind a trait |
//! | `run` | one run after the other, and cleaning up after each |
//! | `sample`, `series` | second by second |
//! | `measure`, `verdict` | figures of a run; what may be said of the sides |
//! | `summary`, `report`, `view` | telling |
//!
//! To add a measure: describe it in `measure::MEASURES`, and take it in `measure::take`. The table, the verdict and the
//! summary follow.

mod cluster;
mod error;
#[cfg(test)]
mod fuzz;
mod measure;
mod plan;
mod profile;
mod report;
mod run;
mod sample;
mod series;
mod summary;
mod verdict;
mod view;

pub use cluster::{Cluster, Component, Event, Gateway, Helm, Installation, Program};
pub use error::Error;
pub use measure::{MEASURES, Measure, Missing, Unit, Value};
pub use plan::{Plan, Side, Turn};
pub use profile::{Profile, Spread};
pub use report::text;
pub use run::{Ended, Stops, run};
pub use summary::{Compared, EventRecord, RunRecord, SideRecord, State, Summary, schema};
pub use verdict::{Of, Verdict};
pub use view::{Bars, Lines, Now, Phase, Silent, View};
