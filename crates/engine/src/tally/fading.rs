//! Sums in which everything counts the less the longer ago it was.

use std::time::Duration;

/// Of late: for rates, which have to follow a step within a minute.
pub(crate) const LATE: Duration = Duration::from_secs(30);
/// Over a longer time: for mean run times, which need enough runs, and for what a backlog is made of.
const LONG: Duration = Duration::from_secs(600);

/// One series' sums.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fading {
    pub(super) arrived: f64,
    pub(super) started: f64,
    pub(super) ended: f64,
    pub(super) lately: f64,
    pub(super) runs: f64,
    pub(super) busy: f64,
    /// How long nothing has happened.
    pub(super) idle: Duration,
}

impl Fading {
    pub(super) fn fade(&mut self, passed: Duration, quiet: bool) {
        let (late, long) = (left(passed, LATE), left(passed, LONG));
        for sum in [&mut self.arrived, &mut self.started, &mut self.ended] {
            *sum *= late;
        }
        for sum in [&mut self.lately, &mut self.runs, &mut self.busy] {
            *sum *= long;
        }
        self.idle = if quiet { self.idle + passed } else { Duration::ZERO };
    }

    pub(super) fn add(&mut self, arrived: u64, started: u64, ended: u64, busy: Duration) {
        self.arrived += number(arrived);
        self.lately += number(arrived);
        self.started += number(started);
        self.ended += number(ended);
        self.runs += number(ended);
        self.busy += busy.as_secs_f64();
    }
}

/// What is left of something after the time `passed`.
pub(crate) fn left(passed: Duration, over: Duration) -> f64 {
    (-passed.as_secs_f64() / over.as_secs_f64()).exp()
}

/// What one event per second sums up to in a process that has counted for the time `seen`: by this a sum becomes a rate.
pub(super) fn weight(seen: Duration) -> f64 {
    LATE.as_secs_f64() * (1.0 - left(seen, LATE))
}

/// Exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "rates are floating point")]
fn number(count: u64) -> f64 {
    count as f64
}
