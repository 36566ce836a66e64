//! What processes report of the jobs that pass through them.

use std::time::Duration;

use scheduler_domain::{JobType, Priority, QueueName};

/// A report that was not renewed for so long is forgotten.
pub const REPORT_KEPT: Duration = Duration::from_secs(3_600);

/// What one process has seen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    /// Attempts that it can run at once; 0 for one that runs none.
    pub slots: u32,
    /// By queue, priority and type.
    pub flows: Vec<Flow>,
}

/// Jobs of one type at one priority of one queue, as one process has seen them pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Flow {
    /// The queue.
    pub queue: QueueName,
    /// The priority.
    pub priority: Priority,
    /// The type; `None` for jobs whose type the process did not learn.
    pub job_type: Option<JobType>,
    /// Became ready, per second, of late.
    pub arrived: f64,
    /// Started, per second, of late.
    pub started: f64,
    /// Attempts ended, per second, of late.
    pub ended: f64,
    /// Became ready over a longer time; the longer ago, the less each counts.
    pub lately: f64,
    /// Attempts ended over a longer time, counted likewise.
    pub runs: f64,
    /// Seconds that these have run, counted likewise.
    pub busy: f64,
    /// Attempts that run now.
    pub running: u32,
}

/// A report, and how old it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Reported {
    /// By the queue's clock.
    pub age: Duration,
    /// What was reported.
    pub report: Report,
}
