//! Entries on their way out.
//!
//! A claim whose answer was lost has leased entries that nobody works on, and that would stay leased as long as their worker lives.
//! So each claim has a number under which the server remembers its result, and a claim whose answer is not known is asked
//! again, under its number, before the worker's next.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::join_all;
use redis::{ErrorKind, RedisError, ServerErrorKind, Value};
use scheduler_domain::{Entropy as _, Entry, Priority, QueueName, Shard, SystemEntropy, WorkerId};

use super::call::Call;
use super::codec::{read_bytes, read_member, read_number, read_time};
use super::keys::{line, parse_line};
use super::link::unexpected;
use super::{RedisQueue, micros, scripts};
use crate::{Claimed, Error, Served, metrics as names};

const CONTEXT: &str = "claiming entries";

/// A claim whose answer is not known.
#[derive(Clone, Copy)]
struct Doubt {
    shard: Shard,
    number: u64,
}

/// What a worker has asked for and does not know the answer to, and what it was given and has not returned to its caller. Shared by claims
/// that are under way at once. An answer is taken from the one to the other in one step, so that nothing is forgotten when the caller
/// goes away.
#[derive(Default)]
struct Ledger(Mutex<Open>);

#[derive(Default)]
struct Open {
    doubts: Vec<Doubt>,
    /// Leased to the worker. May be more than is wanted: a claim in doubt was perhaps for more.
    claimed: Vec<Claimed>,
}

impl Ledger {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next claim to ask about again.
    fn doubt(&self) -> Option<Doubt> {
        self.open().doubts.pop()
    }

    fn claimed(&self) -> usize {
        self.open().claimed.len()
    }
}

/// What a worker's next claim begins with.
#[derive(Default)]
struct Pending {
    ledger: Ledger,
    /// The last claim got less than it could: there is no backlog.
    scarce: bool,
}

/// Numbers claims, and keeps what is pending. The lock of a worker is held during its claims, so there is one at a time.
pub(super) struct Claims {
    next: AtomicU64,
    workers: Mutex<HashMap<WorkerId, Arc<tokio::sync::Mutex<Pending>>>>,
}

impl Default for Claims {
    fn default() -> Self {
        // Random, so that two connections in the name of one worker do not use the same numbers.
        let mut seed = [0; 8];
        SystemEntropy.fill(&mut seed);
        Self {
            next: AtomicU64::new(u64::from_le_bytes(seed)),
            workers: Mutex::default(),
        }
    }
}

impl Claims {
    fn of(&self, worker: &WorkerId) -> Arc<tokio::sync::Mutex<Pending>> {
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(workers.entry(worker.clone()).or_default())
    }

    /// Forgets a worker that will not claim any more.
    pub(super) fn forget(&self, worker: &WorkerId) {
        self.workers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(worker);
    }
}

/// What one claim in one shard gave.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) claimed: Vec<Claimed>,
    dropped: i64,
}

/// Who claims, from which lines.
struct Claimant<'a> {
    queue: &'a RedisQueue,
    worker: &'a WorkerId,
    /// None: all.
    lines: Vec<String>,
    limit: usize,
}

pub(super) async fn claim(
    queue: &RedisQueue,
    worker: &WorkerId,
    served: &Served,
    from: Option<Shard>,
    limit: usize,
) -> Result<Vec<Claimed>, Error> {
    let lines = match served {
        Served::All => Vec::new(),
        Served::Only(queues) => lines(queues),
    };
    if limit == 0 || matches!(served, Served::Only(queues) if queues.is_empty()) {
        return Ok(Vec::new());
    }
    let claimant = Claimant {
        queue,
        worker,
        lines,
        limit,
    };
    let pending = queue.claims.of(worker);
    let mut pending = pending.lock().await;
    let mut claims = Ok(());
    if pending.ledger.claimed() == 0 {
        claims = claimant.claim(from, &pending).await;
    }
    let claimed: Vec<Claimed> = {
        let mut open = pending.ledger.open();
        let most = limit.min(open.claimed.len());
        open.claimed.drain(..most).collect()
    };
    if claimed.is_empty() {
        claims?;
    }
    pending.scarce = claimed.len() < limit;
    let held = claimed
        .iter()
        .map(|claimed| (claimed.entry.id, claimed.entry.epoch));
    queue.recent().taken(held);
    Ok(claimed)
}

/// Every line of these queues.
fn lines(queues: &[QueueName]) -> Vec<String> {
    queues
        .iter()
        .flat_map(|queue| Priority::ALL.map(|priority| line(queue, priority)))
        .collect()
}

impl Claimant<'_> {
    /// Claims in doubt first, then the shard whose turn it is, then all others that have something, for what is still wanted. Where there
    /// was little the last time, what the others have is asked in the same round trip: jobs that come one by one, to any shard, are
    /// taken together. Where nobody says that there is something, looking costs less than a claim in vain.
    async fn claim(&self, from: Option<Shard>, pending: &Pending) -> Result<(), Error> {
        let Pending { ledger, scarce } = pending;
        while let Some(doubt) = ledger.doubt() {
            self.ask(doubt, self.limit, ledger).await?;
            if ledger.claimed() > 0 {
                return Ok(());
            }
        }
        let first = from.unwrap_or_else(|| self.queue.next_shard());
        let mut others: Vec<Shard> = (0..u64::from(Shard::COUNT))
            .map(|n| Shard::wrapping(u64::from(first.byte()) + n))
            .collect();
        let found = match (from, *scarce) {
            (None, true) => self.peek(others).await?,
            (Some(_), true) => {
                others.remove(0);
                let (claim, found) = tokio::join!(self.exhaust(first, self.limit, ledger), self.peek(others));
                claim?;
                found?
            }
            (_, false) => {
                self.exhaust(first, self.limit, ledger).await?;
                if ledger.claimed() > 0 {
                    return Ok(());
                }
                others.remove(0);
                self.peek(others).await?
            }
        };
        self.gather(found, ledger).await
    }

    /// What is still wanted, from these shards at once, each for its part.
    async fn gather(&self, mut shards: Vec<Shard>, ledger: &Ledger) -> Result<(), Error> {
        let wanted = self.limit.saturating_sub(ledger.claimed());
        shards.truncate(wanted);
        let part = wanted.checked_div(shards.len()).unwrap_or_default();
        let claims = shards.into_iter().map(|shard| self.exhaust(shard, part, ledger));
        join_all(claims).await.into_iter().collect()
    }

    /// Claims from one shard, until something was taken or nothing is there: a script gives up after many stale entries.
    async fn exhaust(&self, shard: Shard, limit: usize, ledger: &Ledger) -> Result<(), Error> {
        loop {
            let number = self.queue.claims.next.fetch_add(1, Ordering::Relaxed);
            let (claimed, dropped) = self.ask(Doubt { shard, number }, limit, ledger).await?;
            if claimed > 0 || dropped == 0 {
                return Ok(());
            }
        }
    }

    /// How many entries were claimed, and how many stale ones dropped.
    async fn ask(&self, doubt: Doubt, limit: usize, ledger: &Ledger) -> Result<(usize, i64), Error> {
        let Doubt { shard, number } = doubt;
        let keys = self.queue.keys.of(shard);
        let call = Call::script(&scripts::CLAIM, &keys.of_a_life())
            .of(shard)
            .arg(self.queue.skew())
            .arg(&keys.ready)
            .arg(self.worker.as_str())
            .arg(&number.to_be_bytes()[..])
            .arg(limit)
            .arg(micros(self.queue.options.aging_step))
            .arg(micros(self.queue.options.lease))
            .arg(&self.lines);
        // In doubt from before it is sent, so that it is even if this future is dropped.
        ledger.open().doubts.push(doubt);
        let answered = self.queue.link.try_ask(call).await;
        let mut open = ledger.open();
        if answered.as_ref().err().is_none_or(is_final) {
            open.doubts.retain(|other| other.number != number);
        }
        let answer = answered.map_err(|error| Error::unavailable(CONTEXT, error))?;
        let answer = read(&answer).ok_or_else(|| unexpected(CONTEXT))?;
        if answer.dropped > 0 {
            metrics::counter!(names::DROPPED).increment(answer.dropped.unsigned_abs());
        }
        let claimed = answer.claimed.len();
        open.claimed.extend(answer.claimed);
        Ok((claimed, answer.dropped))
    }

    /// Those of `shards` that have something in a line served. A line that has just run empty may still be among them.
    async fn peek(&self, shards: Vec<Shard>) -> Result<Vec<Shard>, Error> {
        let calls = shards.iter().map(|shard| {
            let lines = &self.queue.keys.of(*shard).lines;
            let call = match self.lines.is_empty() {
                true => Call::command("EXISTS").arg(lines),
                false => Call::command("SMISMEMBER").arg(lines).arg(&self.lines),
            };
            call.of(*shard)
        });
        let answers = self.queue.link.ask_all(CONTEXT, calls.collect()).await?;
        let any = |answer: &Value| match answer {
            Value::Array(known) => known.iter().any(|is| read_number(is) == Some(1)),
            exists => read_number(exists) == Some(1),
        };
        let found = shards.into_iter().zip(answers).filter(|(_, answer)| any(answer));
        Ok(found.map(|(shard, _)| shard).collect())
    }
}

/// Whether the script itself has failed: then it would fail again, and must not stand in the way of other shards. After any other
/// failure it may have run all the same, if only before the server went away and came back.
fn is_final(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::ResponseError)
}

/// Reads the answer of `claim.lua`.
pub(super) fn read(answer: &Value) -> Option<Answer> {
    let Value::Array(values) = answer else { return None };
    let [now, dropped, runs @ ..] = values.as_slice() else {
        return None;
    };
    let at = read_time(now)?;
    let mut answer = Answer {
        claimed: Vec::new(),
        dropped: read_number(dropped)?,
    };
    let mut rest = runs;
    while let [line, count, more @ ..] = rest {
        let count = usize::try_from(read_number(count)?).ok()?;
        let (entries, others) = more.split_at_checked(count.checked_mul(2)?)?;
        rest = others;
        let (queue, priority) = parse_line(read_bytes(line)?)?;
        for entry in entries.chunks_exact(2) {
            let (id, epoch) = read_member(read_bytes(&entry[0])?)?;
            // A score that is no moment did not come from us either; the store will know the job or not.
            let ready_at = read_time(&entry[1]).unwrap_or(at);
            let entry = Entry {
                id,
                epoch,
                queue: queue.clone(),
                priority,
                ready_at,
            };
            answer.claimed.push(Claimed { entry, at });
        }
    }
    Some(answer)
}
