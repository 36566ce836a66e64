//! What this worker holds: waiting in its buffer, or running.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use scheduler_domain::{Entry, JobId, Lease, Timestamp, WorkerId};
use scheduler_engine::Taken;
use scheduler_store::Running;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A job held.
struct Job {
    entry: Entry,
    worker: WorkerId,
    claimed_at: Timestamp,
    running: Option<Run>,
}

/// An attempt under way.
struct Run {
    since: Instant,
    stop: CancellationToken,
}

impl Job {
    fn lease(&self) -> Lease {
        Lease {
            id: self.entry.id,
            epoch: self.entry.epoch,
            worker: self.worker.clone(),
            since: self.claimed_at,
        }
    }
}

/// All of them.
#[derive(Default)]
pub(super) struct Held(Mutex<HashMap<JobId, Job>>);

impl Held {
    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, Job>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn len(&self) -> usize {
        self.lock().len()
    }

    /// A job came into the buffer.
    pub(super) fn insert(&self, taken: &Taken, worker: &WorkerId) {
        let job = Job {
            entry: taken.entry.clone(),
            worker: worker.clone(),
            claimed_at: taken.claimed_at,
            running: None,
        };
        self.lock().insert(taken.job.id, job);
    }

    /// A job leaves the buffer for a slot. `None` when it is not held any more, or under another epoch: do not run it.
    pub(super) fn start(&self, taken: &Taken) -> Option<CancellationToken> {
        let mut held = self.lock();
        let job = held
            .get_mut(&taken.job.id)
            .filter(|job| job.entry.epoch == taken.entry.epoch)?;
        let stop = CancellationToken::new();
        job.running = Some(Run {
            since: Instant::now(),
            stop: stop.clone(),
        });
        Some(stop)
    }

    /// A job's attempt has ended here. `false` when it was taken away before.
    pub(super) fn end(&self, entry: &Entry) -> bool {
        let mut held = self.lock();
        let ours = held
            .get(&entry.id)
            .is_some_and(|job| job.entry.epoch == entry.epoch);
        if ours {
            held.remove(&entry.id);
        }
        ours
    }

    /// A job is no longer ours: forget it if it waits, stop it if it runs.
    pub(super) fn lose(&self, id: JobId) {
        let mut held = self.lock();
        match held
            .get(&id)
            .map(|job| job.running.as_ref().map(|run| run.stop.clone()))
        {
            Some(Some(stop)) => stop.cancel(),
            Some(None) => drop(held.remove(&id)),
            None => {}
        }
    }

    /// Every lease held.
    pub(super) fn leases(&self) -> Vec<Lease> {
        self.lock().values().map(Job::lease).collect()
    }

    /// Attempts that have run for `at_least`.
    pub(super) fn running_for(&self, at_least: Duration) -> Vec<Running> {
        self.lock()
            .values()
            .filter(|job| {
                job.running
                    .as_ref()
                    .is_some_and(|run| run.since.elapsed() >= at_least)
            })
            .map(|job| Running {
                id: job.entry.id,
                epoch: job.entry.epoch,
                worker: job.worker.clone(),
                started_at: job.claimed_at,
            })
            .collect()
    }

    /// Takes out everything that has not begun.
    pub(super) fn take_unstarted(&self) -> Vec<Entry> {
        self.lock()
            .extract_if(|_, job| job.running.is_none())
            .map(|(_, job)| job.entry)
            .collect()
    }

    /// Takes out everything that runs, and stops it.
    pub(super) fn take_running(&self) -> Vec<Lease> {
        self.lock()
            .drain()
            .map(|(_, job)| {
                if let Some(run) = &job.running {
                    run.stop.cancel();
                }
                job.lease()
            })
            .collect()
    }
}
