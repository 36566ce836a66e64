//! From what was counted to the summary.

use scheduler_client::Timestamp;

use super::Ran;
use super::tick::Measured;
use crate::follow::Followed;
use crate::machine;
use crate::plan::{Mode, Naming, Plan};
use crate::sender::{Desk, locked};
use crate::stats::{Latency, Recorder};
use crate::summary::{
    Calls, ErrorCount, Generator, JobCounts, Latencies, LedgerCounts, Rates, Replica, Summary,
};

pub(super) fn summary(plan: &Plan, desk: &Desk, ran: &Ran, measured: &Measured, now: Timestamp) -> Summary {
    let recorder = locked(&desk.recorder);
    let total = &recorder.total;
    let jobs = JobCounts {
        offered: measured.offered,
        dropped: measured.dropped,
        accepted: total.accepted,
        replayed: total.replayed,
        refused: total.refused,
    };
    let balance = desk.ledger.as_ref().map(|ledger| locked(ledger).balance());
    let ledger = balance
        .zip(ran.followed.as_ref())
        .map(|(balance, followed)| LedgerCounts {
            sent: balance.sent,
            acknowledged: balance.acknowledged,
            succeeded: balance.succeeded,
            failed: balance.failed,
            dead: balance.dead,
            cancelled: balance.cancelled,
            open: balance.open,
            lost: balance.lost,
            unverified: balance.unverified,
            duplicated: balance.duplicated,
            unacknowledged_found: balance.unacknowledged_found,
            repeated_runs: followed.repeated_runs,
            gave_up: followed.gave_up.clone(),
        });
    let mut summary = Summary {
        version: 1,
        tool: plan.user_agent.clone(),
        address: plan.address.clone(),
        mode: plan.mode.name().to_owned(),
        plan: plan.told(),
        seed: plan.content.seed,
        started_at: ran.started_at.to_rfc3339(),
        ended_at: now.to_rfc3339(),
        interrupted: desk.stop.is_cancelled(),
        warmup_seconds: plan.warmup.as_secs_f64(),
        measured_seconds: round(measured.seconds, 1e3),
        jobs,
        calls: Calls {
            made: total.calls,
            failed: total.failed_calls,
        },
        rates: Rates {
            offered: per_second(jobs.offered, measured.offering),
            accepted: per_second(jobs.accepted, measured.seconds),
            completed: ran
                .followed
                .as_ref()
                .and_then(|followed| completed(ran, followed)),
            error: share(jobs.refused, jobs.refused + jobs.accepted),
            drop: share(jobs.dropped, jobs.offered),
        },
        latency: latencies(&recorder, ran),
        errors: errors(&recorder),
        served_by: replicas(&recorder),
        ledger,
        generator: Generator {
            cores: u64::try_from(machine::cores()).unwrap_or(u64::MAX),
            busy: measured.busy,
            peak_memory_bytes: machine::peak_memory(),
        },
        thresholds: Vec::new(),
        warnings: Vec::new(),
    };
    summary.warnings = warnings(plan, &summary, ran, measured);
    summary.judge(&plan.thresholds);
    summary
}

fn latencies(recorder: &Recorder, ran: &Ran) -> Latencies {
    let (followed, idle) = (ran.followed.as_ref(), ran.idle.as_ref());
    let told = |latency: Option<&Latency>| latency.and_then(Latency::percentiles);
    Latencies {
        submit: recorder.total.latency.percentiles(),
        service: recorder.total.service.percentiles(),
        lag: recorder.total.lag.percentiles(),
        wait: told(followed.map(|f| &f.wait).or(idle.map(|idle| &idle.wait))),
        run: told(followed.map(|followed| &followed.run)),
        e2e: told(followed.map(|followed| &followed.whole)),
        start: told(idle.map(|idle| &idle.start)),
        done: told(idle.map(|idle| &idle.done)),
    }
}

/// Errors, most frequent first.
pub(super) fn errors(recorder: &Recorder) -> Vec<ErrorCount> {
    let mut errors: Vec<ErrorCount> = recorder
        .errors
        .iter()
        .map(|(refusal, (jobs, message))| ErrorCount {
            code: refusal.code.to_owned(),
            reason: refusal.reason.clone(),
            jobs: *jobs,
            message: message.clone(),
        })
        .collect();
    errors.sort_by_key(|error| std::cmp::Reverse(error.jobs));
    errors
}

/// Answers per replica, most frequent first.
pub(super) fn replicas(recorder: &Recorder) -> Vec<Replica> {
    let all = recorder.served_by.values().sum();
    let mut replicas: Vec<Replica> = recorder
        .served_by
        .iter()
        .map(|(name, calls)| Replica {
            name: name.clone(),
            calls: *calls,
            share: share(*calls, all),
        })
        .collect();
    replicas.sort_by_key(|replica| std::cmp::Reverse(replica.calls));
    replicas
}

/// Ended jobs per second from the beginning of the run to the end of its last job.
fn completed(ran: &Ran, followed: &Followed) -> Option<f64> {
    let micros = followed.last_finish - ran.started_at.timestamp_micros();
    let ended = followed.whole.histogram().len();
    (micros > 0).then(|| per_second(ended, micros as f64 / 1e6))
}

fn warnings(plan: &Plan, summary: &Summary, ran: &Ran, measured: &Measured) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut warn = |applies: bool, text: String| {
        if applies {
            warnings.push(text);
        }
    };
    let late = measured.late_seconds;
    warn(
        late > 0,
        format!(
            "the generator fell behind its schedule in {late} seconds: more than 1% of the calls left over 10ms late; \
             submit latency includes that delay, service latency does not"
        ),
    );
    let busy = measured.busy_seconds;
    warn(
        busy > 0,
        format!("the generator used nearly all of this machine in {busy} seconds: it may be the bottleneck"),
    );
    let crowded = measured.busy.is_some_and(|busy| {
        busy.machine_cores > 0.9 * summary.generator.cores as f64
            && busy.own_cores < 0.85 * busy.machine_cores
    });
    warn(
        crowded,
        "this machine had no idle core left: the scheduler and the generator compete if both run on it"
            .to_owned(),
    );
    warn(
        summary.jobs.dropped > 0,
        format!(
            "{} jobs were dropped because too many calls were under way: the scheduler did not keep up with the offer",
            summary.jobs.dropped
        ),
    );
    warn(summary.interrupted, "the run was interrupted".to_owned());
    warn(
        measured.seconds < 1.0 && !plan.warmup.is_zero(),
        "the warm-up took nearly all of the run".to_owned(),
    );
    if let Some(ledger) = &summary.ledger {
        warn(
            ledger.open > 0,
            format!(
                "{} acknowledged jobs had not ended when following ended",
                ledger.open
            ),
        );
        warn(
            plan.naming == Naming::Server,
            "with ids of the scheduler's making, a job whose answer was lost cannot be told from another's"
                .to_owned(),
        );
    }
    if let Some(idle) = &ran.idle {
        warn(
            idle.early > 0,
            format!(
                "{} handlers had started before the acknowledgement arrived; they count as 1µs",
                idle.early
            ),
        );
        warn(
            idle.unended > 0,
            format!("{} jobs did not end within 30s", idle.unended),
        );
        warn(idle.ended == 0, "no job ended: nothing was measured".to_owned());
    }
    warn(
        plan.mode != Mode::Submit && measured.workers == Some(0),
        "the scheduler has no worker".to_owned(),
    );
    warnings
}

fn per_second(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 {
        round(count as f64 / seconds, 10.0)
    } else {
        0.0
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

fn round(number: f64, steps: f64) -> f64 {
    (number * steps).round() / steps
}
