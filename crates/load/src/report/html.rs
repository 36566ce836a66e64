//! `report.html`: one file that needs no network. The page draws itself from the data within it.

use std::io;

use serde::Serialize;

use super::page;
use crate::series::Row;
use crate::stats::Latency;
use crate::summary::Summary;

const SCRIPT: &str = include_str!("load.js");
/// Points of a chart: as many as a screen can show. Longer runs are thinned by merging neighbours.
const POINTS: usize = 1_200;

/// What the page draws.
#[derive(Serialize)]
struct Data<'a> {
    summary: &'a Summary,
    rows: Vec<Row>,
    quantiles: Vec<(f64, u64)>,
}

pub(super) fn of(summary: &Summary, rows: &[Row], total: &Latency) -> io::Result<String> {
    let data = Data {
        summary,
        rows: thinned(rows),
        quantiles: quantiles(total),
    };
    page::of("Load report", SCRIPT, &data)
}

/// The distribution at points that get denser towards its end.
fn quantiles(total: &Latency) -> Vec<(f64, u64)> {
    let count = total.histogram().len();
    if count == 0 {
        return Vec::new();
    }
    let smallest = 1.0 / count as f64;
    let steps = std::iter::successors(Some(1.0f64), |rest| Some(rest * 0.8));
    let mut points: Vec<(f64, u64)> = steps
        .take_while(|rest| *rest >= smallest)
        .map(|rest| (1.0 - rest, total.at(1.0 - rest)))
        .collect();
    points.push((1.0 - smallest / 2.0, total.max()));
    points
}

fn thinned(rows: &[Row]) -> Vec<Row> {
    let step = rows.len().div_ceil(POINTS).max(1);
    rows.chunks(step).filter_map(merged).collect()
}

/// Counts are added, latencies are those of the worst second, sizes those of the last.
fn merged(rows: &[Row]) -> Option<Row> {
    let mut all = *rows.last()?;
    for row in &rows[..rows.len() - 1] {
        all.seconds += row.seconds;
        all.offered += row.offered;
        all.accepted += row.accepted;
        all.replayed += row.replayed;
        all.refused += row.refused;
        all.dropped += row.dropped;
        all.p50_us = all.p50_us.max(row.p50_us);
        all.p90_us = all.p90_us.max(row.p90_us);
        all.p99_us = all.p99_us.max(row.p99_us);
        all.p999_us = all.p999_us.max(row.p999_us);
        all.max_us = all.max_us.max(row.max_us);
        all.lag_p99_us = all.lag_p99_us.max(row.lag_p99_us);
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::series::Phase;

    fn row(at: f64, p99_us: u64) -> Row {
        Row {
            at,
            seconds: 1.0,
            phase: Phase::Send,
            offered: 5,
            accepted: 4,
            replayed: 0,
            refused: 1,
            dropped: 0,
            in_flight: 0,
            p50_us: 1,
            p90_us: 2,
            p99_us,
            p999_us: 9,
            max_us: 9,
            lag_p99_us: 0,
            ready: None,
            running: None,
            delayed: None,
            oldest_ms: None,
            workers: None,
            completed: None,
            own_cores: None,
            machine_cores: None,
        }
    }

    #[test]
    fn a_long_run_is_thinned_and_keeps_its_counts_and_its_worst_second() {
        let rows: Vec<Row> = (1..=3_601)
            .map(|n| row(f64::from(n), u64::from(n == 1_800) * 7_000))
            .collect();
        let thin = thinned(&rows);
        assert!(thin.len() <= POINTS, "{}", thin.len());
        assert_eq!(thin.iter().map(|row| row.offered).sum::<u64>(), 5 * 3_601);
        assert_eq!(thin.iter().map(|row| row.p99_us).max(), Some(7_000));
        assert!((thin.iter().map(|row| row.seconds).sum::<f64>() - 3_601.0).abs() < 1e-6);
        assert_eq!(thinned(&rows[..3]).len(), 3);
    }

    #[test]
    fn the_distribution_gets_denser_towards_its_end_and_ends_at_the_maximum() {
        let mut latency = Latency::default();
        assert!(quantiles(&latency).is_empty());
        (1..=1_000).for_each(|n| latency.record(Duration::from_micros(n)));
        let points = quantiles(&latency);
        assert!(
            points
                .windows(2)
                .all(|pair| pair[0].0 < pair[1].0 && pair[0].1 <= pair[1].1)
        );
        assert_eq!(points.last().map(|(_, us)| *us), Some(1_000));
    }
}
