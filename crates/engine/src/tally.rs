//! What passes through this process, counted where it passes: one atomic per job and event, told to the others once a second.
//!
//! | event | who counts it | knows the type |
//! |---|---|---|
//! | a job becomes ready: submitted, or reopened | the API process that did it | yes |
//! | its time comes, or that of its next attempt | the process that promotes it | no |
//! | an attempt begins, ends, is given up | its worker | yes |
//!
//! Sums fade: what happened [`LATE`] ago counts for a third (1/e), so that a rate needs no history. All of it is soft state. A
//! process that starts counts from nothing, and after a loss of the queue each puts its report back by itself.

mod fading;
mod reporter;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use scheduler_domain::{JobSpec, JobType, Priority, QueueName};
use scheduler_queue::{Flow, Report};
use tokio::sync::Notify;
use tokio::time::Instant;

use fading::Fading;

pub(crate) use fading::{LATE, left};

/// Most series that a process tells apart: whoever submits names queues and types. Further ones are not counted.
const MOST: usize = 1_000;
/// A series in which nothing has happened for so long gives up its place.
const IDLE: Duration = Duration::from_secs(3_600);
/// A rate over less than this says little: a process that has just started is taken to have been idle before.
const LEAST: Duration = Duration::from_secs(10);

/// The counters of one process.
pub(crate) struct Tally {
    lines: RwLock<HashMap<QueueName, [Line; Priority::ALL.len()]>>,
    series: AtomicU32,
    slots: AtomicU32,
    begun: Instant,
    told: Mutex<Instant>,
    /// Rung when something happens where nothing did before.
    woken: Notify,
}

#[derive(Default)]
struct Line {
    untyped: Option<Arc<Counts>>,
    types: HashMap<JobType, Arc<Counts>>,
}

/// What has happened since the last report, and the sums of what happened before.
struct Counts {
    arrived: AtomicU64,
    started: AtomicU64,
    ended: AtomicU64,
    busy_micros: AtomicU64,
    running: AtomicU32,
    quiet: AtomicBool,
    sums: Mutex<Fading>,
}

/// An attempt that runs; counted as long as this lives.
pub struct Running(Option<Arc<Counts>>);

impl Tally {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self {
            lines: RwLock::default(),
            series: AtomicU32::new(0),
            slots: AtomicU32::new(0),
            begun: now,
            told: Mutex::new(now),
            woken: Notify::new(),
        }
    }

    /// A job became ready.
    pub(crate) fn arrived(&self, job: &JobSpec) {
        self.came(&job.queue, job.priority, Some(&job.job_type), 1);
    }

    /// Jobs became ready whose types are not known here.
    pub(crate) fn promoted(&self, queue: &QueueName, priority: Priority, jobs: usize) {
        self.came(queue, priority, None, jobs as u64);
    }

    fn came(&self, queue: &QueueName, priority: Priority, job_type: Option<&JobType>, jobs: u64) {
        if let Some(counts) = self.of(queue, priority, job_type) {
            counts.arrived.fetch_add(jobs, Ordering::Relaxed);
            self.wake(&counts);
        }
    }

    /// An attempt begins.
    pub(crate) fn starts(&self, job: &JobSpec) -> Running {
        let counts = self.of(&job.queue, job.priority, Some(&job.job_type));
        if let Some(counts) = &counts {
            counts.started.fetch_add(1, Ordering::Relaxed);
            counts.running.fetch_add(1, Ordering::Relaxed);
            self.wake(counts);
        }
        Running(counts)
    }

    /// This process has a worker with so many slots. Said to its end and beyond: the next worker is likely to be like the last.
    pub(crate) fn serves(&self, slots: u32) {
        self.slots.store(slots, Ordering::Relaxed);
        self.woken.notify_one();
    }

    /// The first event after a quiet time is told at once: workers may have to be woken for it, or must not be taken away.
    fn wake(&self, counts: &Counts) {
        if counts.quiet.load(Ordering::Relaxed) && counts.quiet.swap(false, Ordering::Relaxed) {
            self.woken.notify_one();
        }
    }

    /// The counters of a series; `None` when there are too many.
    fn of(&self, queue: &QueueName, priority: Priority, job_type: Option<&JobType>) -> Option<Arc<Counts>> {
        let rank = usize::from(priority.rank());
        {
            let lines = self.lines.read().unwrap_or_else(PoisonError::into_inner);
            let known = lines.get(queue).and_then(|lines| lines[rank].get(job_type));
            if let Some(counts) = known {
                return Some(Arc::clone(counts));
            }
        }
        let mut lines = self.lines.write().unwrap_or_else(PoisonError::into_inner);
        let known = lines.get(queue).and_then(|lines| lines[rank].get(job_type));
        if let Some(counts) = known {
            return Some(Arc::clone(counts));
        }
        if self.series.load(Ordering::Relaxed) as usize >= MOST {
            return None;
        }
        self.series.fetch_add(1, Ordering::Relaxed);
        let counts = Arc::new(Counts::default());
        lines.entry(queue.clone()).or_default()[rank].put(job_type, Arc::clone(&counts));
        Some(counts)
    }

    /// Takes up what has happened since the last time, and says what is to be told.
    fn report(&self) -> Report {
        let now = Instant::now();
        let passed = {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            now - std::mem::replace(&mut *told, now)
        };
        let seen = fading::weight((now - self.begun).max(LEAST));
        let mut flows = Vec::new();
        let mut idle = false;
        for (queue, lines) in &*self.lines.read().unwrap_or_else(PoisonError::into_inner) {
            for (line, priority) in lines.iter().zip(Priority::ALL) {
                for (job_type, counts) in line.all() {
                    let sums = counts.take_up(passed);
                    let running = counts.running.load(Ordering::Relaxed);
                    idle |= running == 0 && sums.idle >= IDLE;
                    flows.push(Flow {
                        queue: queue.clone(),
                        priority,
                        job_type: job_type.cloned(),
                        arrived: sums.arrived / seen,
                        started: sums.started / seen,
                        ended: sums.ended / seen,
                        lately: sums.lately,
                        runs: sums.runs,
                        busy: sums.busy,
                        running,
                    });
                }
            }
        }
        if idle {
            self.forget_idle();
        }
        Report {
            slots: self.slots.load(Ordering::Relaxed),
            flows,
        }
    }

    fn forget_idle(&self) {
        let mut all = self.lines.write().unwrap_or_else(PoisonError::into_inner);
        let mut left = 0;
        all.retain(|_, lines| {
            let before = left;
            for line in lines {
                line.types.retain(|_, counts| !counts.is_idle());
                line.untyped.take_if(|counts| counts.is_idle());
                left += line.all().count();
            }
            left > before
        });
        self.series
            .store(u32::try_from(left).unwrap_or(u32::MAX), Ordering::Relaxed);
    }
}

impl Line {
    fn get(&self, job_type: Option<&JobType>) -> Option<&Arc<Counts>> {
        match job_type {
            Some(job_type) => self.types.get(job_type),
            None => self.untyped.as_ref(),
        }
    }

    fn put(&mut self, job_type: Option<&JobType>, counts: Arc<Counts>) {
        match job_type {
            Some(job_type) => drop(self.types.insert(job_type.clone(), counts)),
            None => self.untyped = Some(counts),
        }
    }

    fn all(&self) -> impl Iterator<Item = (Option<&JobType>, &Arc<Counts>)> {
        let typed = self
            .types
            .iter()
            .map(|(job_type, counts)| (Some(job_type), counts));
        typed.chain(self.untyped.iter().map(|counts| (None, counts)))
    }
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            arrived: AtomicU64::new(0),
            started: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            busy_micros: AtomicU64::new(0),
            running: AtomicU32::new(0),
            quiet: AtomicBool::new(true),
            sums: Mutex::default(),
        }
    }
}

impl Counts {
    /// Adds what has happened to the sums, which have faded for the time `passed`.
    fn take_up(&self, passed: Duration) -> Fading {
        let take = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        let (arrived, started, ended) = (take(&self.arrived), take(&self.started), take(&self.ended));
        let busy = Duration::from_micros(take(&self.busy_micros));
        let quiet = arrived + started + ended == 0 && self.running.load(Ordering::Relaxed) == 0;
        self.quiet.store(quiet, Ordering::Relaxed);
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        sums.fade(passed, quiet);
        sums.add(arrived, started, ended, busy);
        *sums
    }

    fn is_idle(&self) -> bool {
        let sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        sums.idle >= IDLE && self.running.load(Ordering::Relaxed) == 0
    }
}

impl Running {
    /// The attempt has ended by itself, after this time.
    pub fn ended(&self, ran: Duration) {
        if let Some(counts) = &self.0 {
            counts.ended.fetch_add(1, Ordering::Relaxed);
            let micros = u64::try_from(ran.as_micros()).unwrap_or(u64::MAX);
            counts.busy_micros.fetch_add(micros, Ordering::Relaxed);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(counts) = &self.0 {
            counts.running.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests;
