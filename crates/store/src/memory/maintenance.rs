//! What the background loops ask of the memory store.

use std::ops::Bound;

use async_trait::async_trait;
use scheduler_domain::{JobId, Shard, State as JobState, Timestamp};

use super::MemoryStore;
use crate::{Cursor, Due, DueCursor, Error, HandOut, HandedOut, Maintenance, Purged, transition};

#[async_trait]
impl Maintenance for MemoryStore {
    async fn due(
        &self,
        shard: Shard,
        after: Option<DueCursor>,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Due>, Error> {
        let state = self.lock();
        let Some(open) = state.open.get(&shard) else {
            return Ok(Vec::new());
        };
        let from = after.map_or(Bound::Unbounded, |after| {
            Bound::Excluded((after.run_at, after.id))
        });
        Ok(open
            .range((from, Bound::Unbounded))
            .take_while(|(run_at, _)| *run_at <= until)
            .filter_map(|(_, id)| state.get(*id))
            .take(limit)
            .map(|job| Due {
                entry: job.entry(),
                state: job.state,
                updated_at: job.updated_at,
            })
            .collect())
    }

    async fn hand_out(&self, now: Timestamp, jobs: Vec<HandOut>) -> Result<Vec<HandedOut>, Error> {
        let mut state = self.lock();
        let mut handed_out = Vec::new();
        for asked in jobs {
            let Some(job) = state.open_at(asked.id, asked.epoch).cloned() else {
                continue;
            };
            let (job, attempt) = transition::handed_out(job, asked.cause, now);
            state.attempts.entry(job.id).or_default().extend(attempt);
            state.put(job.clone());
            handed_out.push(match job.state {
                JobState::DeadLetter => HandedOut::DeadLettered(Box::new(job)),
                _ => HandedOut::Again {
                    entry: job.entry(),
                    crashes: job.crashes,
                },
            });
        }
        Ok(handed_out)
    }

    async fn purge(
        &self,
        shard: Shard,
        before: Timestamp,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Purged, Error> {
        let mut state = self.lock();
        let from = after.map_or(Bound::Unbounded, |after| {
            Bound::Excluded((after.created_at, after.id))
        });
        let looked_at: Vec<(Timestamp, JobId)> = state
            .by_age
            .range((from, Bound::Unbounded))
            .filter(|(_, id)| id.shard() == shard)
            .take_while(|(created_at, _)| *created_at < before)
            .take(limit)
            .copied()
            .collect();
        let old: Vec<JobId> = looked_at
            .iter()
            .filter(|(_, id)| {
                state
                    .get(*id)
                    .is_some_and(|job| job.finished_at.is_some_and(|at| at < before))
            })
            .map(|(_, id)| *id)
            .collect();
        for id in &old {
            state.delete(*id);
        }
        let last = looked_at.last().filter(|_| looked_at.len() == limit);
        Ok(Purged {
            deleted: old.len(),
            next: last.map(|(created_at, id)| Cursor {
                created_at: *created_at,
                id: *id,
            }),
        })
    }

    async fn migrate(&self) -> Result<(), Error> {
        Ok(())
    }

    async fn ping(&self) -> Result<(), Error> {
        Ok(())
    }
}
