//! Lists jobs, newest first over all shards.
//!
//! A call looks at a bounded number of rows in the order of the list, without their payloads; then it reads the jobs
//! that pass the filter. So a page never skips a row that it has not looked at, and a filter that nothing passes costs
//! no more than one that everything does.

pub(super) mod scan;

use chrono::{DateTime, Utc};
use scheduler_domain::{JobId, State, Timestamp};
use uuid::Uuid;

use self::scan::{Scan, Seen};
use super::call::Db;
use super::{get, tx};
use crate::{Cursor, Error, Filter, ListQuery, Page};

/// Rows looked at per statement at least, when there is a filter.
const STEP: usize = 1_000;
/// Rows looked at per call at most, give or take a step.
const MOST_SEEN: usize = 8_000;
/// Bytes of payloads and results per page, unless the first job alone is larger.
const MOST_BYTES: i64 = 8 << 20;

/// After every job.
const NEWEST: Cursor = Cursor {
    created_at: DateTime::<Utc>::MAX_UTC,
    id: JobId(Uuid::max()),
};

pub(super) async fn list(db: Db, now: Timestamp, query: ListQuery) -> Result<Page, Error> {
    let ListQuery {
        filter,
        before,
        limit,
    } = query;
    // One more than asked for tells whether there is a next page.
    let step = if filter == Filter::default() {
        limit + 1
    } else {
        STEP.max(limit + 1)
    };
    let only_failed = matches!(filter.state, Some(State::Failed | State::DeadLetter));
    let mut page = Picked {
        reached: before.unwrap_or(NEWEST),
        limit,
        ids: Vec::new(),
        bytes: 0,
    };
    let mut looked_at = 0;
    let next = loop {
        let seen = tx::run(
            &db,
            &Scan {
                now,
                before: page.reached,
                limit: step,
                only_failed,
            },
        )
        .await?;
        looked_at += seen.len();
        let took_all = page.take(&filter, &seen);
        if took_all && seen.len() < step {
            break None;
        }
        if !took_all || looked_at >= MOST_SEEN {
            break Some(page.reached);
        }
    };
    let jobs = get::readable(&db, &page.ids).await?;
    // Some may have changed since they were looked at.
    Ok(Page {
        jobs: jobs.into_iter().filter(|job| filter.admits(job, now)).collect(),
        next,
    })
}

/// What goes on the page.
struct Picked {
    /// Everything up to here was looked at.
    reached: Cursor,
    limit: usize,
    ids: Vec<JobId>,
    bytes: i64,
}

impl Picked {
    /// Goes through `seen` until the page is full; says whether it reached the end.
    fn take(&mut self, filter: &Filter, seen: &[Seen]) -> bool {
        for row in seen {
            if row.passes(filter) {
                let is_full = self.ids.len() == self.limit || self.bytes + row.bytes > MOST_BYTES;
                if is_full && !self.ids.is_empty() {
                    return false;
                }
                self.bytes += row.bytes;
                self.ids.push(JobId(row.id));
            }
            self.reached = row.cursor();
        }
        true
    }
}
