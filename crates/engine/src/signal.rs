//! What workers are wanted for: how much waits, how fast it comes and goes, and how many workers that makes.
//!
//! What the queue knows is exact: how many jobs are ready in a queue at a priority, and since when the oldest is. The rest is put
//! together from what processes report ([`crate::tally`]). Which types the ready jobs have nobody keeps a record of, for it would
//! be wrong after the first loss; but a line is served in order, so that what waits in it is what came of late, and the exact
//! number is divided as those were. Nothing here looks at a job: the cost is that of the number of lines and of processes.

mod demand;
#[cfg(test)]
mod fuzz;
mod mix;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use scheduler_domain::{JobType, Priority, QueueName};
use scheduler_queue::{Depth, Flow, Reported};
use tokio::time::Instant;

use crate::tally::{LATE, left};
use crate::{Engine, Error};

pub use demand::{Aim, Selection, desired_workers};

/// A report that is a little older than its process's period is not aged for it.
const FRESH: Duration = Duration::from_secs(3);

/// The figures of all queues at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Signal {
    /// By queue and priority.
    pub lines: Vec<Load>,
    /// Attempts that a worker runs at once, on average; `None` when no worker has reported for an hour.
    pub pool_size: Option<f64>,
    /// Workers whose reports are fresh.
    pub workers: usize,
}

/// The figures of a queue at one priority.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// The queue.
    pub queue: QueueName,
    /// The priority.
    pub priority: Priority,
    /// Of all types.
    pub figures: Figures,
    /// By type; `None` for jobs of which no process knows the type. Ready jobs are divided among them by estimate.
    pub types: Vec<(Option<JobType>, Figures)>,
}

/// How much waits, runs, comes and goes.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Figures {
    /// Ready jobs.
    pub ready: u64,
    /// How long the oldest of them has been ready.
    pub oldest: Option<Duration>,
    /// Attempts that run.
    pub running: u64,
    /// Jobs that become ready, per second.
    pub arrival_rate: f64,
    /// Attempts that end, per second.
    pub completion_rate: f64,
    /// How long an attempt runs, on average; `None` before one has ended.
    pub mean_run: Option<Duration>,
}

/// The last reading, for all who ask at about the same time.
pub(crate) type Latest = tokio::sync::Mutex<Option<(Instant, Arc<Signal>)>>;

impl Engine {
    /// The figures of all queues, not older than `age`.
    ///
    /// # Errors
    /// The queue's failure: then nothing is known, which is not the same as nothing waiting.
    pub async fn signal(&self, age: Duration) -> Result<Arc<Signal>, Error> {
        // Held while reading: whoever comes meanwhile shares the answer.
        let mut latest = self.parts.latest.lock().await;
        if let Some((read, signal)) = &*latest
            && read.elapsed() < age
        {
            return Ok(Arc::clone(signal));
        }
        let queue = &self.parts.queue;
        let (depths, reports) = futures::try_join!(queue.depths(), queue.reports())?;
        let signal = Arc::new(Signal::of(depths, &reports, self.parts.options.lease));
        *latest = Some((Instant::now(), Arc::clone(&signal)));
        Ok(signal)
    }
}

/// The flows of one type in one line, of all processes.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    arrived: f64,
    started: f64,
    ended: f64,
    lately: f64,
    runs: f64,
    busy: f64,
    running: u64,
}

type Types = BTreeMap<Option<JobType>, Sum>;

impl Signal {
    /// Puts it together. What a process that has fallen silent said to run counts for `lease`: after that its jobs are handed out
    /// again. Its rates fade as they would have if nothing more had happened.
    pub(crate) fn of(depths: Vec<Depth>, reports: &[Reported], lease: Duration) -> Self {
        let believed = lease + FRESH;
        let mut lines: BTreeMap<(QueueName, Priority), (Option<Depth>, Types)> = BTreeMap::new();
        let mut slots: Vec<u32> = Vec::new();
        let mut workers = 0;
        for Reported { age, report } in reports {
            if report.slots > 0 {
                slots.push(report.slots);
                workers += usize::from(*age <= believed);
            }
            let faded = left(age.saturating_sub(FRESH), LATE);
            for flow in &report.flows {
                let line = (flow.queue.clone(), flow.priority);
                let types = &mut lines.entry(line).or_default().1;
                let sum = types.entry(flow.job_type.clone()).or_default();
                sum.add(flow, faded, *age <= believed);
            }
        }
        for depth in depths {
            let line = (depth.queue.clone(), depth.priority);
            lines.entry(line).or_default().0 = Some(depth);
        }
        let pool_size = (!slots.is_empty()).then(|| {
            let all: f64 = slots.iter().copied().map(f64::from).sum();
            all / demand::number(slots.len() as u64)
        });
        let lines = lines
            .into_iter()
            .map(|((queue, priority), (depth, types))| mix::load(queue, priority, depth.as_ref(), types));
        Self {
            lines: lines.collect(),
            pool_size,
            workers,
        }
    }

    /// Attempts that run.
    #[must_use]
    pub fn running(&self) -> u64 {
        self.lines.iter().map(|line| line.figures.running).sum()
    }
}

impl Sum {
    fn add(&mut self, flow: &Flow, faded: f64, alive: bool) {
        self.arrived += flow.arrived * faded;
        self.started += flow.started * faded;
        self.ended += flow.ended * faded;
        self.lately += flow.lately;
        self.runs += flow.runs;
        self.busy += flow.busy;
        if alive {
            self.running += u64::from(flow.running);
        }
    }
}

#[cfg(test)]
mod tests;
