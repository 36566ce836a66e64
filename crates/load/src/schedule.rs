//! When calls are due: arrivals at a rate that stands, jumps or ramps.

use std::str::FromStr;
use std::time::Duration;

use crate::number;
use crate::random::Random;

/// How arrivals are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spread {
    /// At even distances.
    #[default]
    Constant,
    /// Independent of each other, as from many clients: exponential distances.
    Poisson,
}

/// A part of a run: the rate goes in a straight line from where it was to `rate`, within `over`; at once when that is zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// How long it takes.
    pub over: Duration,
    /// Jobs per second at its end.
    pub rate: f64,
}

impl FromStr for Stage {
    type Err = String;

    /// `60s:5k`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "must be DURATION:RATE, such as 60s:5k; 0s:500 jumps".to_owned();
        let (over, rate) = text.split_once(':').ok_or_else(wrong)?;
        Ok(Self {
            over: humantime::parse_duration(over).map_err(|_| wrong())?,
            rate: number::rate(rate).map_err(|_| wrong())?,
        })
    }
}

/// The rate over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule(Vec<Stage>);

impl Schedule {
    /// One rate from the beginning to the end.
    #[must_use]
    pub fn steady(rate: f64, duration: Duration) -> Self {
        let stage = |over| Stage { over, rate };
        Self(vec![stage(Duration::ZERO), stage(duration)])
    }

    /// One rate, for as long as it takes to send so many jobs.
    #[must_use]
    pub fn of_jobs(rate: f64, jobs: u64) -> Self {
        let seconds = if rate > 0.0 { jobs as f64 / rate } else { 0.0 };
        Self::steady(
            rate,
            Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX),
        )
    }

    /// Stage after stage; before the first one the rate is 0.
    #[must_use]
    pub fn of_stages(stages: Vec<Stage>) -> Self {
        Self(stages)
    }

    /// Until the end of the last stage.
    #[must_use]
    pub fn duration(&self) -> Duration {
        let add = |whole: Duration, stage: &Stage| whole.saturating_add(stage.over);
        self.0.iter().fold(Duration::ZERO, add)
    }

    /// How many jobs are due in all.
    #[must_use]
    pub fn jobs(&self) -> f64 {
        self.segments().map(|segment| segment.jobs()).sum()
    }

    /// The highest rate there is.
    #[must_use]
    pub fn peak(&self) -> f64 {
        self.segments()
            .map(|segment| segment.from.max(segment.to))
            .fold(0.0, f64::max)
    }

    fn segments(&self) -> impl Iterator<Item = Segment> + '_ {
        let mut rate = 0.0;
        self.0.iter().filter_map(move |stage| {
            let from = std::mem::replace(&mut rate, stage.rate);
            (!stage.over.is_zero()).then_some(Segment {
                from,
                to: stage.rate,
                seconds: stage.over.as_secs_f64(),
            })
        })
    }

    /// When each call is due, counted from the beginning, where a call carries `per_call` jobs.
    pub fn arrivals(&self, spread: Spread, per_call: u32, seed: u64) -> Arrivals {
        let mut segments: Vec<Segment> = self.segments().collect();
        segments.reverse();
        Arrivals {
            segments,
            begun: 0.0,
            passed: 0.0,
            target: 0.0,
            per_call: f64::from(per_call.max(1)),
            random: (spread == Spread::Poisson).then(|| Random::at(seed, u64::MAX)),
        }
    }
}

/// A stretch on which the rate is a straight line.
#[derive(Debug, Clone, Copy)]
struct Segment {
    from: f64,
    to: f64,
    seconds: f64,
}

impl Segment {
    fn jobs(&self) -> f64 {
        self.seconds * f64::midpoint(self.from, self.to)
    }

    /// When the `n`-th job of this segment is due. Solves `from·t + slope·t²/2 = n`, in the form that does not cancel.
    fn when(&self, n: f64) -> f64 {
        let slope = (self.to - self.from) / self.seconds;
        let root = (self.from * self.from + 2.0 * slope * n).max(0.0).sqrt();
        if n <= 0.0 {
            0.0
        } else {
            2.0 * n / (self.from + root)
        }
    }
}

/// Moments at which calls are due.
///
/// Arrivals of any spread are those of a steady rate of one, bent by the schedule: the k-th call is due when the jobs
/// due so far reach the k-th target.
#[derive(Debug, Clone)]
pub struct Arrivals {
    /// What is left, the current one last.
    segments: Vec<Segment>,
    /// When the current segment began, and how many jobs were due before it.
    begun: f64,
    passed: f64,
    target: f64,
    per_call: f64,
    random: Option<Random>,
}

impl Iterator for Arrivals {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let due = self.target;
        let distance = match &mut self.random {
            Some(random) => -(1.0 - random.unit()).ln(),
            None => 1.0,
        };
        self.target += self.per_call * distance;
        while let Some(segment) = self.segments.last() {
            let jobs = segment.jobs();
            // The last arrival of a segment belongs to the next one, give or take what floats lose.
            if due - self.passed < jobs - 1e-6 {
                let at = self.begun + segment.when(due - self.passed);
                // Past the end of time is never.
                return Some(Duration::try_from_secs_f64(at).unwrap_or(Duration::MAX));
            }
            self.passed += jobs;
            self.begun += segment.seconds;
            self.segments.pop();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(arrivals: Arrivals) -> Vec<f64> {
        arrivals.map(|at| at.as_secs_f64()).collect()
    }

    fn stages(texts: &[&str]) -> Schedule {
        Schedule::of_stages(texts.iter().map(|text| text.parse().unwrap()).collect())
    }

    #[test]
    fn a_steady_rate_has_even_distances_from_the_first_moment_on() {
        let arrivals = Schedule::steady(4.0, Duration::from_secs(1)).arrivals(Spread::Constant, 1, 0);
        assert_eq!(seconds(arrivals), [0.0, 0.25, 0.5, 0.75]);
    }

    #[test]
    fn long_runs_lose_no_arrival_to_rounding() {
        let schedule = Schedule::steady(5_000.0, Duration::from_secs(600));
        let arrivals = schedule.arrivals(Spread::Constant, 1, 0);
        let (mut count, mut last) = (0u32, Duration::ZERO);
        for at in arrivals {
            assert!(at >= last);
            (count, last) = (count + 1, at);
        }
        assert_eq!(count, 3_000_000);
        assert!((last.as_secs_f64() - 599.9998).abs() < 1e-6, "{last:?}");
    }

    #[test]
    fn batches_come_at_the_rate_of_their_jobs() {
        let arrivals = Schedule::steady(1_000.0, Duration::from_secs(1)).arrivals(Spread::Constant, 250, 0);
        assert_eq!(seconds(arrivals), [0.0, 0.25, 0.5, 0.75]);
    }

    #[test]
    fn a_ramp_gets_denser_and_a_step_jumps() {
        let schedule = stages(&["10s:100", "0s:10", "10s:10"]);
        assert_eq!(schedule.duration(), Duration::from_secs(20));
        assert_eq!((schedule.jobs(), schedule.peak()), (600.0, 100.0));
        let at = seconds(schedule.arrivals(Spread::Constant, 1, 0));
        assert_eq!(at.len(), 600);
        assert_eq!(at.iter().filter(|at| **at < 5.0).count(), 125);
        assert_eq!(at.iter().filter(|at| **at >= 10.0).count(), 100);
        assert!(at.windows(2).all(|pair| pair[0] <= pair[1]));
    }

    #[test]
    fn a_ramp_down_to_nothing_ends() {
        let at = seconds(stages(&["0s:10", "10s:0"]).arrivals(Spread::Constant, 1, 0));
        assert_eq!(at.len(), 50);
        assert!(at[49] < 10.0);
    }

    #[test]
    fn random_arrivals_keep_the_rate_and_repeat_by_seed() {
        let schedule = Schedule::steady(1_000.0, Duration::from_secs(100));
        let of = |seed| seconds(schedule.arrivals(Spread::Poisson, 1, seed));
        let at = of(1);
        assert!((99_000..101_000).contains(&at.len()), "{}", at.len());
        let short = at.windows(2).filter(|pair| pair[1] - pair[0] < 0.001).count();
        let share = short as f64 / at.len() as f64;
        assert!((share - (1.0 - (-1.0f64).exp())).abs() < 0.01, "{share}");
        assert_eq!(at, of(1));
        assert_ne!(at, of(2));
    }

    #[test]
    fn stages_are_read_as_people_write_them() {
        let stage: Stage = "1m 30s:5k".parse().unwrap();
        assert_eq!((stage.over, stage.rate), (Duration::from_secs(90), 5_000.0));
        for text in ["", "60s", "60:5k", "60s:x", ":5"] {
            assert!(text.parse::<Stage>().is_err(), "{text:?}");
        }
    }
}
