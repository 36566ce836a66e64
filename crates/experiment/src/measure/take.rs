//! From what a run has brought to its figures.

use std::collections::BTreeMap;

use scheduler_load::{JobTimes, Row, Summary};
use tokio::time::Instant;

use super::{MEASURES, Missing, Value};
use crate::sample::Sample;
use crate::series::{percentile, round};

/// What a run has brought.
#[derive(Debug)]
pub(crate) struct Brought<'a> {
    pub(crate) summary: &'a Summary,
    pub(crate) rows: &'a [Row],
    pub(crate) times: &'a [JobTimes],
    pub(crate) samples: &'a [Sample],
    /// When the load began.
    pub(crate) zero: Instant,
    /// When the sampling ended.
    pub(crate) end: Instant,
}

/// Every figure of a run, by name.
pub(crate) fn of(brought: &Brought<'_>) -> BTreeMap<&'static str, Value> {
    MEASURES
        .iter()
        .map(|measure| (measure.name, take(measure.name, brought)))
        .collect()
}

fn take(name: &str, brought: &Brought<'_>) -> Value {
    let summary = brought.summary;
    let ledger = summary.ledger.as_ref();
    let waits = || {
        brought
            .times
            .iter()
            .filter_map(|job| job.wait)
            .map(|wait| wait.as_secs_f64())
            .collect::<Vec<_>>()
    };
    let count = |jobs: u64| Value::Is(jobs as f64);
    let counted = |which: fn(&JobTimes) -> bool| brought.times.iter().filter(|job| which(job)).count() as f64;
    match name {
        "first_worker" => Value::or_never(first_worker(brought)),
        "catch_up" => catch_up(brought.rows),
        "backlog_peak" => {
            Value::or_unmeasured(peak(brought.rows).map(|row| row.ready.unwrap_or_default() as f64))
        }
        "backlog_area" => {
            let area = |row: &Row| row.ready.map(|ready| ready as f64 * row.seconds);
            Value::or_unmeasured(peak(brought.rows).map(|_| brought.rows.iter().filter_map(area).sum()))
        }
        "wait_p50" => Value::or_unmeasured(percentile(&mut waits(), 0.5)),
        "wait_p95" => Value::or_unmeasured(percentile(&mut waits(), 0.95)),
        "wait_p99" => Value::or_unmeasured(percentile(&mut waits(), 0.99)),
        "e2e_p95" => {
            let mut wholes: Vec<f64> = brought.times.iter().map(|job| job.whole.as_secs_f64()).collect();
            Value::or_unmeasured(percentile(&mut wholes, 0.95))
        }
        "submit_p99" => Value::or_unmeasured(summary.latency.submit.map(|submit| submit.p99_us as f64 / 1e6)),
        "worker_pod_seconds" => pod_seconds(brought, |component| component == "worker"),
        "pod_seconds" => pod_seconds(brought, |_| true),
        "cpu_seconds" => cpu_seconds(brought),
        "busiest_api" => Value::or_unmeasured(summary.served_by.first().map(|replica| replica.share)),
        "errors" => count(summary.jobs.refused + summary.jobs.dropped),
        // What nobody has asked for is not known to be there.
        "lost" if ledger.is_none_or(|ledger| ledger.unverified > 0) => Value::None(Missing::Unmeasured),
        "lost" => count(ledger.map_or(0, |ledger| ledger.lost)),
        "open" => Value::or_unmeasured(ledger.map(|ledger| ledger.open as f64)),
        "duplicated" => Value::or_unmeasured(ledger.map(|ledger| ledger.duplicated as f64)),
        "run_twice" => Value::Is(counted(|job| job.repeated_runs > 0)),
        "handed_again" => Value::Is(counted(|job| job.handed_again)),
        _ => Value::None(Missing::Unmeasured),
    }
}

fn ready_workers(sample: &Sample) -> Option<u64> {
    let worker = sample
        .components
        .iter()
        .find(|component| component.name == "worker");
    worker.map(|worker| worker.ready)
}

fn first_worker(brought: &Brought<'_>) -> Option<f64> {
    let within = || {
        brought
            .samples
            .iter()
            .filter(|sample| sample.taken >= brought.zero)
    };
    let before = brought.samples.iter().rfind(|sample| sample.taken < brought.zero);
    let at_first = before.or(within().next()).and_then(ready_workers)?;
    let more = within().find(|sample| ready_workers(sample).is_some_and(|ready| ready > at_first))?;
    Some((more.taken - brought.zero).as_secs_f64())
}

fn peak(rows: &[Row]) -> Option<&Row> {
    // The first of the highest: what follows it is the catching up.
    rows.iter()
        .rev()
        .filter(|row| row.ready.is_some())
        .max_by_key(|row| row.ready)
}

fn catch_up(rows: &[Row]) -> Value {
    let Some(peak) = peak(rows) else {
        return Value::None(Missing::Unmeasured);
    };
    let enough = (peak.ready.unwrap_or_default() / 20).max(10);
    if peak.ready.is_some_and(|ready| ready <= enough) {
        return Value::Is(0.0);
    }
    let after = rows.iter().filter(|row| row.at > peak.at);
    Value::or_never(
        after
            .filter(|row| row.ready.is_some_and(|ready| ready <= enough))
            .map(|row| row.at)
            .next(),
    )
}

/// Each sample stands until the next; nothing before the load began.
fn spans<'a>(brought: &'a Brought<'_>) -> impl Iterator<Item = (&'a Sample, f64)> {
    let ends = brought
        .samples
        .iter()
        .skip(1)
        .map(|next| next.taken)
        .chain([brought.end]);
    brought.samples.iter().zip(ends).map(|(sample, end)| {
        let span = end.saturating_duration_since(sample.taken.max(brought.zero));
        (sample, span.as_secs_f64())
    })
}

fn pod_seconds(brought: &Brought<'_>, counts: fn(&str) -> bool) -> Value {
    if brought.samples.is_empty() {
        return Value::None(Missing::Unmeasured);
    }
    let pods = |sample: &Sample| {
        let counted = sample
            .components
            .iter()
            .filter(|component| counts(&component.name));
        counted.map(|component| component.pods).sum::<u64>() as f64
    };
    Value::Is(round(
        spans(brought).map(|(sample, span)| pods(sample) * span).sum(),
    ))
}

/// What was not looked at is as it was last.
fn cpu_seconds(brought: &Brought<'_>) -> Value {
    let mut cores = None;
    let mut total = 0.0;
    for (sample, span) in spans(brought) {
        cores = sample.cores.as_ref().map(|by| by.values().sum::<f64>()).or(cores);
        total += cores.unwrap_or_default() * span;
    }
    Value::or_unmeasured(cores.map(|_| total))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use scheduler_load::Phase;

    use super::*;
    use crate::cluster::Component;

    fn row(at: f64, ready: Option<u64>) -> Row {
        Row {
            at,
            seconds: 1.0,
            phase: Phase::Send,
            offered: 0,
            accepted: 0,
            replayed: 0,
            refused: 0,
            dropped: 0,
            in_flight: 0,
            p50_us: 0,
            p90_us: 0,
            p99_us: 0,
            p999_us: 0,
            max_us: 0,
            lag_p99_us: 0,
            ready,
            running: None,
            delayed: None,
            oldest_ms: None,
            workers: None,
            completed: None,
            own_cores: None,
            machine_cores: None,
        }
    }

    fn rows(ready: &[u64]) -> Vec<Row> {
        (1u32..)
            .zip(ready)
            .map(|(at, ready)| row(f64::from(at), Some(*ready)))
            .collect()
    }

    #[test]
    fn catching_up_ends_when_the_highest_backlog_is_nearly_gone() {
        assert_eq!(
            catch_up(&rows(&[0, 50, 400, 400, 200, 21, 20, 0])),
            Value::Is(7.0)
        );
        assert_eq!(catch_up(&rows(&[0, 10, 3, 0])), Value::Is(0.0), "never behind");
        assert_eq!(catch_up(&rows(&[0, 50, 400, 300])), Value::None(Missing::Never));
        assert_eq!(catch_up(&[row(1.0, None)]), Value::None(Missing::Unmeasured));
    }

    fn sample(taken: Instant, ready: u64, pods: u64, cores: Option<f64>) -> Sample {
        let component = |name: &str, pods| Component {
            name: name.to_owned(),
            wanted: pods,
            ready,
            pods,
        };
        Sample {
            taken,
            components: vec![component("api", 2), component("worker", pods)],
            cores: cores.map(|cores| [("worker".to_owned(), cores)].into()),
        }
    }

    fn summary() -> Summary {
        Summary {
            version: 1,
            tool: String::new(),
            address: String::new(),
            mode: "e2e".to_owned(),
            plan: String::new(),
            seed: 0,
            started_at: String::new(),
            ended_at: String::new(),
            interrupted: false,
            warmup_seconds: 0.0,
            measured_seconds: 0.0,
            jobs: scheduler_load::JobCounts::default(),
            calls: scheduler_load::Calls::default(),
            rates: scheduler_load::Rates::default(),
            latency: scheduler_load::Latencies::default(),
            errors: Vec::new(),
            served_by: Vec::new(),
            ledger: None,
            generator: scheduler_load::Generator::default(),
            thresholds: Vec::new(),
            warnings: Vec::new(),
        }
    }

    #[test]
    fn pods_are_paid_for_from_the_first_job_to_the_end() {
        let early = Instant::now();
        let at = |seconds: f64| early + Duration::from_secs_f64(seconds);
        let samples = [
            sample(at(0.0), 2, 2, Some(0.5)),
            sample(at(12.0), 2, 4, None),
            sample(at(14.0), 4, 4, Some(2.0)),
        ];
        let summary = summary();
        let brought = Brought {
            summary: &summary,
            rows: &rows(&[5, 3]),
            times: &[],
            samples: &samples,
            zero: at(10.0),
            end: at(20.0),
        };
        let figures = of(&brought);
        assert_eq!(figures["worker_pod_seconds"], Value::Is(2.0 * 2.0 + 8.0 * 4.0));
        assert_eq!(figures["pod_seconds"], Value::Is(36.0 + 20.0));
        assert_eq!(figures["cpu_seconds"], Value::Is(4.0 * 0.5 + 6.0 * 2.0));
        assert_eq!(figures["first_worker"], Value::Is(4.0));
        assert_eq!(figures["backlog_area"], Value::Is(8.0));
        assert_eq!(
            figures["lost"],
            Value::None(Missing::Unmeasured),
            "nobody has asked"
        );
        assert_eq!(figures["wait_p95"], Value::None(Missing::Unmeasured));
        assert_eq!(figures.len(), MEASURES.len());
    }

    #[test]
    fn jobs_that_ran_twice_are_told_from_those_handed_back() {
        let job = |repeated_runs, handed_again| JobTimes {
            due: Duration::ZERO,
            wait: Some(Duration::from_secs(2)),
            whole: Duration::from_secs(3),
            repeated_runs,
            handed_again,
        };
        let (zero, summary) = (Instant::now(), summary());
        let brought = Brought {
            summary: &summary,
            rows: &[],
            times: &[job(0, false), job(1, true), job(0, true)],
            samples: &[],
            zero,
            end: zero,
        };
        let figures = of(&brought);
        assert_eq!(
            (figures["run_twice"], figures["handed_again"]),
            (Value::Is(1.0), Value::Is(2.0))
        );
        assert_eq!(
            (figures["wait_p50"], figures["e2e_p95"]),
            (Value::Is(2.0), Value::Is(3.0))
        );
        assert_eq!(figures["first_worker"], Value::None(Missing::Never));
    }
}
