//! Load, in and out.

use std::time::Duration;

use scheduler_domain::Invalid;
use scheduler_engine::{Aim, Figures, Load, desired_workers};
use scheduler_proto::v1;

use super::inward;
use super::outward::{duration, long};

/// Most that a worker may run at once, as its configuration has it.
const MOST_SLOTS: i32 = 10_000;

/// In which time a backlog is to be gone, if that was said.
///
/// # Errors
/// [`Invalid`] when it is out of bounds.
pub fn drain_target(given: Option<prost_types::Duration>) -> Result<Option<Duration>, Invalid> {
    let Some(given) = given else { return Ok(None) };
    let allowed = Duration::from_secs(1)..=Duration::from_secs(24 * 3_600);
    // Not by the library's own conversion, which panics at the least number of seconds there is.
    inward::duration(given)
        .filter(|drain| allowed.contains(drain))
        .map(Some)
        .ok_or_else(|| Invalid::new("drain_target", "must be from 1 s to 24 h; absent means 30 s"))
}

/// How many jobs one worker runs at once, if that was said.
///
/// # Errors
/// [`Invalid`] when it is out of bounds.
pub fn pool_size(given: i32) -> Result<Option<f64>, Invalid> {
    match given {
        0 => Ok(None),
        1..=MOST_SLOTS => Ok(Some(f64::from(given))),
        _ => Err(Invalid::new(
            "pool_size",
            "must be from 1 to 10000; 0 means what workers report",
        )),
    }
}

/// The load of these lines.
#[must_use]
pub fn stats(lines: &[Load], aim: &Aim) -> v1::GetQueueStatsResponse {
    let total = Figures::total(lines.iter().map(|line| &line.figures));
    let workers: f64 = lines.iter().map(|line| line.workers(aim)).sum();
    v1::GetQueueStatsResponse {
        lines: lines.iter().map(|line| of_line(line, aim)).collect(),
        total: Some(figures(&total, workers)),
        desired_workers: long(desired_workers(lines, aim)),
        pool_size: aim.pool_size,
        drain_target: Some(duration(aim.drain)),
    }
}

fn of_line(line: &Load, aim: &Aim) -> v1::QueueStats {
    let types = line.types.iter().map(|(job_type, of_type)| v1::TypeStats {
        r#type: job_type
            .as_ref()
            .map(|name| name.as_str().to_owned())
            .unwrap_or_default(),
        figures: Some(figures(of_type, of_type.workers(aim, line.figures.mean_run))),
    });
    v1::QueueStats {
        queue: line.queue.as_str().to_owned(),
        priority: line.priority.number(),
        figures: Some(figures(&line.figures, line.workers(aim))),
        types: types.collect(),
    }
}

fn figures(figures: &Figures, workers: f64) -> v1::LoadFigures {
    v1::LoadFigures {
        ready: long(figures.ready),
        oldest_ready_age: figures.oldest.map(duration),
        running: long(figures.running),
        arrival_rate: figures.arrival_rate,
        completion_rate: figures.completion_rate,
        mean_run_time: figures.mean_run.map(duration),
        desired_workers: workers,
    }
}
