//! Runs work on a connection, and again when others were in the way.
//!
//! The only place that takes connections from the pool. It knows, for every failure, whether the work may have been
//! committed all the same, and tells the next try.

use std::future::Future;
use std::time::Duration;

use scheduler_domain::{Entropy as _, SystemEntropy};
use scopeguard::ScopeGuard;
use sqlx::{Connection as _, PgConnection};
use tracing::{debug, trace};

use super::call::Db;
use super::fault::{Fault, Remedy};
use crate::Error;
use crate::metrics::{AMBIGUOUS_COMMITS, DIVIDED, RETRIES};

/// Tries before giving up; with the waits below some four seconds.
const TRIES: u32 = 24;
/// Conflicts after which a batch is divided; with the waits below some ten milliseconds.
const WHOLE: u32 = 3;
const FIRST_WAIT: Duration = Duration::from_millis(4);
const LONGEST_WAIT: Duration = Duration::from_millis(400);

/// How the statements of some work hang together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// They change nothing.
    Read,
    /// Each is its own transaction.
    Statement,
    /// They are one transaction.
    Transaction,
}

/// What earlier tries may have left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Earlier {
    /// Nothing.
    Nothing,
    /// Perhaps everything: the answer to a commit was lost.
    Unknown,
}

/// Work that can be tried again.
pub(super) trait Work: Sync {
    /// The operation, as metrics and errors name it.
    const NAME: &'static str;
    /// What it finds out.
    type Answer: Send;

    /// How its statements hang together.
    fn scope(&self) -> Scope;

    /// Does it once.
    fn run(
        &self,
        connection: &mut PgConnection,
        earlier: Earlier,
    ) -> impl Future<Output = Result<Self::Answer, Fault>> + Send;
}

/// Does `work`, trying again after conflicts (40001 can come as late as COMMIT) and lost connections.
pub(super) async fn run<W: Work>(db: &Db, work: &W) -> Result<W::Answer, Error> {
    repeat(db, work, Earlier::Nothing, TRIES)
        .await
        .map_err(|lost| lost.fault.into_error(W::NAME))
}

/// Does the work of a batch whose items have nothing to do with each other; answers are in the order of the batch.
///
/// When others keep being faster, the batch is done in halves, and halves of these. Under `serializable` a statement over many rows
/// takes longer and meets more than one over few, so a large batch can lose for as long as there are small ones.
pub(super) async fn run_batch<'a, T, W: Work>(
    db: &Db,
    batch: &'a [T],
    work: impl Fn(&'a [T]) -> W,
) -> Result<Vec<W::Answer>, Error> {
    let mut answers = Vec::new();
    let mut pieces = vec![(batch, Earlier::Nothing)];
    while let Some((piece, earlier)) = pieces.pop() {
        let conflicts = if piece.len() > 1 { WHOLE } else { TRIES };
        match repeat(db, &work(piece), earlier, conflicts).await {
            Ok(answer) => answers.push(answer),
            Err(lost) if piece.len() > 1 && lost.fault.remedy() == Remedy::Retry => {
                debug!(operation = W::NAME, rows = piece.len(), "divided");
                metrics::counter!(DIVIDED, "operation" => W::NAME).increment(1);
                let (front, back) = piece.split_at(piece.len() / 2);
                pieces.extend([(back, lost.left), (front, lost.left)]);
            }
            Err(lost) => return Err(lost.fault.into_error(W::NAME)),
        }
    }
    Ok(answers)
}

/// Why work was given up, and what its tries may have left behind.
struct Lost {
    fault: Fault,
    left: Earlier,
}

/// Tries until it works, until it is of no use, or until others were faster `conflicts` times.
async fn repeat<W: Work>(db: &Db, work: &W, mut earlier: Earlier, conflicts: u32) -> Result<W::Answer, Lost> {
    let mut tries = 1;
    let mut met = 0;
    loop {
        let (fault, left) = match attempt(db, work, earlier).await {
            Ok(answer) => return Ok(answer),
            Err(failed) => failed,
        };
        if left == Earlier::Unknown && earlier == Earlier::Nothing {
            metrics::counter!(AMBIGUOUS_COMMITS, "operation" => W::NAME).increment(1);
            earlier = Earlier::Unknown;
        }
        let remedy = fault.remedy();
        met += u32::from(remedy == Remedy::Retry);
        let worth_it = matches!(remedy, Remedy::Retry | Remedy::Reconnect);
        if !worth_it || tries == TRIES || met == conflicts {
            return Err(Lost { fault, left: earlier });
        }
        debug!(operation = W::NAME, tries, ?fault, "trying again");
        if remedy == Remedy::Retry {
            trace!(target: "history", op = "reached", code = "conflict_retried", operation = W::NAME);
        }
        metrics::counter!(RETRIES, "operation" => W::NAME).increment(1);
        tokio::time::sleep(wait(tries)).await;
        tries += 1;
    }
}

/// Full jitter, so that those who collided do not meet again.
fn wait(tries: u32) -> Duration {
    let longest = FIRST_WAIT.saturating_mul(1 << tries.min(10)).min(LONGEST_WAIT);
    longest.mul_f64(SystemEntropy.unit())
}

/// One try, and after a failure what it may have left behind.
async fn attempt<W: Work>(db: &Db, work: &W, earlier: Earlier) -> Result<W::Answer, (Fault, Earlier)> {
    let untouched = |error: sqlx::Error| (Fault::from(error), Earlier::Nothing);
    let held = db.connections.take().await.map_err(untouched)?;
    // Cut short by the end of its time, it is in the middle of something.
    let mut held = scopeguard::guard(held, |mut held| held.connection.close_on_drop());
    let answer = match work.scope() {
        Scope::Read => work
            .run(&mut held.connection, earlier)
            .await
            .map_err(|fault| (fault, Earlier::Nothing)),
        Scope::Statement => work.run(&mut held.connection, earlier).await.map_err(in_doubt),
        Scope::Transaction => transaction(work, &mut held.connection, earlier).await,
    };
    let held = ScopeGuard::into_inner(held);
    match &answer {
        Ok(_) => db.connections.give_back(held),
        Err((fault, _)) if fault.remedy() == Remedy::Reconnect => db.connections.doubt(),
        Err(_) => {}
    }
    answer
}

async fn transaction<W: Work>(
    work: &W,
    connection: &mut PgConnection,
    earlier: Earlier,
) -> Result<W::Answer, (Fault, Earlier)> {
    // Until COMMIT is sent, a failure of any kind means that nothing is left: the transaction dies with its connection.
    let mut tx = connection
        .begin()
        .await
        .map_err(|error| (error.into(), Earlier::Nothing))?;
    let answer = work
        .run(&mut tx, earlier)
        .await
        .map_err(|fault| (fault, Earlier::Nothing))?;
    tx.commit().await.map_err(|error| in_doubt(error.into()))?;
    Ok(answer)
}

/// A write whose connection broke may have been committed.
fn in_doubt(fault: Fault) -> (Fault, Earlier) {
    let left = if fault.remedy() == Remedy::Reconnect {
        Earlier::Unknown
    } else {
        Earlier::Nothing
    };
    (fault, left)
}
