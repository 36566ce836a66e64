//! What a run is to do.

use std::time::Duration;

use crate::mix::Content;
use crate::schedule::{Schedule, Spread};
use crate::threshold::Threshold;

/// How far jobs are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// To their acknowledgement.
    #[default]
    Submit,
    /// To their end.
    EndToEnd,
    /// One after the other on an idle scheduler: how soon each starts and ends.
    Latency,
}

impl Mode {
    /// As on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::EndToEnd => "e2e",
            Self::Latency => "latency",
        }
    }
}

/// Who decides when the next call is made.
#[derive(Debug, Clone, PartialEq)]
pub enum Pace {
    /// The schedule, whatever the answers do.
    Open {
        /// The rate over time.
        schedule: Schedule,
        /// How arrivals are spread.
        spread: Spread,
        /// Calls under way at most; further ones are dropped, and counted.
        max_in_flight: u64,
    },
    /// The answers: so many callers, each of which waits for its answer.
    Closed {
        /// Callers.
        callers: u32,
        /// How long they go on.
        duration: Option<Duration>,
    },
}

/// Who names the jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Naming {
    /// We do: each id says which job of the run it is.
    #[default]
    Client,
    /// The scheduler does, which is less work for it.
    Server,
}

/// What a run is to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Where the scheduler answers.
    pub address: String,
    /// HTTP/2 connections.
    pub connections: usize,
    /// Connections are replaced at this age.
    pub reconnect: Option<Duration>,
    /// Longest that a call may take.
    pub deadline: Duration,
    /// How far jobs are followed.
    pub mode: Mode,
    /// Who decides when the next call is made.
    pub pace: Pace,
    /// Most jobs that are submitted.
    pub jobs: Option<u64>,
    /// Jobs per call; 1 means unary calls.
    pub batch: u32,
    /// What is submitted.
    pub content: Content,
    /// Who names the jobs.
    pub naming: Naming,
    /// What begins before is not measured.
    pub warmup: Duration,
    /// How long jobs are followed after the last was sent.
    pub drain_timeout: Duration,
    /// Keep each job's times for whoever reads the report: 32 bytes a job, mode `e2e` only.
    pub times: bool,
    /// What must hold.
    pub thresholds: Vec<Threshold>,
    /// How this program calls itself in the server's logs.
    pub user_agent: String,
}

impl Plan {
    /// Says what makes no sense about it.
    ///
    /// # Errors
    /// In words.
    pub fn check(&self) -> Result<(), String> {
        if !(1..=1_000).contains(&self.batch) {
            return Err("a batch carries 1 to 1,000 jobs".to_owned());
        }
        if self.content.payload.1 > 1 << 20 {
            return Err("a payload has at most 1 MiB".to_owned());
        }
        match &self.pace {
            Pace::Open { schedule, .. } if schedule.jobs() <= 0.0 => {
                return Err("at this rate and in this time there is nothing to send".to_owned());
            }
            Pace::Closed { callers: 0, .. } => {
                return Err("without a caller there is nothing to send".to_owned());
            }
            Pace::Closed { duration: None, .. } if self.jobs.is_none() => {
                return Err("a closed loop needs an end: a duration or a number of jobs".to_owned());
            }
            _ => {}
        }
        if self.mode == Mode::Latency && self.jobs.is_none() {
            return Err("the latency mode needs a number of jobs".to_owned());
        }
        for threshold in &self.thresholds {
            if !threshold.is_measured(self.mode) {
                return Err(format!(
                    "{threshold}: not measured with --mode {}",
                    self.mode.name()
                ));
            }
        }
        Ok(())
    }

    /// How long the sending takes, where that is known.
    pub(crate) fn length(&self) -> Option<Duration> {
        match &self.pace {
            _ if self.mode == Mode::Latency => None,
            Pace::Open { schedule, .. } => Some(schedule.duration()),
            Pace::Closed { duration, .. } => *duration,
        }
    }

    /// In a line.
    pub(crate) fn told(&self) -> String {
        let limit = self
            .jobs
            .map_or(String::new(), |jobs| format!(", at most {jobs} jobs"));
        let pace = match &self.pace {
            _ if self.mode == Mode::Latency => "one job at a time".to_owned(),
            Pace::Open { schedule, spread, .. } => {
                let spread = match spread {
                    Spread::Constant => "constant",
                    Spread::Poisson => "Poisson",
                };
                format!(
                    "open loop, {spread} arrivals, up to {} jobs/s for {:?}",
                    schedule.peak(),
                    schedule.duration()
                )
            }
            Pace::Closed { callers, duration } => {
                let time = duration.map_or(String::new(), |time| format!(" for {time:?}"));
                format!("closed loop, {callers} callers{time}")
            }
        };
        let calls = match self.batch {
            1 => "unary".to_owned(),
            batch => format!("batches of {batch}"),
        };
        format!("{pace}{limit}; {calls} over {} connections", self.connections)
    }
}
