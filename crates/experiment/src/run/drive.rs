//! The load, and the cluster looked at meanwhile.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use scheduler_load::{JobTimes, Phase as LoadPhase, Progress, Row, Seams, Summary, View as LoadView};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cluster::Cluster;
use crate::error::Error;
use crate::plan::{Plan, Turn};
use crate::sample::{LOOK, Sample, Seen};
use crate::view::{Now, Phase, View};

/// What a run has brought.
#[derive(Debug)]
pub(super) struct Driven {
    pub(super) summary: Summary,
    pub(super) rows: Vec<Row>,
    pub(super) times: Vec<JobTimes>,
    pub(super) samples: Vec<Sample>,
    /// Looks at the cluster that failed.
    pub(super) missed: u64,
    /// When the load began.
    pub(super) zero: Instant,
    /// When the sampling ended.
    pub(super) end: Instant,
}

/// Where it is shown.
pub(super) struct Display<'a> {
    pub(super) view: &'a mut dyn View,
    pub(super) turn: &'a Turn,
    pub(super) side: &'a str,
}

impl Display<'_> {
    fn phase(&mut self, phase: Phase) {
        self.view.phase(self.turn, self.side, phase);
    }
}

/// Drives the load, follows its jobs, and looks on for as long as the plan asks for.
///
/// # Errors
/// When nobody answers at its beginning, or the results cannot be written. When it is stopped, what was measured so far
/// is given.
pub(super) async fn drive(
    plan: &Plan,
    load: &scheduler_load::Plan,
    cluster: &dyn Cluster,
    seams: &Seams,
    stop: &CancellationToken,
    folder: &Path,
    display: &mut Display<'_>,
) -> Result<Driven, Error> {
    let seen = Seen::default();
    let mut report = scheduler_load::Report::new(Some(folder))?;
    let stops = scheduler_load::Stops {
        sending: stop.child_token(),
        following: stop.child_token(),
    };
    display.phase(Phase::Load);
    let zero = Mutex::new(None);
    let mut meter = Meter {
        display: &mut *display,
        seen: &seen,
        zero: &zero,
        following: false,
    };
    let begun = Instant::now();
    let loading = Box::pin(scheduler_load::run(load, seams, &stops, &mut meter, &mut report));
    let summary = tokio::select! {
        summary = loading => summary,
        never = seen.watch(cluster) => match never {},
    };
    let summary = summary.map_err(|error| Error::Failed {
        what: "the load".to_owned(),
        said: error.to_string(),
    })?;
    let zero = zero
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
        .unwrap_or(begun);
    let until = (zero + plan.profile.length() + plan.after).max(Instant::now());
    display.phase(Phase::After);
    tokio::select! {
        () = look_on(&seen, display, until) => {}
        () = stop.cancelled() => {}
        never = seen.watch(cluster) => match never {},
    }
    let (rows, times) = (report.rows().to_vec(), report.times().to_vec());
    report.finish(&summary)?;
    let (samples, missed) = seen.take();
    Ok(Driven {
        summary,
        rows,
        times,
        samples,
        missed,
        zero,
        end: Instant::now().min(until),
    })
}

async fn look_on(seen: &Seen, display: &mut Display<'_>, until: Instant) {
    while Instant::now() < until {
        display.view.tick(&Now {
            components: seen.latest(),
            ..Now::default()
        });
        tokio::time::sleep_until(until.min(Instant::now() + LOOK)).await;
    }
}

/// Hears the load's seconds: tells them on, and notes when it began.
struct Meter<'a, 'b> {
    display: &'a mut Display<'b>,
    seen: &'a Seen,
    zero: &'a Mutex<Option<Instant>>,
    following: bool,
}

impl LoadView for Meter<'_, '_> {
    fn tick(&mut self, progress: &Progress<'_>) {
        let row = progress.row;
        let began = Instant::now().checked_sub(Duration::from_secs_f64(row.at));
        let mut zero = self.zero.lock().unwrap_or_else(PoisonError::into_inner);
        *zero = zero.or(began);
        if row.phase == LoadPhase::Follow && !self.following {
            self.following = true;
            self.display.phase(Phase::Drain);
        }
        self.display.view.tick(&Now {
            components: self.seen.latest(),
            ready: row.ready,
            oldest: row.oldest_ms.map(Duration::from_millis),
            accepted: progress.accepted,
        });
    }
}
