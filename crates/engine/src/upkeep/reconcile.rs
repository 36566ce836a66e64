//! Due rows that the queue does not know, and rows that are due soon.
//!
//! A walk goes over the open rows of a shard in the order in which they become due, up to the look-ahead window, and asks the queue
//! about each page:
//! - a row that is due and unknown was lost (the API died between commit and push; Redis was flushed): it is handed out again
//!   *under a higher epoch*, for it may have been claimed before it was lost;
//! - a row that is due later and unknown was never claimed: it is loaded under the epoch it has.
//!
//! Walks repeat for ever. A page on which nothing is missing is followed by a rest of [`REST`] times what it took, so looking costs a
//! twentieth of one core, all shards and processes together, whatever the backlog is: each of a million rows is looked at every two to
//! three minutes. Pages on which something is missing follow each other at once. What comes into the window meanwhile is loaded beside
//! the walk, at each sweep period.
//!
//! When the queue's content was lost the walks begin again; then due rows are left alone until running workers have had two heartbeats
//! to re-create their leases.

use std::collections::HashMap;
use std::ops::AddAssign;
use std::sync::Mutex;
use std::time::Duration;

use scheduler_domain::{Entry, Shard, Timestamp, clock};
use scheduler_queue::Incarnation;
use scheduler_store::{Due, DueCursor, HandOut, HandOutCause, entries};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{elected, repeat};
use crate::{Engine, Error};

/// Rows per page.
const PAGE: usize = 1_000;
/// How often the loop looks whether the queue was lost, if not more often.
const TICK: Duration = Duration::from_secs(1);
/// Times that what a page took is rested after it. Every shard is walked by somebody, so a twentieth of one core is left for all eight.
const REST: u32 = 20 * Shard::COUNT as u32;

/// What a walk over one shard did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Open rows looked at.
    pub seen: usize,
    /// Due rows handed out again.
    pub recovered: usize,
    /// Later rows loaded into the queue.
    pub loaded: usize,
}

impl Swept {
    fn missing(&self) -> usize {
        self.recovered + self.loaded
    }
}

impl AddAssign for Swept {
    fn add_assign(&mut self, other: Self) {
        self.seen += other.seen;
        self.recovered += other.recovered;
        self.loaded += other.loaded;
    }
}

/// Walks the open rows.
#[derive(Debug)]
pub struct Reconciler {
    engine: Engine,
    owner: String,
    state: Mutex<Memory>,
}

/// What the loop remembers between ticks. Losing it (a restart) means that walks begin again.
#[derive(Debug, Default)]
struct Memory {
    incarnation: Option<Incarnation>,
    /// Due rows are left alone until then.
    quiet_until: Option<Instant>,
    walks: HashMap<Shard, Walk>,
}

/// How far one shard has been looked at.
#[derive(Debug, Default)]
struct Walk {
    /// The last row seen; none at the beginning.
    after: Option<DueCursor>,
    /// Since the beginning, with what was loaded beside it.
    swept: Swept,
    /// When the next page is due; none: at once.
    next_page: Option<Instant>,
    /// What is due before then was loaded, or is the walk's.
    loaded_until: Option<Timestamp>,
    /// When what has come into the window since is due; none: at once.
    next_load: Option<Instant>,
}

impl Walk {
    /// Until something of it is due.
    fn pause(&self) -> Duration {
        let now = Instant::now();
        let until = |at: Option<Instant>| at.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        until(self.next_page).min(until(self.next_load))
    }
}

/// What a page held.
struct Page {
    swept: Swept,
    /// Its last row, if more may follow.
    more: Option<DueCursor>,
}

impl Reconciler {
    /// For this engine, in the name of `owner`.
    #[must_use]
    pub fn new(engine: Engine, owner: String) -> Self {
        Self {
            engine,
            owner,
            state: Mutex::default(),
        }
    }

    /// Runs until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        repeat(&self.engine, "reconcile", &stop, || self.step()).await;
    }

    /// Looks whether the queue was lost, and goes on with the walks that are due.
    ///
    /// # Errors
    /// The store's or the queue's failure: what was not done is found again.
    pub async fn step(&self) -> Result<Duration, Error> {
        let incarnation = self.engine.parts.queue.incarnation().await?;
        self.notice(&incarnation);
        let mut pause = TICK.min(self.engine.options().sweep_period);
        if self.is_quiet() {
            return Ok(pause);
        }
        for shard in elected(&self.engine, &self.owner).await? {
            let mut walk = self.memory().walks.remove(&shard).unwrap_or_default();
            let advanced = self.advance(shard, &mut walk, &incarnation).await;
            pause = pause.min(walk.pause());
            self.memory().walks.insert(shard, walk);
            advanced?;
        }
        Ok(pause)
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// A new incarnation means that content may be lost: walk over everything, after workers have had time to speak.
    fn notice(&self, incarnation: &Incarnation) {
        let mut memory = self.memory();
        if memory.incarnation.as_ref() == Some(incarnation) {
            return;
        }
        if memory.incarnation.replace(incarnation.clone()).is_some() {
            warn!("the queue lost its content, rebuilding it from the store");
            crate::history::rebuilt();
            metrics::counter!(crate::metrics::REBUILT).increment(1);
        }
        memory.quiet_until = Some(Instant::now() + self.engine.options().heartbeat * 2);
        memory.walks.clear();
    }

    fn is_quiet(&self) -> bool {
        self.memory()
            .quiet_until
            .is_some_and(|until| Instant::now() < until)
    }

    /// Does what is due of one shard, a page of the walk at most.
    async fn advance(&self, shard: Shard, walk: &mut Walk, incarnation: &Incarnation) -> Result<(), Error> {
        let is_due = |at: Option<Instant>| at.is_none_or(|at| at <= Instant::now());
        if is_due(walk.next_load) {
            self.load(shard, walk, incarnation).await?;
        }
        if is_due(walk.next_page) {
            self.walk_on(shard, walk, incarnation).await?;
        }
        Ok(())
    }

    /// Loads what has come into the look-ahead window.
    async fn load(&self, shard: Shard, walk: &mut Walk, incarnation: &Incarnation) -> Result<(), Error> {
        let options = self.engine.options();
        let begun = Instant::now();
        let now = self.engine.parts.clock.now();
        let from = walk.loaded_until.unwrap_or(now);
        let from = Some(DueCursor::before(from));
        let Some(swept) = self.sweep(shard, from, incarnation).await? else {
            return Ok(());
        };
        walk.swept += swept;
        walk.loaded_until = Some(clock::add(now, options.lookahead));
        let rest = (begun.elapsed() * REST).min(options.lookahead / 2);
        walk.next_load = Some(Instant::now() + rest.max(options.sweep_period));
        Ok(())
    }

    /// Looks at the walk's next page.
    async fn walk_on(&self, shard: Shard, walk: &mut Walk, incarnation: &Incarnation) -> Result<(), Error> {
        let period = self.engine.options().sweep_period;
        let begun = Instant::now();
        let Some(page) = self.page(shard, walk.after, incarnation).await? else {
            return Ok(());
        };
        let rest = match &page {
            Page { more: None, .. } => period,
            Page { swept, .. } if swept.missing() > 0 => Duration::ZERO,
            // A page that took long because the store was slow is not waited for longer than for a walk.
            Page { .. } => (begun.elapsed() * REST).min(period),
        };
        walk.next_page = Some(Instant::now() + rest);
        walk.swept += page.swept;
        walk.after = page.more;
        if walk.after.is_none() {
            let swept = std::mem::take(&mut walk.swept);
            if swept.missing() > 0 {
                info!(%shard, seen = swept.seen, recovered = swept.recovered, loaded = swept.loaded, "reconciled");
            }
        }
        Ok(())
    }

    /// Looks at everything that comes after `after`, without a rest. `None`, and to be begun again, when the queue loses its content
    /// on the way.
    ///
    /// # Errors
    /// As [`Reconciler::step`].
    pub async fn sweep(
        &self,
        shard: Shard,
        mut after: Option<DueCursor>,
        incarnation: &Incarnation,
    ) -> Result<Option<Swept>, Error> {
        let mut swept = Swept::default();
        loop {
            let Some(page) = self.page(shard, after, incarnation).await? else {
                return Ok(None);
            };
            swept += page.swept;
            if page.more.is_none() {
                return Ok(Some(swept));
            }
            after = page.more;
        }
    }

    /// Looks at one page. `None` when the queue lost its content meanwhile.
    async fn page(
        &self,
        shard: Shard,
        after: Option<DueCursor>,
        incarnation: &Incarnation,
    ) -> Result<Option<Page>, Error> {
        let parts = &self.engine.parts;
        let now = parts.clock.now();
        let until = clock::add(now, parts.options.lookahead);
        let rows = parts.store.due(shard, after, until, PAGE).await?;
        let more = rows.last().filter(|_| rows.len() >= PAGE).map(Due::cursor);
        let asked: Vec<Entry> = rows
            .iter()
            .filter(|due| self.is_settled(due, now))
            .map(|d| d.entry.clone())
            .collect();
        let unknown = parts.queue.unknown(shard, &asked).await?;
        // A flush between the rows and the question would make everything look unknown, the running included.
        if parts.queue.incarnation().await? != *incarnation {
            return Ok(None);
        }
        let (due, later): (Vec<Entry>, Vec<Entry>) =
            unknown.into_iter().partition(|entry| entry.ready_at <= now);
        parts.queue.push(&later).await?;
        let swept = Swept {
            seen: rows.len(),
            recovered: self.recover(now, due).await?,
            loaded: later.len(),
        };
        Ok(Some(Page { swept, more }))
    }

    /// Whether nobody can be about to push this row: it has been due, and unchanged, for the grace time; or it is due later.
    fn is_settled(&self, due: &Due, now: Timestamp) -> bool {
        let quiet_since = clock::sub(now, self.engine.options().sweep_grace);
        due.updated_at <= quiet_since && (due.entry.ready_at > now || due.entry.ready_at <= quiet_since)
    }

    async fn recover(&self, now: Timestamp, lost: Vec<Entry>) -> Result<usize, Error> {
        if lost.is_empty() {
            return Ok(0);
        }
        let parts = &self.engine.parts;
        let jobs = lost
            .iter()
            .map(|e| HandOut {
                id: e.id,
                epoch: e.epoch,
                cause: HandOutCause::Forgotten,
            })
            .collect();
        let again = entries(&parts.store.hand_out(now, jobs).await?);
        parts.queue.push(&again).await?;
        metrics::counter!(crate::metrics::RECONCILED).increment(again.len() as u64);
        Ok(again.len())
    }
}
