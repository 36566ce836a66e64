//! What this worker holds leases on: waiting in its buffer, running, or reported and not yet recorded.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use scheduler_domain::{Entry, Epoch, JobId, Lease, Timestamp, WorkerId};
use scheduler_engine::Taken;
use scheduler_store::{Note, Running};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::attempt::STOP_GRACE;
use crate::notes::Notes;

/// Why an attempt is told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// Its job was cancelled, or finished or handed out elsewhere.
    Unwanted,
    /// The worker has to go.
    Leaving,
}

/// A job held.
struct Job {
    entry: Entry,
    claimed_at: Timestamp,
    stage: Stage,
}

enum Stage {
    /// In the buffer.
    Waiting,
    /// In a slot.
    Running(Attempt),
    /// Its attempt has ended; the store may not know yet.
    Ended { started_at: Timestamp, notes: Notes },
}

struct Attempt {
    begun: Instant,
    /// By then it is ended, if it can be.
    ends: Instant,
    started_at: Timestamp,
    stop: CancellationToken,
    notes: Notes,
    why: Option<Why>,
}

impl Attempt {
    /// Tells the handler to stop; see [`STOP_GRACE`].
    fn stop(&mut self) {
        self.ends = self.ends.min(Instant::now() + STOP_GRACE);
        self.stop.cancel();
    }
}

impl Job {
    fn lease(&self, worker: &WorkerId) -> Lease {
        Lease {
            id: self.entry.id,
            epoch: self.entry.epoch,
            worker: worker.clone(),
            since: self.claimed_at,
        }
    }

    fn attempt(&self) -> Option<&Attempt> {
        match &self.stage {
            Stage::Running(attempt) => Some(attempt),
            Stage::Waiting | Stage::Ended { .. } => None,
        }
    }
}

/// All of them.
#[derive(Default)]
pub(super) struct Held {
    jobs: Mutex<HashMap<JobId, Job>>,
    /// Attempts whose jobs are not held any more, and which have their slots all the same.
    stuck: Mutex<HashSet<(JobId, Epoch)>>,
}

impl Held {
    fn lock(&self) -> MutexGuard<'_, HashMap<JobId, Job>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_stuck(&self) -> MutexGuard<'_, HashSet<(JobId, Epoch)>> {
        self.stuck.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Jobs came into the buffer.
    pub(super) fn insert(&self, taken: &[Taken]) {
        let mut held = self.lock();
        for Taken {
            entry, claimed_at, ..
        } in taken
        {
            let job = Job {
                entry: entry.clone(),
                claimed_at: *claimed_at,
                stage: Stage::Waiting,
            };
            let before = held.insert(entry.id, job);
            // The same job again, handed out anew while its old attempt still runs here.
            if let Some(attempt) = before.as_ref().and_then(Job::attempt) {
                attempt.stop.cancel();
            }
        }
    }

    /// A job leaves the buffer for a slot, where it runs for `timeout` at most, and will write `notes`. `None` when it is not held any
    /// more: do not run it.
    pub(super) fn start(
        &self,
        entry: &Entry,
        started_at: Timestamp,
        timeout: Duration,
        notes: Notes,
    ) -> Option<CancellationToken> {
        let mut held = self.lock();
        let job = held
            .get_mut(&entry.id)
            .filter(|job| job.entry.epoch == entry.epoch)?;
        let stop = CancellationToken::new();
        job.stage = Stage::Running(Attempt {
            begun: Instant::now(),
            ends: Instant::now() + timeout,
            started_at,
            stop: stop.clone(),
            notes,
            why: None,
        });
        Some(stop)
    }

    /// A job's attempt has ended, but is not recorded. Says whether it was told to stop, and why.
    pub(super) fn end(&self, id: JobId, epoch: Epoch) -> Option<Why> {
        self.lock_stuck().remove(&(id, epoch));
        let mut held = self.lock();
        // Given up, or replaced by a later hand-out, see `insert`.
        let Some(job) = held.get_mut(&id).filter(|job| job.entry.epoch == epoch) else {
            return Some(Why::Unwanted);
        };
        let attempt = job.attempt()?;
        let (why, started_at) = (attempt.why, attempt.started_at);
        let notes = attempt.notes.clone();
        job.stage = Stage::Ended { started_at, notes };
        why
    }

    /// A job is done with.
    pub(super) fn forget(&self, id: JobId, epoch: Epoch) {
        let mut held = self.lock();
        if held.get(&id).is_some_and(|job| job.entry.epoch == epoch) {
            held.remove(&id);
        }
    }

    /// Jobs are not wanted here any more: those that run are told to stop, those that wait are forgotten. The latter are returned, for a
    /// heartbeat may have made their leases again since they were taken from the queue.
    pub(super) fn unwanted(&self, ids: &[JobId]) -> Vec<Entry> {
        let mut held = self.lock();
        let mut waited = Vec::new();
        for id in ids {
            match held.get_mut(id).map(|job| &mut job.stage) {
                Some(Stage::Waiting) => waited.extend(held.remove(id).map(|job| job.entry)),
                Some(Stage::Running(attempt)) => {
                    attempt.stop();
                    attempt.why = Some(Why::Unwanted);
                }
                Some(Stage::Ended { .. }) | None => {}
            }
        }
        waited
    }

    /// Tells everything that runs to stop, because the worker has to go.
    pub(super) fn leave(&self) {
        for job in self.lock().values_mut() {
            if let Stage::Running(attempt) = &mut job.stage {
                attempt.stop();
                attempt.why.get_or_insert(Why::Leaving);
            }
        }
    }

    /// Takes out attempts that go on so long after they should have ended: their handlers block, and cannot be dropped.
    pub(super) fn give_up(&self, overdue: Duration, worker: &WorkerId) -> Vec<Lease> {
        let now = Instant::now();
        let mut held = self.lock();
        let stuck = held.extract_if(|_, job| {
            job.attempt()
                .is_some_and(|attempt| now.saturating_duration_since(attempt.ends) >= overdue)
        });
        let given_up: Vec<Lease> = stuck.map(|(_, job)| job.lease(worker)).collect();
        let stuck = given_up.iter().map(|lease| (lease.id, lease.epoch));
        self.lock_stuck().extend(stuck);
        given_up
    }

    /// How many attempts were given up and have not ended.
    pub(super) fn stuck(&self) -> usize {
        self.lock_stuck().len()
    }

    /// Every lease held.
    pub(super) fn leases(&self, worker: &WorkerId) -> Vec<Lease> {
        self.lock().values().map(|job| job.lease(worker)).collect()
    }

    /// Attempts that have run for `at_least`.
    pub(super) fn running_for(&self, at_least: Duration, worker: &WorkerId) -> Vec<Running> {
        let held = self.lock();
        let running = held.values().filter_map(|job| {
            let attempt = job
                .attempt()
                .filter(|attempt| attempt.begun.elapsed() >= at_least)?;
            Some(Running {
                id: job.entry.id,
                epoch: job.entry.epoch,
                worker: worker.clone(),
                started_at: attempt.started_at,
            })
        });
        running.collect()
    }

    /// How many attempts run, and how many of them have for `at_least`.
    pub(super) fn running(&self, at_least: Duration) -> (usize, usize) {
        let stuck = self.stuck();
        let held = self.lock();
        held.values()
            .filter_map(Job::attempt)
            .fold((stuck, stuck), |(all, long), attempt| {
                (all + 1, long + usize::from(attempt.begun.elapsed() >= at_least))
            })
    }

    /// What attempts have noted since it was asked for last, each with where to say that it could not be stored.
    pub(super) fn notes(&self) -> Vec<(Note, Notes)> {
        let held = self.lock();
        let fresh = held.values().filter_map(|job| {
            let notes = match &job.stage {
                Stage::Waiting => return None,
                Stage::Running(Attempt { notes, .. }) | Stage::Ended { notes, .. } => notes,
            };
            let note = Note {
                id: job.entry.id,
                epoch: job.entry.epoch,
                progress: notes.take()?,
            };
            Some((note, notes.clone()))
        });
        fresh.collect()
    }

    /// Takes out what has not begun.
    pub(super) fn take_waiting(&self) -> Vec<Entry> {
        self.lock()
            .extract_if(|_, job| matches!(job.stage, Stage::Waiting))
            .map(|(_, job)| job.entry)
            .collect()
    }

    /// Takes out what has begun and is not recorded.
    pub(super) fn take_begun(&self, worker: &WorkerId) -> Vec<Lease> {
        let mut held = self.lock();
        let begun = held.drain().filter_map(|(id, job)| {
            let started_at = match job.stage {
                Stage::Waiting => return None,
                Stage::Running(attempt) => attempt.started_at,
                Stage::Ended { started_at, .. } => started_at,
            };
            Some(Lease {
                id,
                epoch: job.entry.epoch,
                worker: worker.clone(),
                since: started_at,
            })
        });
        begun.collect()
    }
}
