//! The engine of `tsctl load`: offers jobs to a scheduler, measures how it takes them, and proves that none is lost.
//!
//! A run is a [`Plan`]. [`run()`] carries it out and gives a [`Summary`]; [`Report`] writes the result folder. Calls leave
//! when the schedule says so, whatever the answers do (*open loop*), and latency counts from the moment a call was due,
//! so a scheduler that stalls cannot hide it by slowing the load down.
//!
//! | file | job |
//! |---|---|
//! | `schedule` | when calls are due |
//! | `mix`, `ids` | which jobs they carry, each a function of the seed and its number |
//! | `sender`, `transport` | making the calls |
//! | `stats`, `machine`, `backlog` | counting: calls, this machine, the scheduler's queues |
//! | `ledger`, `follow` | what became of every job |
//! | `idle` | latency of single jobs |
//! | `summary`, `threshold`, `report`, `view` | telling |
//!
//! To add a measure: count it in `stats` or `follow`, give it a field in [`Summary`], and name it in `threshold` if
//! something should be required of it.

mod backlog;
mod follow;
#[cfg(test)]
mod fuzz;
mod idle;
mod ids;
mod ledger;
mod machine;
mod mix;
pub mod number;
mod plan;
mod random;
mod report;
mod run;
mod schedule;
mod sender;
mod series;
mod stats;
mod summary;
mod threshold;
mod transport;
mod view;
mod wire;

pub use machine::Busy;
pub use mix::{Content, Kind, Weighted, job_type};
pub use plan::{Mode, Naming, Pace, Plan};
pub use report::{Report, page, text};
pub use run::{Seams, Stops, run};
pub use schedule::{Arrivals, Schedule, Spread, Stage};
pub use series::{JobTimes, Phase, Row};
pub use stats::Percentiles;
pub use summary::{
    Calls, ErrorCount, Generator, JobCounts, Latencies, LedgerCounts, Rates, Replica, Summary, Verdict,
    schema,
};
pub use threshold::Threshold;
pub use view::{Bars, Lines, Progress, Silent, View};
