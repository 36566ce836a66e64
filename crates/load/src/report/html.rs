//! `report.html`: one file that needs no network. The page draws itself from the data within it.

use std::io;

use serde_json::json;

use crate::series::Row;
use crate::stats::Latency;
use crate::summary::Summary;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");
/// Points of a chart: as many as a screen can show. Longer runs are thinned by merging neighbours.
const POINTS: usize = 1_200;

pub(super) fn page(summary: &Summary, rows: &[Row], total: &Latency) -> io::Result<String> {
    let data = json!({
        "summary": summary,
        "rows": thinned(rows),
        "quantiles": quantiles(total),
    });
    // Within a script, `</` is the one thing that could end it.
    let data = serde_json::to_string(&data)?.replace("</", "<\\/");
    Ok(PAGE
        .replace("/*STYLE*/", STYLE)
        .replace("/*SCRIPT*/", SCRIPT)
        .replace("\"DATA\"", &data))
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
