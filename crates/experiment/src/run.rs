//! One run after the other. Whatever happens in one, what was installed is uninstalled, and what was measured is kept.

mod drive;
mod settle;

use std::path::PathBuf;

use scheduler_load::Seams;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cluster::Cluster;
use crate::error::Error;
use crate::measure;
use crate::plan::{Plan, Side, Turn};
use crate::report::Report;
use crate::series::{Series, round};
use crate::summary::{self, EventRecord, RunRecord, SideRecord, State, Summary};
use crate::view::{Phase, View};
use drive::Driven;

/// How an experiment is told to end early.
#[derive(Debug, Clone, Default)]
pub struct Stops {
    /// Measure no more; clean up and write what was measured.
    pub measuring: CancellationToken,
    /// Clean up no more.
    pub cleaning: CancellationToken,
}

/// How an experiment has ended. Its report is written in any case.
#[derive(Debug)]
pub struct Ended {
    /// What came of it.
    pub summary: Summary,
    /// Why it ended before its end, other than by being stopped.
    pub failure: Option<Error>,
}

/// Carries out `plan`.
///
/// # Errors
/// Before anything is installed: [`Error::Invalid`], [`Error::Occupied`], [`Error::Unreachable`], [`Error::Program`]. Later
/// only [`Error::Io`], when the results cannot be written.
pub async fn run(
    plan: &Plan,
    cluster: &dyn Cluster,
    seams: &Seams,
    stops: &Stops,
    view: &mut dyn View,
) -> Result<Ended, Error> {
    plan.check()?;
    let files: Vec<PathBuf> = plan.sides.iter().map(|side| side.file.clone()).collect();
    let found = tokio::select! {
        found = cluster.check(&files) => found?,
        () = stops.measuring.cancelled() => return Err(Error::Stopped),
    };
    let started_at = seams.clock.now().to_rfc3339();
    let mut report = Report::new(&plan.out)?;
    let mut experiment = Experiment {
        plan,
        cluster,
        seams,
        stops,
        view,
        runs: Vec::new(),
    };
    let mut failure = None;
    for turn in plan.order() {
        if stops.measuring.is_cancelled() {
            break;
        }
        if let Err(error) = experiment.turn(&turn, &mut report).await {
            failure = Some(error);
            break;
        }
    }
    experiment.view.end();
    let runs = experiment.runs;
    let summary = Summary {
        version: 1,
        tool: plan.user_agent.clone(),
        started_at,
        ended_at: seams.clock.now().to_rfc3339(),
        interrupted: stops.measuring.is_cancelled(),
        cluster: found,
        profile: plan.profile.clone().whole(),
        repeats: plan.repeat,
        sides: plan.sides.iter().map(side).collect(),
        measures: summary::compared(plan, &runs),
        rule: summary::rule(plan),
        failure: failure.as_ref().map(ToString::to_string),
        warnings: warnings(plan, &runs),
        runs,
    };
    report.finish(plan, &summary)?;
    let failure = failure.filter(|error| !matches!(error, Error::Stopped));
    Ok(Ended { summary, failure })
}

fn side(side: &Side) -> SideRecord {
    SideRecord {
        name: side.name.clone(),
        file: side.file.display().to_string(),
        values: side.text.clone(),
    }
}

struct Experiment<'a> {
    plan: &'a Plan,
    cluster: &'a dyn Cluster,
    seams: &'a Seams,
    stops: &'a Stops,
    view: &'a mut dyn View,
    runs: Vec<RunRecord>,
}

impl Experiment<'_> {
    /// One run, with its cleaning up.
    async fn turn(&mut self, turn: &Turn, report: &mut Report) -> Result<(), Error> {
        let side = &self.plan.sides[turn.side];
        let folder = format!("runs/{:02}-{}-{}", turn.number, side.name, turn.repeat);
        let mut record = RunRecord {
            number: turn.number,
            side: side.name.clone(),
            repeat: turn.repeat,
            folder: folder.clone(),
            state: State::Complete,
            error: None,
            started_at: self.seams.clock.now().to_rfc3339(),
            install_seconds: None,
            measured_seconds: None,
            most_workers: None,
            figures: [].into(),
            thresholds: Vec::new(),
            events: Vec::new(),
            notes: Vec::new(),
        };
        let measured = self.measured(turn, &mut record, report).await;
        self.view.phase(turn, &side.name, Phase::Uninstall);
        let last = turn.number == turn.of || measured.is_err() || self.stops.measuring.is_cancelled();
        let cleaned = tokio::select! {
            cleaned = self.cluster.uninstall(last, &self.stops.cleaning) => cleaned,
            () = self.stops.cleaning.cancelled() => Err(Error::Stopped),
        };
        let cleaned = cleaned.map_err(|error| Error::Failed {
            what: "cleaning up".to_owned(),
            said: format!("{error}; by hand: {}", self.cluster.farewell()),
        });
        match &measured {
            Err(Error::Stopped) => record.state = State::Interrupted,
            Err(error) => {
                record.state = State::Failed;
                record.error = Some(error.to_string());
            }
            Ok(()) if self.stops.measuring.is_cancelled() => record.state = State::Interrupted,
            Ok(()) => {}
        }
        report.ran(&record)?;
        self.view.ran(turn, &record);
        self.runs.push(record);
        measured.and(cleaned)
    }

    async fn measured(
        &mut self,
        turn: &Turn,
        record: &mut RunRecord,
        report: &mut Report,
    ) -> Result<(), Error> {
        let (plan, cluster, stop) = (self.plan, self.cluster, &self.stops.measuring);
        let side = &plan.sides[turn.side];
        self.view.phase(turn, &side.name, Phase::Install);
        let begun = Instant::now();
        cluster.install(&side.file, stop).await?;
        record.install_seconds = Some(round(begun.elapsed().as_secs_f64()));

        self.view.phase(turn, &side.name, Phase::Settle);
        let ready = async {
            let gateway = cluster.gateway().await?;
            let note = settle::settle(plan, cluster, &gateway.address, &mut *self.view).await?;
            Ok::<_, Error>((gateway, note))
        };
        let (gateway, note) = tokio::select! {
            ready = ready => ready?,
            () = stop.cancelled() => return Err(Error::Stopped),
        };
        record.notes.extend(note);

        let load = plan.load(gateway.address.clone())?;
        let folder = plan.out.join(&record.folder);
        let began_at = self.seams.clock.now();
        let mut display = drive::Display {
            view: &mut *self.view,
            turn,
            side: &side.name,
        };
        let driven = drive::drive(plan, &load, cluster, self.seams, stop, &folder, &mut display).await?;
        self.told(record, &driven, began_at);
        let series = Series::of(&driven.rows, &driven.times, &driven.samples, driven.zero);
        report.series(turn.side, record, series)?;
        match cluster.events().await {
            Ok(events) => {
                record.events = events
                    .into_iter()
                    .filter(|event| event.at >= began_at)
                    .map(|event| EventRecord {
                        at: round((event.at - began_at).as_seconds_f64()),
                        object: event.object,
                        reason: event.reason,
                        message: event.message,
                    })
                    .collect();
            }
            Err(error) => record
                .notes
                .push(format!("the cluster's events could not be read: {error}")),
        }
        Ok(())
    }

    fn told(&self, record: &mut RunRecord, driven: &Driven, began_at: scheduler_client::Timestamp) {
        record.started_at = began_at.to_rfc3339();
        let brought = measure::Brought {
            summary: &driven.summary,
            rows: &driven.rows,
            times: &driven.times,
            samples: &driven.samples,
            zero: driven.zero,
            end: driven.end,
        };
        record.figures = measure::of(&brought);
        record.measured_seconds = Some(round((driven.end - driven.zero).as_secs_f64()));
        let workers = driven.samples.iter().flat_map(|sample| &sample.components);
        record.most_workers = workers
            .filter(|component| component.name == "worker")
            .map(|component| component.ready)
            .max();
        record.thresholds.clone_from(&driven.summary.thresholds);
        record.notes.extend(driven.summary.warnings.iter().cloned());
        if driven.missed > 0 {
            record.notes.push(format!(
                "{} looks at the cluster failed; they are gaps",
                driven.missed
            ));
        }
    }
}

fn warnings(plan: &Plan, runs: &[RunRecord]) -> Vec<String> {
    let mut warnings = Vec::new();
    let complete = runs.iter().filter(|run| run.state == State::Complete).count();
    let planned = plan.order().len();
    if complete < planned {
        warnings.push(format!(
            "{complete} of {planned} runs were completed; only these count"
        ));
    }
    let unmeasured = |run: &&RunRecord| {
        run.figures
            .get("cpu_seconds")
            .is_some_and(|cpu| cpu.figure().is_none())
    };
    if runs.iter().any(|run| unmeasured(&run)) {
        warnings.push("the cluster has no metrics API, or it had nothing yet: CPU is not told".to_owned());
    }
    for run in runs {
        let lead = format!("run {} ({})", run.number, run.side);
        warnings.extend(run.error.iter().map(|error| format!("{lead}: {error}")));
        warnings.extend(run.notes.iter().map(|note| format!("{lead}: {note}")));
    }
    warnings
}
