//! Due rows that the queue does not know, and rows that are due soon.
//!
//! A pass walks the open rows of a shard in the order in which they become due, up to the look-ahead window, and asks the queue
//! about each page:
//! - a row that is due and unknown was lost (the API died between commit and push; Redis was flushed): it is handed out again
//!   *under a higher epoch*, for it may have been claimed before it was lost;
//! - a row that is due later and unknown was never claimed: it is loaded under the epoch it has.
//!
//! Passes repeat for ever. Each rests ten times as long as it took (at least the sweep period), so looking costs at most a
//! tenth of one core whatever the backlog is. When the queue's content was lost the rest is skipped; then due rows
//! are left alone until running workers have had two heartbeats to re-create their leases.

use std::collections::HashMap;
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
/// How often the loop looks whether a pass is due or the queue was lost.
const TICK: Duration = Duration::from_secs(1);

/// What a pass over one shard did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Open rows looked at.
    pub seen: usize,
    /// Due rows handed out again.
    pub recovered: usize,
    /// Later rows loaded into the queue.
    pub loaded: usize,
}

/// Walks the open rows.
#[derive(Debug)]
pub struct Reconciler {
    engine: Engine,
    owner: String,
    state: Mutex<Memory>,
}

/// What the loop remembers between ticks. Losing it (a restart) means a pass at once.
#[derive(Debug, Default)]
struct Memory {
    incarnation: Option<Incarnation>,
    /// Due rows are left alone until then.
    quiet_until: Option<Instant>,
    next_pass: HashMap<Shard, Instant>,
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

    /// Looks whether the queue was lost, and makes the passes that are due.
    ///
    /// # Errors
    /// The store's or the queue's failure: what was not done is found again.
    pub async fn step(&self) -> Result<Duration, Error> {
        let incarnation = self.engine.parts.queue.incarnation().await?;
        self.notice(&incarnation);
        for shard in elected(&self.engine, &self.owner).await? {
            if self.is_due(shard) {
                let begun = Instant::now();
                self.sweep(shard, &incarnation).await?;
                let rest = self.engine.options().sweep_period.max(begun.elapsed() * 10);
                self.memory().next_pass.insert(shard, Instant::now() + rest);
            }
        }
        Ok(TICK.min(self.engine.options().sweep_period))
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// A new incarnation means that content may be lost: pass over everything, after workers have had time to speak.
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
        memory.next_pass.clear();
    }

    fn is_due(&self, shard: Shard) -> bool {
        let memory = self.memory();
        let now = Instant::now();
        memory.quiet_until.is_none_or(|until| until <= now)
            && memory.next_pass.get(&shard).is_none_or(|next| *next <= now)
    }

    /// One pass over one shard. Ends early, to begin again, when the queue loses its content on the way.
    ///
    /// # Errors
    /// As [`Reconciler::step`].
    pub async fn sweep(&self, shard: Shard, incarnation: &Incarnation) -> Result<Swept, Error> {
        let parts = &self.engine.parts;
        let mut swept = Swept::default();
        let mut after: Option<DueCursor> = None;
        loop {
            let now = parts.clock.now();
            let until = clock::add(now, parts.options.lookahead);
            let page = parts.store.due(shard, after, until, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.cursor());
            let full = page.len() >= PAGE;
            swept.seen += page.len();

            let asked: Vec<Entry> = page
                .iter()
                .filter(|due| self.is_settled(due, now))
                .map(|d| d.entry.clone())
                .collect();
            let unknown = parts.queue.unknown(shard, &asked).await?;
            // A flush between the rows and the question would make everything look unknown, the running included.
            if parts.queue.incarnation().await? != *incarnation {
                return Ok(swept);
            }
            let (due, later): (Vec<Entry>, Vec<Entry>) =
                unknown.into_iter().partition(|entry| entry.ready_at <= now);
            swept.loaded += later.len();
            parts.queue.push(&later).await?;
            swept.recovered += self.recover(now, due).await?;
            if !full {
                break;
            }
        }
        if swept.recovered + swept.loaded > 0 {
            info!(%shard, seen = swept.seen, recovered = swept.recovered, loaded = swept.loaded, "reconciled");
        }
        Ok(swept)
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
