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

/// Claims whose answers are not known. Several are asked at once, so this is shared by them.
#[derive(Default)]
struct Doubts(Mutex<Vec<Doubt>>);

impl Doubts {
    fn list(&self) -> MutexGuard<'_, Vec<Doubt>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a worker's next claim has to see to first.
#[derive(Default)]
struct Pending {
    doubts: Doubts,
    /// Leased to the worker, and more than it asked for: the answer to a claim in doubt may be larger than what is wanted by then.
    surplus: Vec<Claimed>,
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
    let mut claimed = std::mem::take(&mut pending.surplus);
    if claimed.is_empty() {
        claimed = claimant.claim(from, &mut pending).await?;
    }
    pending.scarce = claimed.len() < limit;
    if claimed.len() > limit {
        pending.surplus = claimed.split_off(limit);
    }
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
    async fn claim(&self, from: Option<Shard>, pending: &mut Pending) -> Result<Vec<Claimed>, Error> {
        let Pending { doubts, scarce, .. } = pending;
        loop {
            let Some(doubt) = doubts.list().pop() else { break };
            let answer = self.ask(doubt, self.limit, doubts).await?;
            if !answer.claimed.is_empty() {
                return Ok(answer.claimed);
            }
        }
        let first = from.unwrap_or_else(|| self.queue.next_shard());
        let mut others: Vec<Shard> = (0..u64::from(Shard::COUNT))
            .map(|n| Shard::wrapping(u64::from(first.byte()) + n))
            .collect();
        let (claimed, found) = match (from, *scarce) {
            (None, true) => (Vec::new(), self.peek(others).await?),
            (Some(_), true) => {
                others.remove(0);
                let (claimed, found) =
                    tokio::join!(self.exhaust(first, self.limit, doubts), self.peek(others));
                // What was claimed is ours, whatever became of the look.
                let claimed = claimed?;
                match found {
                    Ok(found) => (claimed, found),
                    Err(_) if !claimed.is_empty() => return Ok(claimed),
                    Err(error) => return Err(error),
                }
            }
            (_, false) => {
                let claimed = self.exhaust(first, self.limit, doubts).await?;
                if !claimed.is_empty() {
                    return Ok(claimed);
                }
                others.remove(0);
                (claimed, self.peek(others).await?)
            }
        };
        self.gather(claimed, found, doubts).await
    }

    /// What is still wanted after `claimed`, from these shards at once, each for its part. What fails is in doubt.
    async fn gather(
        &self,
        mut claimed: Vec<Claimed>,
        mut shards: Vec<Shard>,
        doubts: &Doubts,
    ) -> Result<Vec<Claimed>, Error> {
        let wanted = self.limit.saturating_sub(claimed.len());
        shards.truncate(wanted);
        let part = wanted.checked_div(shards.len()).unwrap_or_default();
        let claims = shards.into_iter().map(|shard| self.exhaust(shard, part, doubts));
        let mut failed = None;
        for answer in join_all(claims).await {
            match answer {
                Ok(more) => claimed.extend(more),
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) if claimed.is_empty() => Err(error),
            _ => Ok(claimed),
        }
    }

    /// Claims from one shard, until something was taken or nothing is there: a script gives up after many stale entries.
    async fn exhaust(&self, shard: Shard, limit: usize, doubts: &Doubts) -> Result<Vec<Claimed>, Error> {
        loop {
            let number = self.queue.claims.next.fetch_add(1, Ordering::Relaxed);
            let answer = self.ask(Doubt { shard, number }, limit, doubts).await?;
            if !answer.claimed.is_empty() || answer.dropped == 0 {
                return Ok(answer.claimed);
            }
        }
    }

    async fn ask(&self, doubt: Doubt, limit: usize, doubts: &Doubts) -> Result<Answer, Error> {
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
        doubts.list().push(doubt);
        let answered = self.queue.link.try_ask(call).await;
        if answered.as_ref().err().is_none_or(is_final) {
            doubts.list().retain(|other| other.number != number);
        }
        let answer = answered.map_err(|error| Error::unavailable(CONTEXT, error))?;
        let answer = read(&answer).ok_or_else(|| unexpected(CONTEXT))?;
        if answer.dropped > 0 {
            metrics::counter!(names::DROPPED).increment(answer.dropped.unsigned_abs());
        }
        Ok(answer)
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
