//! Walks over the rows.

use std::ops::Bound::{Excluded, Included, Unbounded};

use chrono::{DateTime, Utc};
use scheduler_domain::{Attempt, JobId, Shard, Timestamp};
use uuid::Uuid;

use super::Tables;
use crate::history::last_attempt;
use crate::{Cursor, Due, DueCursor, ListQuery, Page, Purged};

/// Before every job, and after.
const FIRST: (Timestamp, JobId) = (DateTime::<Utc>::MIN_UTC, JobId(Uuid::nil()));
const LAST: JobId = JobId(Uuid::max());

impl Tables {
    pub(in crate::memory) fn list(&self, now: Timestamp, query: &ListQuery) -> Page {
        let before = query.before.map_or(Unbounded, |place| Excluded((place.created_at, place.id)));
        let walk = self.ages.range((Unbounded, before)).rev().filter_map(|(_, id)| self.job(*id));
        let mut matching = walk.filter(|job| query.filter.admits(job, now));
        let jobs: Vec<_> = matching.by_ref().take(query.limit).cloned().collect();
        let more = matching.next().is_some();
        let next = jobs.last().filter(|_| more).map(|job| Cursor { created_at: job.created_at, id: job.id });
        Page { jobs, next }
    }

    pub(in crate::memory) fn attempts(&self, id: JobId) -> Vec<Attempt> {
        let Some(row) = self.rows.get(&id) else { return Vec::new() };
        let mut attempts: Vec<Attempt> = row.history.values().cloned().collect();
        attempts.extend(last_attempt(&row.job).filter(|last| !row.history.contains_key(&last.epoch)));
        attempts
    }

    pub(in crate::memory) fn due(
        &self,
        shard: Shard,
        after: Option<DueCursor>,
        until: Timestamp,
        limit: usize,
    ) -> Vec<Due> {
        let (run_at, id) = after.map_or(FIRST, |place| (place.run_at, place.id));
        if run_at > until {
            return Vec::new();
        }
        self.open
            .range((Excluded((shard, run_at, id)), Included((shard, until, LAST))))
            .filter_map(|(.., id)| self.job(*id))
            .map(|job| Due { entry: job.entry(), state: job.state, updated_at: job.updated_at })
            .take(limit)
            .collect()
    }

    pub(in crate::memory) fn purge(
        &mut self,
        shard: Shard,
        before: Timestamp,
        after: Option<Cursor>,
        limit: usize,
    ) -> Purged {
        let (created_at, id) = after.map_or(FIRST, |place| (place.created_at, place.id));
        if created_at >= before {
            return Purged::default();
        }
        let seen: Vec<(Timestamp, JobId)> = self
            .shard_ages
            .range((Excluded((shard, created_at, id)), Excluded((shard, before, JobId(Uuid::nil())))))
            .take(limit)
            .map(|(_, created_at, id)| (*created_at, *id))
            .collect();
        let mut deleted = 0;
        for (_, id) in &seen {
            let finished_at = self.job(*id).and_then(|job| job.finished_at);
            if finished_at.is_some_and(|at| at < before) {
                self.remove(*id);
                deleted += 1;
            }
        }
        let last = seen.last().filter(|_| seen.len() == limit);
        Purged { deleted, next: last.map(|(created_at, id)| Cursor { created_at: *created_at, id: *id }) }
    }
}
