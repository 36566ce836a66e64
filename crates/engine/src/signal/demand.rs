//! How many workers.

use std::time::Duration;

use scheduler_domain::{JobType, Priority, QueueName};

use super::{Figures, Load, Signal};

/// What the number of workers is to achieve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aim {
    /// What waits now is to have started by then.
    pub drain: Duration,
    /// Attempts that one worker runs at once.
    pub pool_size: f64,
    /// How long an attempt of which nothing is known is taken to run.
    pub run: Duration,
}

impl Aim {
    /// What waits is gone in half a minute.
    pub const DRAIN: Duration = Duration::from_secs(30);
    /// The pool of a worker that nobody has configured.
    pub const POOL_SIZE: f64 = 10.0;
    /// A guess, until there is a figure.
    pub const RUN: Duration = Duration::from_secs(1);

    /// With what workers report of themselves.
    #[must_use]
    pub fn with(signal: &Signal) -> Self {
        Self {
            drain: Self::DRAIN,
            pool_size: signal.pool_size.unwrap_or(Self::POOL_SIZE),
            run: Self::RUN,
        }
    }
}

/// Which jobs are meant. Empty means all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// Of these queues.
    pub queues: Vec<QueueName>,
    /// At these priorities.
    pub priorities: Vec<Priority>,
    /// Of these types.
    pub types: Vec<JobType>,
}

impl Signal {
    /// The lines that are meant, and of these the types that are.
    #[must_use]
    pub fn select(&self, selection: &Selection) -> Vec<Load> {
        let meant = self.lines.iter().filter(|line| {
            (selection.queues.is_empty() || selection.queues.contains(&line.queue))
                && (selection.priorities.is_empty() || selection.priorities.contains(&line.priority))
        });
        if selection.types.is_empty() {
            return meant.cloned().collect();
        }
        meant
            .filter_map(|line| {
                let types: Vec<_> = line
                    .types
                    .iter()
                    .filter(|(job_type, _)| {
                        job_type
                            .as_ref()
                            .is_some_and(|name| selection.types.contains(name))
                    })
                    .cloned()
                    .collect();
                let figures = Figures::total(types.iter().map(|(_, figures)| figures));
                (!types.is_empty()).then(|| Load {
                    types,
                    figures,
                    ..line.clone()
                })
            })
            .collect()
    }
}

impl Load {
    /// Workers that these jobs keep busy, a fraction: what comes in, times how long it runs, and what waits, within the time that
    /// it may take. Not less than what runs occupies now, for that must not lose its workers.
    #[must_use]
    pub fn workers(&self, aim: &Aim) -> f64 {
        let wanted: f64 = self
            .types
            .iter()
            .map(|(_, figures)| figures.wanted(aim, self.figures.mean_run))
            .sum();
        wanted.max(number(self.figures.running) / aim.pool_size)
    }
}

impl Figures {
    /// Workers that these jobs keep busy, if those of unknown length run as long as `others`.
    #[must_use]
    pub fn workers(&self, aim: &Aim, others: Option<Duration>) -> f64 {
        self.wanted(aim, others).max(number(self.running) / aim.pool_size)
    }

    fn wanted(&self, aim: &Aim, others: Option<Duration>) -> f64 {
        let run = self.mean_run.or(others).unwrap_or(aim.run).as_secs_f64();
        let backlog = number(self.ready) / aim.drain.as_secs_f64().max(f64::MIN_POSITIVE);
        (self.arrival_rate + backlog) * run / aim.pool_size
    }

    /// All of them as one.
    #[must_use]
    pub fn total<'a>(all: impl IntoIterator<Item = &'a Self>) -> Self {
        let (mut total, mut busy, mut known) = (Self::default(), 0.0, 0.0);
        for figures in all {
            total.ready += figures.ready;
            total.oldest = total.oldest.max(figures.oldest);
            total.running += figures.running;
            total.arrival_rate += figures.arrival_rate;
            total.completion_rate += figures.completion_rate;
            if let Some(mean) = figures.mean_run {
                // By how much of it there is; where nothing ends, each counts alike.
                let share = figures.completion_rate.max(1e-9);
                busy += mean.as_secs_f64() * share;
                known += share;
            }
        }
        total.mean_run = (known > 0.0)
            .then(|| Duration::try_from_secs_f64(busy / known).ok())
            .flatten();
        total
    }
}

/// How many whole workers these jobs want: at least one if there are any.
#[must_use]
pub fn desired_workers(lines: &[Load], aim: &Aim) -> u64 {
    let wanted: f64 = lines.iter().map(|line| line.workers(aim)).sum();
    let any = lines
        .iter()
        .any(|line| line.figures.ready + line.figures.running > 0);
    whole(wanted).max(u64::from(any))
}

/// A fraction of workers as whole ones.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` holds at the ends of u64"
)]
fn whole(workers: f64) -> u64 {
    // Less than a worker's thousandth is what is left of rates that have faded.
    (workers - 0.001).ceil() as u64
}

/// Exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "rates are floating point")]
pub(super) fn number(count: u64) -> f64 {
    count as f64
}
