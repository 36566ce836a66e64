//! The rows, and the orders in which they are walked.

mod read;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use scheduler_domain::{
    Attempt, Epoch, Event, Job, JobId, KeyHash, NewJob, Outcome, Shard, State, Timestamp, WorkerId,
};

use crate::same::compare;
use crate::{
    Cancelled, Deleted, HandOut, HandedOut, Redriven, Report, Running, Submitted, Verdict, change,
};

/// One job.
#[derive(Debug)]
struct Row {
    job: Job,
    key: Option<KeyHash>,
    /// Attempts that the row no longer tells of.
    history: BTreeMap<Epoch, Attempt>,
}

/// Everything that is stored.
#[derive(Debug, Default)]
pub(super) struct Tables {
    rows: HashMap<JobId, Row>,
    keys: HashMap<KeyHash, JobId>,
    /// Open jobs as they become due.
    open: BTreeSet<(Shard, Timestamp, JobId)>,
    /// All jobs by age.
    ages: BTreeSet<(Timestamp, JobId)>,
    /// All jobs of a shard by age.
    shard_ages: BTreeSet<(Shard, Timestamp, JobId)>,
}

impl Tables {
    pub(super) fn job(&self, id: JobId) -> Option<&Job> {
        self.rows.get(&id).map(|row| &row.job)
    }

    pub(super) fn open_at(&self, id: JobId, epoch: Epoch) -> Option<&Job> {
        self.job(id).filter(|job| job.epoch == epoch && !job.state.is_final())
    }

    pub(super) fn submit(&mut self, now: Timestamp, new: NewJob) -> Submitted {
        let known = new.key.and_then(|key| self.keys.get(&key)).unwrap_or(&new.id);
        if let Some(existing) = self.job(*known) {
            return compare(&new, existing.clone());
        }
        let key = new.key;
        let job = Job::accepted(new, now);
        if let Some(key) = key {
            self.keys.insert(key, job.id);
        }
        self.open.insert((job.id.shard(), job.run_at, job.id));
        self.ages.insert((job.created_at, job.id));
        self.shard_ages.insert((job.id.shard(), job.created_at, job.id));
        self.rows.insert(job.id, Row { job: job.clone(), key, history: BTreeMap::new() });
        Submitted::Created(job)
    }

    /// Changes the job if `event` can happen to it, and keeps what the change gives for the history.
    fn change(&mut self, id: JobId, event: Event, apply: impl FnOnce(&mut Job) -> Option<Attempt>) -> Option<&Job> {
        let row = self.rows.get_mut(&id)?;
        row.job.state.on(event).ok()?;
        self.open.remove(&(id.shard(), row.job.run_at, id));
        if let Some(attempt) = apply(&mut row.job) {
            row.history.entry(attempt.epoch).or_insert(attempt);
        }
        if !row.job.state.is_final() {
            self.open.insert((id.shard(), row.job.run_at, id));
        }
        Some(&row.job)
    }

    pub(super) fn finish(&mut self, now: Timestamp, reports: Vec<Report>) -> Vec<Verdict> {
        let mut seen = HashSet::new();
        reports
            .into_iter()
            .map(|report| {
                let is_first = seen.insert((report.id, report.epoch));
                if is_first && self.take(now, report) { Verdict::Accepted } else { Verdict::Fenced }
            })
            .collect()
    }

    /// Takes a report, or finds that it was taken before.
    fn take(&mut self, now: Timestamp, report: Report) -> bool {
        if self.open_at(report.id, report.epoch).is_none() {
            return self.is_recorded(&report);
        }
        self.change(report.id, Event::Succeeded, |job| change::finish(job, now, report)).is_some()
    }

    fn is_recorded(&self, report: &Report) -> bool {
        let Some(Row { job, history, .. }) = self.rows.get(&report.id) else { return false };
        let by = |worker: &Option<WorkerId>, since: Option<Timestamp>| {
            worker.as_ref() == Some(&report.worker) && since == Some(report.started_at)
        };
        let state = report.verdict.state();
        let in_row = job.epoch == report.epoch && job.state == state && by(&job.worker, job.started_at);
        let in_history = state != State::Succeeded
            && history
                .get(&report.epoch)
                .is_some_and(|a| a.outcome == Outcome::Failed && by(&a.worker, a.started_at));
        in_row || in_history
    }

    pub(super) fn mark_running(&mut self, now: Timestamp, running: &[Running]) -> Vec<JobId> {
        let mut worthless = Vec::new();
        for attempt in running {
            if self.open_at(attempt.id, attempt.epoch).is_none() {
                worthless.push(attempt.id);
                continue;
            }
            self.change(attempt.id, Event::Claimed, |job| {
                change::mark_running(job, now, attempt);
                None
            });
        }
        worthless
    }

    pub(super) fn cancel(&mut self, now: Timestamp, id: JobId) -> Cancelled {
        let done = self.change(id, Event::Cancelled, |job| {
            change::cancel(job, now);
            None
        });
        match done.cloned() {
            Some(job) => Cancelled::Done(job),
            None => self.job(id).cloned().map_or(Cancelled::NotFound, Cancelled::AlreadyFinal),
        }
    }

    pub(super) fn redrive(&mut self, now: Timestamp, id: JobId) -> Redriven {
        match self.change(id, Event::Redriven, |job| change::redrive(job, now)).cloned() {
            Some(job) => Redriven::Done(job),
            None => self.job(id).cloned().map_or(Redriven::NotFound, Redriven::Refused),
        }
    }

    pub(super) fn hand_out(&mut self, now: Timestamp, wish: HandOut) -> Option<HandedOut> {
        self.open_at(wish.id, wish.epoch)?;
        let job = self.change(wish.id, Event::HandedBack, |job| change::hand_out(job, now, wish.cause))?;
        Some(if job.state.is_final() {
            HandedOut::DeadLettered(Box::new(job.clone()))
        } else {
            HandedOut::Again(job.entry())
        })
    }

    pub(super) fn delete(&mut self, id: JobId) -> Deleted {
        match self.job(id).map(|job| job.state) {
            None => Deleted::NotFound,
            Some(state) if !state.is_final() => Deleted::Refused(state),
            Some(_) => {
                self.remove(id);
                Deleted::Done
            }
        }
    }

    fn remove(&mut self, id: JobId) {
        let Some(Row { job, key, .. }) = self.rows.remove(&id) else { return };
        self.open.remove(&(id.shard(), job.run_at, id));
        self.ages.remove(&(job.created_at, id));
        self.shard_ages.remove(&(id.shard(), job.created_at, id));
        if let Some(key) = key {
            self.keys.remove(&key);
        }
    }
}
