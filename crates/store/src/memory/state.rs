//! What the memory store holds: the rows, and the same three indexes that the database has.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use scheduler_domain::{
    Attempt, Epoch, Job, JobId, KeyHash, NewJob, Outcome, Shard, State as JobState, Timestamp, WorkerId,
};

use crate::same::compare;
use crate::{Report, Submitted};

/// Everything.
#[derive(Debug, Default)]
pub(super) struct State {
    rows: HashMap<JobId, Job>,
    /// Ended attempts that the row does not tell of, by epoch.
    pub(super) attempts: HashMap<JobId, Vec<Attempt>>,
    keys: HashMap<KeyHash, JobId>,
    keys_of: HashMap<JobId, KeyHash>,
    /// All jobs, oldest first.
    pub(super) by_age: BTreeSet<(Timestamp, JobId)>,
    /// Open jobs in the order in which they become due.
    pub(super) open: BTreeMap<Shard, BTreeSet<(Timestamp, JobId)>>,
}

impl State {
    pub(super) fn get(&self, id: JobId) -> Option<&Job> {
        self.rows.get(&id)
    }

    /// The row, if it is open under `epoch`.
    pub(super) fn open_at(&self, id: JobId, epoch: Epoch) -> Option<&Job> {
        self.get(id)
            .filter(|job| job.finished_at.is_none() && job.epoch == epoch)
    }

    pub(super) fn insert(&mut self, new: NewJob, now: Timestamp) -> Submitted {
        let taken = new
            .key
            .and_then(|key| self.keys.get(&key).copied())
            .unwrap_or(new.id);
        if let Some(existing) = self.rows.get(&taken) {
            return compare(&new, existing.clone());
        }
        if let Some(key) = new.key {
            self.keys.insert(key, new.id);
            self.keys_of.insert(new.id, key);
        }
        let job = Job::accepted(new, now);
        self.by_age.insert((job.created_at, job.id));
        self.put(job.clone());
        Submitted::Created(job)
    }

    /// Writes a row, and keeps the index of open jobs true.
    pub(super) fn put(&mut self, job: Job) {
        let open = self.open.entry(job.id.shard()).or_default();
        if let Some(old) = self.rows.get(&job.id) {
            open.remove(&(old.run_at, old.id));
        }
        if job.finished_at.is_none() {
            open.insert((job.run_at, job.id));
        }
        self.rows.insert(job.id, job);
    }

    /// Whether the report was taken before: a final one is told by the row, a failed one at the latest by the history.
    pub(super) fn is_recorded(&self, report: &Report) -> bool {
        let is_its = |worker: Option<&WorkerId>, started_at| {
            worker == Some(&report.worker) && started_at == Some(report.started_at)
        };
        let verdict = report.verdict.state();
        let in_row = self.get(report.id).is_some_and(|job| {
            job.epoch == report.epoch && job.state == verdict && is_its(job.worker.as_ref(), job.started_at)
        });
        let in_history = self.attempts.get(&report.id).is_some_and(|attempts| {
            attempts.iter().any(|attempt| {
                attempt.epoch == report.epoch
                    && attempt.outcome == Outcome::Failed
                    && is_its(attempt.worker.as_ref(), attempt.started_at)
            })
        });
        in_row || (in_history && verdict != JobState::Succeeded)
    }

    pub(super) fn delete(&mut self, id: JobId) {
        let Some(job) = self.rows.remove(&id) else { return };
        self.by_age.remove(&(job.created_at, id));
        self.open.entry(id.shard()).or_default().remove(&(job.run_at, id));
        self.attempts.remove(&id);
        if let Some(key) = self.keys_of.remove(&id) {
            self.keys.remove(&key);
        }
    }
}
