//! What one batch has found out about the ids and keys in it.

use std::collections::{HashMap, HashSet};

use scheduler_domain::{Job, JobId, KeyHash, NewJob};

use super::Placed;

/// What became of one row.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    /// It is in.
    Created,
    /// Its key is that of this job.
    KeyKnown(Job),
    /// Its id is that of this job.
    IdKnown(Job),
}

/// Splits off the jobs that share a key or an id with an earlier one.
pub(super) fn distinct(jobs: Vec<Placed<NewJob>>) -> (Vec<Placed<NewJob>>, Vec<Placed<NewJob>>) {
    let mut ids = HashSet::new();
    let mut keys = HashSet::new();
    jobs.into_iter().partition(|(_, job)| {
        let id_is_new = ids.insert(job.id);
        let key_is_new = job.key.is_none_or(|key| keys.insert(key));
        id_is_new && key_is_new
    })
}

/// The jobs behind the ids and keys that a batch has met so far.
#[derive(Default)]
pub(super) struct Known {
    ids: HashMap<JobId, Job>,
    keys: HashMap<KeyHash, Job>,
}

impl Known {
    /// Takes note of what became of `new`; `created` is the job that it is, if it was created.
    pub(super) fn learn(&mut self, new: &NewJob, created: &Job, outcome: &Outcome) {
        let (job, by_key) = match outcome {
            Outcome::Created => (created, true),
            Outcome::KeyKnown(job) => (job, true),
            Outcome::IdKnown(job) => (job, false),
        };
        self.ids.insert(job.id, job.clone());
        if let (Some(key), true) = (new.key, by_key) {
            self.keys.insert(key, job.clone());
        }
    }

    /// The job that has the key of `new`, or else its id.
    pub(super) fn of(&self, new: &NewJob) -> Option<&Job> {
        new.key
            .and_then(|key| self.keys.get(&key))
            .or_else(|| self.ids.get(&new.id))
    }
}
