//! `report.html`: one file that needs no network.

use std::collections::BTreeMap;
use std::io;

use scheduler_load::page;
use serde::Serialize;

use crate::plan::Plan;
use crate::series::{Band, CURVES, Series, over};
use crate::summary::{State, Summary};

const SCRIPT: &str = include_str!("experiment.js");
/// Points of a chart: as many as a screen can show.
const POINTS: usize = 900;

/// What the page draws.
#[derive(Serialize)]
struct Data<'a> {
    summary: &'a Summary,
    /// The second of each point.
    seconds: Vec<usize>,
    /// When the last job was due.
    sent: f64,
    /// For each side, each curve over its completed runs; over those that were begun where none was completed.
    curves: Vec<BTreeMap<&'static str, Band>>,
}

pub(super) fn of(plan: &Plan, summary: &Summary, series: &[(usize, usize, Series)]) -> io::Result<String> {
    let length = series
        .iter()
        .map(|(_, _, series)| series.length())
        .max()
        .unwrap_or_default();
    let step = length.div_ceil(POINTS).max(1);
    let thin = |curve: Vec<Option<f64>>| {
        let mut points: Vec<Option<f64>> = curve.into_iter().step_by(step).collect();
        points.resize(length.div_ceil(step), None);
        points
    };
    let complete = |number: usize| {
        let run = summary.runs.iter().find(|run| run.number == number);
        run.is_some_and(|run| run.state == State::Complete)
    };
    let curves = (0..plan.sides.len())
        .map(|side| {
            let all = || series.iter().filter(move |(_, of, _)| *of == side);
            let mut runs: Vec<&Series> = all()
                .filter(|(run, ..)| complete(*run))
                .map(|(.., series)| series)
                .collect();
            if runs.is_empty() {
                runs = all().map(|(.., series)| series).collect();
            }
            let band = |name| {
                let band = over(&runs, name);
                let band = Band {
                    median: thin(band.median),
                    low: thin(band.low),
                    high: thin(band.high),
                };
                (name, band)
            };
            CURVES.into_iter().map(band).collect()
        })
        .collect();
    let data = Data {
        summary,
        seconds: (0..length).step_by(step).collect(),
        sent: plan.profile.length().as_secs_f64(),
        curves,
    };
    page::of("Experiment", SCRIPT, &data)
}
