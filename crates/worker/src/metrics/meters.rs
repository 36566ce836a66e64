//! Handles to the metrics, looked up once: a short job must not pay for building labels.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use scheduler_domain::{Job, JobType, Priority, QueueName, Timestamp, clock};
use scheduler_store::ReportKind;

use crate::Registry;

/// Most queues that have series of their own. Whoever submits names queues, so there is no natural bound.
const MOST_QUEUES: usize = 100;
/// What the others share.
const OTHER_QUEUES: &str = "other";

/// Where the worker counts.
pub(crate) struct Meters {
    success: Counter,
    retry: Counter,
    failed: Counter,
    dead_letter: Counter,
    retried: ByPriority<Counter>,
    dead_lettered: ByPriority<Counter>,
    duration: HashMap<String, Histogram>,
    duration_of_unknown: Histogram,
    wait: Mutex<HashMap<QueueName, ByPriority<Histogram>>>,
    end_to_end: Histogram,
    fenced: Counter,
    unstarted: Counter,
    running: Counter,
    in_flight: Gauge,
    busy: Gauge,
    idle: Gauge,
    buffered: Gauge,
    stuck: Gauge,
}

struct ByPriority<M>([M; Priority::ALL.len()]);

impl<M> ByPriority<M> {
    fn new(of: impl Fn(&'static str) -> M) -> Self {
        Self(Priority::ALL.map(|priority| of(priority.name())))
    }

    fn of(&self, priority: Priority) -> &M {
        &self.0[usize::from(priority.rank())]
    }
}

impl Meters {
    /// Makes every series whose labels are known, at zero.
    pub(crate) fn new(registry: &Registry) -> Self {
        let processed = |status: &'static str| counter!(super::PROCESSED, "status" => status);
        let duration = |job_type: String| histogram!(super::DURATION, "job_type" => job_type);
        Self {
            success: processed("success"),
            retry: processed("retry"),
            failed: processed("failed"),
            dead_letter: processed("deadletter"),
            retried: ByPriority::new(|priority| counter!(super::RETRIED, "priority" => priority)),
            dead_lettered: ByPriority::new(|priority| counter!(super::DEAD_LETTERED, "priority" => priority)),
            duration: registry
                .types()
                .map(|name| (name.to_owned(), duration(name.to_owned())))
                .collect(),
            duration_of_unknown: duration("unknown".to_owned()),
            wait: Mutex::default(),
            end_to_end: histogram!(super::END_TO_END),
            fenced: counter!(super::FENCED),
            unstarted: counter!(super::HANDED_BACK, "state" => "unstarted"),
            running: counter!(super::HANDED_BACK, "state" => "running"),
            in_flight: gauge!(super::IN_FLIGHT),
            busy: gauge!(super::SLOTS, "state" => "busy"),
            idle: gauge!(super::SLOTS, "state" => "idle"),
            buffered: gauge!(super::BUFFERED),
            stuck: gauge!(super::STUCK),
        }
    }

    /// An attempt begins at `now`, of a job that was ready at `ready_at`.
    pub(crate) fn starts(&self, job: &Job, ready_at: Timestamp, now: Timestamp) {
        let waited = clock::since(now, ready_at).as_secs_f64();
        let mut wait = self.wait.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_queue) = wait.get(&job.spec.queue) {
            of_queue.of(job.spec.priority).record(waited);
            return;
        }
        let name = if wait.len() < MOST_QUEUES {
            job.spec.queue.as_str()
        } else {
            OTHER_QUEUES
        };
        let key = QueueName::from_stored(name.to_owned());
        wait.entry(key)
            .or_insert_with(|| {
                ByPriority::new(
                    |priority| histogram!(super::WAIT, "queue" => name.to_owned(), "priority" => priority),
                )
            })
            .of(job.spec.priority)
            .record(waited);
    }

    /// An attempt has run for `ran`.
    pub(crate) fn ran(&self, job_type: &JobType, ran: Duration) {
        self.duration
            .get(job_type.as_str())
            .unwrap_or(&self.duration_of_unknown)
            .record(ran);
    }

    /// A report was accepted at `now`, on a job of this priority.
    pub(crate) fn recorded(
        &self,
        priority: Priority,
        created_at: Timestamp,
        kind: &ReportKind,
        now: Timestamp,
    ) {
        match kind {
            ReportKind::Succeeded { .. } => {
                self.success.increment(1);
                self.end_to_end.record(clock::since(now, created_at));
            }
            ReportKind::Retry { .. } => {
                self.retry.increment(1);
                self.retried.of(priority).increment(1);
            }
            ReportKind::Failed { .. } => self.failed.increment(1),
            ReportKind::DeadLetter { .. } => {
                self.dead_letter.increment(1);
                self.dead_lettered.of(priority).increment(1);
            }
        }
    }

    /// An attempt was of no effect.
    pub(crate) fn fenced(&self) {
        self.fenced.increment(1);
    }

    /// So many jobs were given back unstarted.
    pub(crate) fn released(&self, jobs: usize) {
        self.unstarted.increment(jobs as u64);
    }

    /// So many jobs were given back after they had begun.
    pub(crate) fn handed_back(&self, jobs: usize) {
        self.running.increment(jobs as u64);
    }

    /// So many attempts cannot be ended.
    pub(crate) fn stuck(&self, attempts: usize) {
        self.stuck
            .set(f64::from(u32::try_from(attempts).unwrap_or(u32::MAX)));
    }

    /// How many of the `slots` are busy, and how many jobs wait for one.
    pub(crate) fn occupied(&self, slots: usize, busy: usize, buffered: usize) {
        let count = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
        self.in_flight.set(count(busy));
        self.busy.set(count(busy));
        self.idle.set(count(slots.saturating_sub(busy)));
        self.buffered.set(count(buffered));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn the_number_of_queues_with_a_series_is_bounded() {
        let meters = Meters::new(&Registry::new());
        for n in 0..1_000 {
            let mut job = testing::job("t", 0);
            job.spec.queue = QueueName::parse(format!("q{n}")).unwrap();
            meters.starts(&job, job.run_at, job.created_at);
        }
        assert_eq!(meters.wait.lock().unwrap().len(), MOST_QUEUES + 1);
    }
}
