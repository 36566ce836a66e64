//! Once a second: the interval becomes a row, and whoever watches is told.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};

use crate::backlog::Gauge;
use crate::machine::{self, Busy, Spent};
use crate::plan::{Mode, Plan};
use crate::report::Report;
use crate::sender::{Desk, locked};
use crate::series::{Phase, Row};
use crate::view::{Progress, View};

use super::tell;

const SECOND: Duration = Duration::from_secs(1);
/// A call that leaves later than this after it was due was kept by the generator.
const LATE: u64 = 10_000;
/// Share of all cores from which on the generator counts as busy.
const BUSY: f64 = 0.85;

/// What was measured besides the calls themselves.
#[derive(Debug, Clone, Default)]
pub(super) struct Measured {
    /// From the end of the warm-up to the last answer.
    pub(super) seconds: f64,
    /// Of these, those in which the schedule offered jobs.
    pub(super) offering: f64,
    pub(super) offered: u64,
    pub(super) dropped: u64,
    /// While sending.
    pub(super) busy: Option<Busy>,
    /// Seconds in which calls left late, and in which the generator was busy.
    pub(super) late_seconds: u64,
    pub(super) busy_seconds: u64,
    pub(super) workers: Option<u64>,
}

/// What counters said at some moment.
#[derive(Debug, Clone, Copy)]
struct Mark {
    at: Instant,
    offered: u64,
    dropped: u64,
    spent: Option<Spent>,
}

pub(super) struct Ticker<'a> {
    plan: &'a Plan,
    desk: Arc<Desk>,
    backlog: &'a Gauge,
    /// Jobs that were open before the run.
    before: u64,
    view: &'a mut dyn View,
    report: &'a mut Report,
    last: Mark,
    /// Where the measurement began.
    zero: Mark,
    warm: bool,
    /// Jobs accepted in all, the warm-up's included, without repetitions.
    accepted: u64,
    measured: Measured,
}

impl<'a> Ticker<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        desk: Arc<Desk>,
        backlog: &'a Gauge,
        before: u64,
        view: &'a mut dyn View,
        report: &'a mut Report,
    ) -> Self {
        let began = Mark {
            at: desk.began,
            offered: 0,
            dropped: 0,
            spent: Spent::now(),
        };
        Self {
            plan,
            desk,
            backlog,
            before,
            view,
            report,
            last: began,
            zero: began,
            warm: plan.warmup.is_zero(),
            accepted: 0,
            measured: Measured::default(),
        }
    }

    /// Ticks while `work` goes on.
    pub(super) async fn along<T>(&mut self, phase: Phase, work: impl Future<Output = T>) -> T {
        let mut ticks = tokio::time::interval_at(self.last.at + SECOND, SECOND);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let warm = self.desk.began + self.plan.warmup;
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = tokio::time::sleep_until(warm), if !self.warm => self.warmed(),
                _ = ticks.tick() => self.tick(if self.warm { phase } else { Phase::Warmup }),
            }
        }
    }

    /// Everything is sent and answered: what remains of the second is told, and the measurement of the calls ends.
    pub(super) fn sent(&mut self) {
        self.tick(if self.warm { Phase::Send } else { Phase::Warmup });
        let (zero, last) = (self.zero, self.last);
        let elapsed = last.at.saturating_duration_since(zero.at);
        self.measured.seconds = elapsed.as_secs_f64();
        let scheduled = self
            .plan
            .length()
            .map_or(elapsed, |length| length.saturating_sub(self.plan.warmup));
        self.measured.offering = elapsed.min(scheduled).as_secs_f64();
        self.measured.offered = last.offered - zero.offered;
        self.measured.dropped = last.dropped - zero.dropped;
        self.measured.busy = busy(&zero, &last);
    }

    pub(super) fn end(mut self) -> Measured {
        if self.plan.mode == Mode::EndToEnd {
            self.tick(Phase::Follow);
        }
        self.view.end();
        self.measured
    }

    /// The warm-up ends here.
    fn warmed(&mut self) {
        self.tick(Phase::Warmup);
        locked(&self.desk.recorder).forget();
        self.zero = self.last;
        self.warm = true;
        self.measured = Measured::default();
    }

    fn tick(&mut self, phase: Phase) {
        let now = Mark {
            at: Instant::now(),
            offered: self.desk.gauges.offered(),
            dropped: self.desk.gauges.dropped(),
            spent: Spent::now(),
        };
        let then = std::mem::replace(&mut self.last, now);
        let busy = busy(&then, &now);
        let backlog = self.backlog.latest();
        let seconds = now.at.saturating_duration_since(then.at).as_secs_f64();
        let mut recorder = locked(&self.desk.recorder);
        let (mut row, mut new) = (None, 0);
        let report = &mut *self.report;
        let began = self.desk.began;
        recorder.turn(|interval| {
            new = interval.accepted - interval.replayed;
            let latency = &interval.latency;
            row = Some(Row {
                at: now.at.saturating_duration_since(began).as_secs_f64(),
                seconds,
                phase,
                offered: now.offered - then.offered,
                accepted: interval.accepted,
                replayed: interval.replayed,
                refused: interval.refused,
                dropped: now.dropped - then.dropped,
                in_flight: self.desk.gauges.in_flight(),
                p50_us: latency.at(0.5),
                p90_us: latency.at(0.9),
                p99_us: latency.at(0.99),
                p999_us: latency.at(0.999),
                max_us: latency.max(),
                lag_p99_us: interval.lag.at(0.99),
                ready: backlog.map(|backlog| backlog.ready),
                running: backlog.map(|backlog| backlog.running),
                delayed: backlog.map(|backlog| backlog.delayed),
                oldest_ms: backlog.map(|b| u64::try_from(b.oldest.as_millis()).unwrap_or(u64::MAX)),
                workers: backlog.map(|backlog| backlog.workers),
                completed: None,
                own_cores: busy.map(|busy| busy.own_cores),
                machine_cores: busy.map(|busy| busy.machine_cores),
            });
            report.interval(
                then.at.saturating_duration_since(began),
                now.at - then.at,
                interval,
            );
        });
        let Some(mut row) = row else { return };
        self.accepted += new;
        // What was open before us is taken to be open still, as long as that much is open.
        row.completed = backlog.map(|b| self.accepted.saturating_sub(b.open().saturating_sub(self.before)));
        let total = &recorder.total;
        let warning = self.warning(&row);
        let progress = Progress {
            row: &row,
            done: self.done(&row),
            accepted: total.accepted,
            dropped: now.dropped - self.zero.dropped,
            refused: total.refused,
            latency: total.latency.percentiles(),
            errors: tell::errors(&recorder),
            served_by: tell::replicas(&recorder),
            warning,
        };
        self.view.tick(&progress);
        drop(progress);
        drop(recorder);
        self.measured.workers = row.workers.or(self.measured.workers);
        if phase == Phase::Send {
            self.measured.late_seconds += u64::from(is_late(&row));
            self.measured.busy_seconds += u64::from(is_busy(&row));
        }
        self.report.row(row);
    }

    fn done(&self, row: &Row) -> Option<f64> {
        let by_time = self
            .plan
            .length()
            .map(|length| row.at / length.as_secs_f64().max(0.001));
        let by_jobs = self
            .plan
            .jobs
            .map(|jobs| self.last.offered as f64 / jobs.max(1) as f64);
        let done = by_time
            .into_iter()
            .chain(by_jobs)
            .fold(None, |most: Option<f64>, done| {
                Some(most.map_or(done, |most| most.max(done)))
            });
        done.map(|done| done.min(1.0))
    }

    fn warning(&self, row: &Row) -> Option<String> {
        if row.phase == Phase::Follow {
            return None;
        }
        if is_late(row) {
            return Some("the generator falls behind its schedule".to_owned());
        }
        if is_busy(row) {
            return Some("the generator's CPU is the bottleneck".to_owned());
        }
        (row.dropped > 0).then(|| "too many calls under way: jobs are dropped".to_owned())
    }
}

fn busy(then: &Mark, now: &Mark) -> Option<Busy> {
    let elapsed = now.at.saturating_duration_since(then.at);
    Some(now.spent?.since(&then.spent?, elapsed))
}

/// A last second that is cut short says nothing.
fn is_late(row: &Row) -> bool {
    row.seconds > 0.5 && row.lag_p99_us > LATE
}

fn is_busy(row: &Row) -> bool {
    let limit = BUSY * machine::cores() as f64;
    row.seconds > 0.5 && row.own_cores.is_some_and(|cores| cores > limit)
}
