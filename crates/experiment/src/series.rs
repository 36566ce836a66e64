//! A run on a grid of seconds, and several runs over each other.

use std::collections::BTreeMap;

use scheduler_load::{JobTimes, Row};
use serde::Serialize;
use tokio::time::Instant;

use crate::sample::Sample;

/// Everything that is told second by second, in the order of the columns.
pub(crate) const CURVES: [&str; 22] = [
    "offered",
    "accepted",
    "errors",
    "ready_jobs",
    "oldest_s",
    "running_jobs",
    "worker_wanted",
    "worker_ready",
    "worker_pods",
    "worker_cores",
    "api_wanted",
    "api_ready",
    "api_pods",
    "api_cores",
    "gateway_pods",
    "gateway_cores",
    "wait_p50_s",
    "wait_p95_s",
    "wait_p99_s",
    "e2e_p50_s",
    "e2e_p95_s",
    "submit_p99_s",
];

/// A curve: a value for each second that has ended, or none.
pub(crate) type Curve = Vec<Option<f64>>;

/// One run, second by second: every curve has the same length.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Series(pub(crate) BTreeMap<&'static str, Curve>);

/// Several runs of one side over each other.
#[derive(Debug, Clone, Serialize, PartialEq)]
pub(crate) struct Band {
    pub(crate) median: Curve,
    pub(crate) low: Curve,
    pub(crate) high: Curve,
}

impl Series {
    /// Puts everything onto the grid. `zero` is when the load began.
    pub(crate) fn of(rows: &[Row], times: &[JobTimes], samples: &[Sample], zero: Instant) -> Self {
        let mut series = Self(CURVES.map(|name| (name, Curve::new())).into());
        for row in rows.iter().filter(|row| row.seconds > 0.2) {
            series.load(row);
        }
        series.jobs(times);
        for sample in samples {
            series.pods(sample, zero);
        }
        series.even();
        series
    }

    fn load(&mut self, row: &Row) {
        let at = second(row.at);
        let rate = |jobs: u64| Some(jobs as f64 / row.seconds);
        self.set("offered", at, rate(row.offered));
        self.set("accepted", at, rate(row.accepted));
        self.set("errors", at, rate(row.refused + row.dropped));
        self.set("ready_jobs", at, row.ready.map(|jobs| jobs as f64));
        self.set("running_jobs", at, row.running.map(|jobs| jobs as f64));
        self.set("oldest_s", at, row.oldest_ms.map(|ms| ms as f64 / 1e3));
        if row.max_us > 0 {
            self.set("submit_p99_s", at, Some(row.p99_us as f64 / 1e6));
        }
    }

    /// Percentiles of the jobs that were due in a second.
    fn jobs(&mut self, times: &[JobTimes]) {
        let mut due: BTreeMap<usize, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
        for job in times {
            let (waits, wholes) = due.entry(second(job.due.as_secs_f64()) + 1).or_default();
            waits.extend(job.wait.map(|wait| wait.as_secs_f64()));
            wholes.push(job.whole.as_secs_f64());
        }
        for (at, (mut waits, mut wholes)) in due {
            for (name, share) in [("wait_p50_s", 0.5), ("wait_p95_s", 0.95), ("wait_p99_s", 0.99)] {
                self.set(name, at, percentile(&mut waits, share));
            }
            for (name, share) in [("e2e_p50_s", 0.5), ("e2e_p95_s", 0.95)] {
                self.set(name, at, percentile(&mut wholes, share));
            }
        }
    }

    fn pods(&mut self, sample: &Sample, zero: Instant) {
        let Some(at) = sample.taken.checked_duration_since(zero) else {
            return;
        };
        let at = second(at.as_secs_f64() + 0.5);
        for component in &sample.components {
            let counts = [
                ("wanted", component.wanted),
                ("ready", component.ready),
                ("pods", component.pods),
            ];
            for (what, count) in counts {
                if let Some(name) = named(&component.name, what) {
                    self.set(name, at, Some(count as f64));
                }
            }
        }
        for (component, cores) in sample.cores.iter().flatten() {
            if let Some(name) = named(component, "cores") {
                self.set(name, at, Some(*cores));
            }
        }
    }

    fn set(&mut self, name: &'static str, at: usize, value: Option<f64>) {
        let curve = self.0.entry(name).or_default();
        if curve.len() <= at {
            curve.resize(at + 1, None);
        }
        curve[at] = value;
    }

    /// Every curve as long as the longest. What was not looked at in a second is as it was before, where that is a state
    /// and not a rate.
    fn even(&mut self) {
        let length = self.length();
        for (name, curve) in &mut self.0 {
            curve.resize(length, None);
            if ["_wanted", "_ready", "_pods", "_cores"]
                .iter()
                .any(|kind| name.ends_with(kind))
            {
                let mut held = None;
                for value in curve.iter_mut() {
                    held = value.or(held);
                    *value = held;
                }
            }
        }
    }

    pub(crate) fn length(&self) -> usize {
        self.0.values().map(Vec::len).max().unwrap_or_default()
    }

    /// The lines of a CSV file, each begun by `lead`.
    pub(crate) fn csv(&self, lead: &str) -> String {
        let cell = |value: &Option<f64>| value.map_or(String::new(), |value| format!("{}", round(value)));
        let line = |at: usize| {
            let cells: Vec<String> = CURVES.iter().map(|name| cell(&self.0[name][at])).collect();
            format!("{lead},{at},{}\n", cells.join(","))
        };
        (0..self.length()).map(line).collect()
    }
}

/// The median, the least and the greatest of each second.
pub(crate) fn over(runs: &[&Series], name: &str) -> Band {
    let length = runs.iter().map(|run| run.length()).max().unwrap_or_default();
    let mut band = Band {
        median: Curve::new(),
        low: Curve::new(),
        high: Curve::new(),
    };
    for at in 0..length {
        let value = |run: &&Series| run.0.get(name).and_then(|curve| curve.get(at).copied().flatten());
        let mut values: Vec<f64> = runs.iter().filter_map(value).collect();
        band.median.push(median(&mut values).map(round));
        band.low.push(values.first().copied().map(round));
        band.high.push(values.last().copied().map(round));
    }
    band
}

/// Sorts them.
pub(crate) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some(f64::midpoint(values[middle - 1], values[middle])),
    }
}

/// The value that `share` of all are no greater than. Sorts them.
pub(crate) fn percentile(values: &mut [f64], share: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let rank = second((values.len() as f64 * share).ceil()).max(1);
    values.get(rank - 1).copied()
}

/// Four digits behind the point: more than is measured.
pub(crate) fn round(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

fn named(component: &str, what: &str) -> Option<&'static str> {
    CURVES.into_iter().find(|name| {
        name.strip_prefix(component)
            .and_then(|rest| rest.strip_prefix('_'))
            == Some(what)
    })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast of a float saturates, and seconds and ranks are small"
)]
fn second(at: f64) -> usize {
    at as usize
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cluster::Component;

    fn sample(zero: Instant, at: f64, pods: u64, cores: Option<f64>) -> Sample {
        Sample {
            taken: zero + Duration::from_secs_f64(at),
            components: vec![Component {
                name: "worker".to_owned(),
                wanted: pods,
                ready: pods,
                pods,
            }],
            cores: cores.map(|cores| [("worker".to_owned(), cores)].into()),
        }
    }

    fn job(due: f64, wait: f64) -> JobTimes {
        JobTimes {
            due: Duration::from_secs_f64(due),
            wait: Some(Duration::from_secs_f64(wait)),
            whole: Duration::from_secs_f64(wait + 1.0),
            repeated_runs: 0,
            handed_again: false,
        }
    }

    #[test]
    fn states_are_held_and_gaps_in_rates_stay() {
        let zero = Instant::now();
        let samples = [sample(zero, 0.1, 2, Some(0.5)), sample(zero, 3.1, 4, None)];
        let jobs = [job(0.2, 1.0), job(0.9, 3.0), job(2.5, 2.0)];
        let series = Series::of(&[], &jobs, &samples, zero);
        assert_eq!(series.0["worker_pods"], [2.0, 2.0, 2.0, 4.0].map(Some));
        assert_eq!(series.0["worker_cores"], [Some(0.5); 4]);
        assert_eq!(series.0["wait_p50_s"], [None, Some(1.0), None, Some(2.0)]);
        assert_eq!(series.0["wait_p95_s"][1], Some(3.0));
        let csv = series.csv("1,a,1");
        assert_eq!(
            (
                csv.lines().count(),
                csv.lines().next().unwrap().split(',').count()
            ),
            (4, 4 + CURVES.len())
        );
    }

    #[test]
    fn what_came_before_the_load_is_left_out() {
        let early = Instant::now();
        let zero = early + Duration::from_secs(5);
        let series = Series::of(
            &[],
            &[],
            &[sample(early, 0.0, 9, None), sample(zero, 0.0, 1, None)],
            zero,
        );
        assert_eq!(series.0["worker_pods"], [Some(1.0)]);
    }

    #[test]
    fn runs_over_each_other_have_a_middle_and_a_spread_where_any_has_a_value() {
        let zero = Instant::now();
        let run = |pods: &[u64]| {
            let samples: Vec<Sample> = (0..)
                .zip(pods)
                .map(|(at, pods)| sample(zero, f64::from(at), *pods, None))
                .collect();
            Series::of(&[], &[], &samples, zero)
        };
        let (a, b, c) = (run(&[1, 5]), run(&[3, 3]), run(&[2]));
        let band = over(&[&a, &b, &c], "worker_pods");
        assert_eq!(band.median, [Some(2.0), Some(4.0)]);
        assert_eq!(
            (band.low[0], band.high[0], band.low[1], band.high[1]),
            (Some(1.0), Some(3.0), Some(3.0), Some(5.0))
        );
    }

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let mut values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(percentile(&mut values, 0.5), Some(50.0));
        assert_eq!(percentile(&mut values, 0.99), Some(99.0));
        assert_eq!(
            (percentile(&mut [7.0], 0.01), percentile(&mut [], 0.5)),
            (Some(7.0), None)
        );
        assert_eq!((median(&mut [3.0, 1.0]), median(&mut [])), (Some(2.0), None));
    }
}
