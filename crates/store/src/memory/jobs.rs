//! Operations on jobs in memory.

use std::collections::HashSet;

use async_trait::async_trait;
use scheduler_domain::{Attempt, Epoch, Job, JobId, NewJob, State as JobState, Timestamp};

use super::MemoryStore;
use crate::{
    Cancelled, Cursor, Deleted, Error, Jobs, ListQuery, Loaded, Note, Page, Redriven, Report, Running,
    Submitted, Verdict, transition,
};

#[async_trait]
impl Jobs for MemoryStore {
    async fn submit(&self, now: Timestamp, jobs: Vec<NewJob>) -> Result<Vec<Submitted>, Error> {
        let mut state = self.lock();
        Ok(jobs.into_iter().map(|new| state.insert(new, now)).collect())
    }

    async fn get(&self, ids: &[JobId]) -> Result<Vec<Option<Job>>, Error> {
        let state = self.lock();
        Ok(ids.iter().map(|id| state.get(*id).cloned()).collect())
    }

    async fn load(&self, claimed: &[(JobId, Epoch)], most_bytes: usize) -> Result<Loaded, Error> {
        let state = self.lock();
        let mut loaded = Loaded::default();
        for job in claimed
            .iter()
            .filter_map(|(id, epoch)| state.open_at(*id, *epoch))
        {
            loaded.offer(job.clone(), most_bytes);
        }
        Ok(loaded)
    }

    async fn finish(&self, now: Timestamp, reports: Vec<Report>) -> Result<Vec<Verdict>, Error> {
        let mut state = self.lock();
        let mut verdicts = Vec::with_capacity(reports.len());
        let mut seen = HashSet::new();
        for report in reports {
            let is_first = seen.insert((report.id, report.epoch));
            let Some(job) = state
                .open_at(report.id, report.epoch)
                .filter(|_| is_first)
                .cloned()
            else {
                let recorded = is_first && state.is_recorded(&report);
                verdicts.push(if recorded {
                    Verdict::Accepted
                } else {
                    Verdict::Fenced
                });
                continue;
            };
            let (job, attempt) = transition::finished(job, report, now);
            state.attempts.entry(job.id).or_default().extend(attempt);
            state.put(job);
            verdicts.push(Verdict::Accepted);
        }
        Ok(verdicts)
    }

    async fn mark_running(&self, now: Timestamp, running: Vec<Running>) -> Result<Vec<JobId>, Error> {
        let mut state = self.lock();
        let mut lost = Vec::new();
        for attempt in running {
            match state.open_at(attempt.id, attempt.epoch).cloned() {
                None => lost.push(attempt.id),
                Some(job) if job.state == JobState::Running => {}
                Some(mut job) => {
                    job.state = JobState::Running;
                    job.sequence.0 += 1;
                    job.updated_at = now;
                    job.started_at = Some(attempt.started_at);
                    job.worker = Some(attempt.worker);
                    state.put(job);
                }
            }
        }
        Ok(lost)
    }

    async fn note(&self, notes: Vec<Note>) -> Result<(), Error> {
        let mut state = self.lock();
        for note in notes {
            if let Some(mut job) = state.open_at(note.id, note.epoch).cloned() {
                job.progress = Some(note.progress);
                state.put(job);
            }
        }
        Ok(())
    }

    async fn cancel(&self, now: Timestamp, id: JobId) -> Result<Cancelled, Error> {
        let mut state = self.lock();
        Ok(match state.get(id).cloned() {
            None => Cancelled::NotFound,
            Some(job) if job.state.is_final() => Cancelled::AlreadyFinal(job),
            Some(job) => {
                let job = transition::cancelled(job, now);
                state.put(job.clone());
                Cancelled::Done(job)
            }
        })
    }

    async fn redrive(&self, now: Timestamp, id: JobId) -> Result<Redriven, Error> {
        let mut state = self.lock();
        Ok(match state.get(id).cloned() {
            None => Redriven::NotFound,
            Some(job) if matches!(job.state, JobState::Failed | JobState::DeadLetter) => {
                let (job, ended) = transition::redriven(job, now);
                state.attempts.entry(id).or_default().extend(ended);
                state.put(job.clone());
                Redriven::Done(job)
            }
            Some(job) => Redriven::Refused(job),
        })
    }

    async fn delete(&self, id: JobId) -> Result<Deleted, Error> {
        let mut state = self.lock();
        Ok(match state.get(id).map(|job| job.state) {
            None => Deleted::NotFound,
            Some(found) if !found.is_final() => Deleted::Refused(found),
            Some(_) => {
                state.delete(id);
                Deleted::Done
            }
        })
    }

    async fn list(&self, now: Timestamp, query: ListQuery) -> Result<Page, Error> {
        let state = self.lock();
        let newest_first = match query.before {
            Some(Cursor { created_at, id }) => state.by_age.range(..(created_at, id)),
            None => state.by_age.range(..),
        };
        let mut jobs: Vec<Job> = newest_first
            .rev()
            .filter_map(|(_, id)| state.get(*id))
            .filter(|job| query.filter.admits(job, now))
            .take(query.limit + 1)
            .cloned()
            .collect();
        let more = jobs.len() > query.limit;
        jobs.truncate(query.limit);
        let last = jobs.last().map(|job| Cursor {
            created_at: job.created_at,
            id: job.id,
        });
        Ok(Page {
            jobs,
            next: last.filter(|_| more),
        })
    }

    async fn attempts(&self, id: JobId) -> Result<Vec<Attempt>, Error> {
        let state = self.lock();
        let mut attempts = state.attempts.get(&id).cloned().unwrap_or_default();
        let current = state.get(id).and_then(transition::current_attempt);
        attempts.extend(current.filter(|current| attempts.iter().all(|a| a.epoch != current.epoch)));
        Ok(attempts)
    }
}
