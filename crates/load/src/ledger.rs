//! Who owes what: every job that was sent, whether it was acknowledged, and how it ended.
//!
//! Five bytes a job (the moment it was due, and a byte of marks), in chunks, so that growing copies nothing: 15 MB for
//! three million jobs. That is enough because ids say their job's number (see [`crate::ids`]); where the scheduler makes
//! the ids, they are kept as well, 16 bytes each and 4 more while they are looked up.

use std::time::Duration;

use scheduler_client::State;
use uuid::Uuid;

use crate::ids::Ids;

const CHUNK: usize = 1 << 14;
/// Unit in which a due moment is kept: 2^32 of them are eleven hours.
const TICK: Duration = Duration::from_micros(10);

const SENT: u8 = 1;
const ACKED: u8 = 1 << 1;
/// Found by the listing pass that is under way.
const LISTED: u8 = 1 << 2;
/// Known to the scheduler.
const FOUND: u8 = 1 << 3;
const LOST: u8 = 1 << 4;
const END: u8 = 0b111 << 5;

#[derive(Debug)]
struct Chunk {
    marks: Box<[u8]>,
    due: Box<[u32]>,
    /// Empty when ids follow from numbers.
    ids: Box<[Uuid]>,
}

/// Which id belongs to which job.
#[derive(Debug)]
enum Naming {
    /// The id says it.
    Ours(Ids),
    /// The scheduler chose: numbers in the order of their ids, once that is needed.
    Theirs(Vec<u32>),
}

/// What the scheduler says of a job that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// It is not one of this run's.
    Foreign,
    /// It goes on.
    Open,
    /// It has ended, as was known.
    Known,
    /// It has ended, which is new. It was due at this moment of the run.
    Ended {
        /// From the beginning of the run.
        due: Duration,
    },
}

/// How things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Balance {
    pub(crate) sent: u64,
    pub(crate) acknowledged: u64,
    pub(crate) succeeded: u64,
    pub(crate) failed: u64,
    pub(crate) dead: u64,
    pub(crate) cancelled: u64,
    pub(crate) open: u64,
    pub(crate) lost: u64,
    /// Open jobs that the scheduler was never seen to have.
    pub(crate) unverified: u64,
    pub(crate) duplicated: u64,
    pub(crate) unacknowledged_found: u64,
}

/// Every job of the run.
#[derive(Debug)]
pub(crate) struct Ledger {
    chunks: Vec<Chunk>,
    naming: Naming,
    duplicated: u64,
}

impl Ledger {
    /// For jobs whose ids are made here.
    pub(crate) fn of(ids: Ids) -> Self {
        Self::new(Naming::Ours(ids))
    }

    /// For jobs whose ids the scheduler makes.
    pub(crate) fn of_unknown() -> Self {
        Self::new(Naming::Theirs(Vec::new()))
    }

    fn new(naming: Naming) -> Self {
        Self {
            chunks: Vec::new(),
            naming,
            duplicated: 0,
        }
    }

    /// A job is about to be sent that was due at this moment of the run.
    pub(crate) fn sends(&mut self, index: u64, due: Duration) {
        let Some((chunk, at)) = place(index) else { return };
        while self.chunks.len() <= chunk {
            let named = matches!(self.naming, Naming::Theirs(_));
            self.chunks.push(Chunk {
                marks: vec![0; CHUNK].into(),
                due: vec![0; CHUNK].into(),
                ids: vec![Uuid::nil(); if named { CHUNK } else { 0 }].into(),
            });
        }
        let chunk = &mut self.chunks[chunk];
        if chunk.marks[at] & SENT == 0 {
            chunk.marks[at] |= SENT;
            chunk.due[at] = u32::try_from(due.as_micros() / TICK.as_micros()).unwrap_or(u32::MAX);
        }
    }

    /// The scheduler has accepted the job, under this id.
    pub(crate) fn acknowledged(&mut self, index: u64, id: &str) {
        let Some((chunk, at)) = slot(&mut self.chunks, index) else {
            return;
        };
        let id = Uuid::parse_str(id).unwrap_or_default();
        let first = chunk.marks[at] & ACKED == 0;
        chunk.marks[at] |= ACKED;
        let expected = match &self.naming {
            Naming::Ours(ids) => ids.id(index),
            Naming::Theirs(_) if first => {
                chunk.ids[at] = id;
                id
            }
            Naming::Theirs(_) => chunk.ids[at],
        };
        if id != expected {
            // The same job, accepted as two.
            self.duplicated += 1;
        }
    }

    /// A listing from the newest job to the oldest begins.
    pub(crate) fn begin_pass(&mut self) {
        for chunk in &mut self.chunks {
            for mark in &mut chunk.marks {
                *mark &= !LISTED;
            }
        }
        if let Naming::Theirs(order) = &mut self.naming {
            let count = u32::try_from(self.chunks.len() * CHUNK).unwrap_or(u32::MAX);
            *order = (0..count)
                .filter(|index| mark(&self.chunks, u64::from(*index)) & ACKED != 0)
                .collect();
            order.sort_unstable_by_key(|index| named(&self.chunks, *index));
        }
    }

    /// The listing shows a job.
    pub(crate) fn listed(&mut self, id: &str, state: Option<State>) -> Look {
        let Some(index) = self.index(id) else {
            return Look::Foreign;
        };
        if self.set(index, LISTED) {
            self.duplicated += 1;
            return Look::Known;
        }
        self.found(index, state)
    }

    /// The scheduler was asked for the job with this number and has it.
    pub(crate) fn found(&mut self, index: u64, state: Option<State>) -> Look {
        self.set(index, FOUND);
        let Some((chunk, at)) = slot(&mut self.chunks, index) else {
            return Look::Foreign;
        };
        let end = state.map_or(0, end);
        match (chunk.marks[at] & END, end) {
            (_, 0) => Look::Open,
            (0, end) => {
                chunk.marks[at] |= end;
                Look::Ended {
                    due: TICK * chunk.due[at],
                }
            }
            _ => Look::Known,
        }
    }

    /// The scheduler was asked for the job with this number and has no such job.
    pub(crate) fn not_found(&mut self, index: u64) {
        self.set(index, LOST);
    }

    /// Acknowledged jobs whose end is not known, at most `limit` of them, with their ids.
    pub(crate) fn open(&self, limit: usize) -> Vec<(u64, Uuid)> {
        let unsettled = |index: &u64| {
            let mark = mark(&self.chunks, *index);
            mark & ACKED != 0 && mark & (END | LOST) == 0
        };
        let id = |index: u64| match &self.naming {
            Naming::Ours(ids) => ids.id(index),
            Naming::Theirs(_) => named(&self.chunks, u32::try_from(index).unwrap_or(u32::MAX)),
        };
        (0..self.end())
            .filter(unsettled)
            .take(limit)
            .map(|index| (index, id(index)))
            .collect()
    }

    /// How things stand. `open` jobs are those that were acknowledged and have neither ended nor been lost.
    pub(crate) fn balance(&self) -> Balance {
        let mut balance = Balance {
            duplicated: self.duplicated,
            ..Balance::default()
        };
        for mark in self.chunks.iter().flat_map(|chunk| chunk.marks.iter()) {
            let acked = mark & ACKED != 0;
            balance.sent += u64::from(mark & SENT != 0);
            balance.acknowledged += u64::from(acked);
            balance.unacknowledged_found += u64::from(!acked && mark & FOUND != 0);
            let settled = mark & (END | LOST | FOUND) != 0;
            balance.unverified += u64::from(acked && !settled);
            if acked {
                let count = match mark & END {
                    _ if mark & LOST != 0 => &mut balance.lost,
                    SUCCEEDED => &mut balance.succeeded,
                    FAILED => &mut balance.failed,
                    DEAD => &mut balance.dead,
                    CANCELLED => &mut balance.cancelled,
                    _ => &mut balance.open,
                };
                *count += 1;
            }
        }
        balance
    }

    fn end(&self) -> u64 {
        u64::try_from(self.chunks.len() * CHUNK).unwrap_or(u64::MAX)
    }

    fn index(&self, id: &str) -> Option<u64> {
        let id = Uuid::parse_str(id).ok()?;
        match &self.naming {
            Naming::Ours(ids) => ids
                .index(id)
                .filter(|index| mark(&self.chunks, *index) & SENT != 0),
            Naming::Theirs(order) => {
                let found = order.binary_search_by_key(&id, |index| named(&self.chunks, *index));
                found.ok().and_then(|at| order.get(at)).copied().map(u64::from)
            }
        }
    }

    /// Sets a mark; whether it was set before.
    fn set(&mut self, index: u64, bit: u8) -> bool {
        let Some((chunk, at)) = slot(&mut self.chunks, index) else {
            return false;
        };
        let before = chunk.marks[at] & bit != 0;
        chunk.marks[at] |= bit;
        before
    }
}

const SUCCEEDED: u8 = 1 << 5;
const FAILED: u8 = 2 << 5;
const DEAD: u8 = 3 << 5;
const CANCELLED: u8 = 4 << 5;

fn end(state: State) -> u8 {
    match state {
        State::Succeeded => SUCCEEDED,
        State::Failed => FAILED,
        State::DeadLetter => DEAD,
        State::Cancelled => CANCELLED,
        State::Queued | State::Running | State::Retry | State::Scheduled => 0,
    }
}

fn place(index: u64) -> Option<(usize, usize)> {
    let index = usize::try_from(index).ok()?;
    Some((index / CHUNK, index % CHUNK))
}

fn slot(chunks: &mut [Chunk], index: u64) -> Option<(&mut Chunk, usize)> {
    let (chunk, at) = place(index)?;
    Some((chunks.get_mut(chunk)?, at))
}

fn mark(chunks: &[Chunk], index: u64) -> u8 {
    place(index)
        .and_then(|(chunk, at)| Some(chunks.get(chunk)?.marks[at]))
        .unwrap_or_default()
}

fn named(chunks: &[Chunk], index: u32) -> Uuid {
    place(u64::from(index))
        .and_then(|(chunk, at)| chunks.get(chunk)?.ids.get(at).copied())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use scheduler_domain::{Clock as _, ManualClock};

    use super::*;

    fn ids() -> Ids {
        Ids::new(ManualClock::default().now(), 7, 1)
    }

    fn sent(mut ledger: Ledger, count: u64) -> Ledger {
        for index in 0..count {
            ledger.sends(index, Duration::from_millis(index));
        }
        ledger
    }

    #[test]
    fn every_job_is_accounted_for_once() {
        let mut ledger = sent(Ledger::of(ids()), 7);
        for index in 0..6 {
            ledger.acknowledged(index, &ids().id(index).to_string());
        }
        ledger.begin_pass();
        let ends = [
            State::Succeeded,
            State::Failed,
            State::DeadLetter,
            State::Cancelled,
            State::Running,
        ];
        for (index, state) in (0..).zip(ends) {
            ledger.listed(&ids().id(index).to_string(), Some(state));
        }
        assert_eq!(ledger.open(10), [(4, ids().id(4)), (5, ids().id(5))]);
        assert_eq!((ledger.balance().open, ledger.balance().unverified), (2, 1));
        ledger.not_found(5);
        let expected = Balance {
            sent: 7,
            acknowledged: 6,
            succeeded: 1,
            failed: 1,
            dead: 1,
            cancelled: 1,
            open: 1,
            lost: 1,
            ..Balance::default()
        };
        assert_eq!(ledger.balance(), expected);
    }

    #[test]
    fn an_end_is_news_once_and_tells_when_the_job_was_due() {
        let mut ledger = sent(Ledger::of(ids()), 3);
        ledger.begin_pass();
        let id = ids().id(2).to_string();
        let due = Duration::from_millis(2);
        assert_eq!(ledger.listed(&id, Some(State::Queued)), Look::Open);
        ledger.begin_pass();
        assert_eq!(ledger.listed(&id, Some(State::Succeeded)), Look::Ended { due });
        ledger.begin_pass();
        assert_eq!(ledger.listed(&id, Some(State::Succeeded)), Look::Known);
        assert_eq!(ledger.balance().duplicated, 0);
    }

    #[test]
    fn a_job_listed_twice_in_one_pass_is_a_duplicate() {
        let mut ledger = sent(Ledger::of(ids()), 1);
        ledger.begin_pass();
        let id = ids().id(0).to_string();
        ledger.listed(&id, Some(State::Succeeded));
        ledger.listed(&id, Some(State::Succeeded));
        assert_eq!(ledger.balance().duplicated, 1);
    }

    #[test]
    fn one_job_accepted_under_two_ids_is_a_duplicate() {
        let mut ours = sent(Ledger::of(ids()), 1);
        ours.acknowledged(0, &ids().id(0).to_string());
        ours.acknowledged(0, &ids().id(0).to_string());
        assert_eq!(ours.balance().duplicated, 0);
        ours.acknowledged(0, &ids().id(1).to_string());
        assert_eq!(ours.balance().duplicated, 1);

        let mut theirs = sent(Ledger::of_unknown(), 1);
        theirs.acknowledged(0, &Uuid::from_u128(1).to_string());
        theirs.acknowledged(0, &Uuid::from_u128(1).to_string());
        assert_eq!(theirs.balance().duplicated, 0);
        theirs.acknowledged(0, &Uuid::from_u128(2).to_string());
        assert_eq!(theirs.balance().duplicated, 1);
    }

    #[test]
    fn ids_that_the_scheduler_made_are_found_again() {
        let mut ledger = sent(Ledger::of_unknown(), 40_000);
        let id = |index: u64| Uuid::from_u128(u128::from(index.wrapping_mul(0x9e37_79b9_7f4a_7c15)) + 1);
        for index in 0..40_000 {
            ledger.acknowledged(index, &id(index).to_string());
        }
        ledger.begin_pass();
        for index in 0..40_000 {
            let look = ledger.listed(&id(index).to_string(), Some(State::Succeeded));
            assert!(matches!(look, Look::Ended { .. }), "{index}: {look:?}");
        }
        assert_eq!(ledger.listed(&Uuid::max().to_string(), None), Look::Foreign);
        assert_eq!(
            (ledger.balance().succeeded, ledger.balance().duplicated),
            (40_000, 0)
        );
    }

    #[test]
    fn a_job_that_was_accepted_without_an_answer_is_told_apart() {
        let mut ledger = sent(Ledger::of(ids()), 2);
        ledger.begin_pass();
        ledger.listed(&ids().id(1).to_string(), Some(State::Succeeded));
        let balance = ledger.balance();
        assert_eq!(
            (balance.acknowledged, balance.unacknowledged_found, balance.lost),
            (0, 1, 0)
        );
        assert_eq!(
            ledger.listed(&ids().id(2).to_string(), None),
            Look::Foreign,
            "never sent"
        );
    }
}
