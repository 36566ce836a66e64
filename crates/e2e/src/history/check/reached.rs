//! Which rare states a run reached: those that it told, and those that can be seen in what it tells.

use std::collections::BTreeMap;

use scheduler_domain::State;

use crate::history::{Call, Fault, History, JobPast, Op, Outcome, Reach};

use super::overlap;
use super::shape::Shape;

/// What waits when a flush is one with a backlog.
const BACKLOG: u64 = 100;

pub(super) fn of(history: &History) -> BTreeMap<Reach, u64> {
    let mut reached = Reached(history.reached.clone());
    let last_words = overlap::last_words(history);
    for past in history.jobs.values() {
        calls(history, past, &mut reached);
        work(past, &mut reached);
        rows(past, &mut reached);
        reached.add(Reach::CancelWhileRunning, cancelled_running(past));
        let overlaps = overlap::pairs(past, &last_words);
        let apart = overlaps
            .iter()
            .filter(|(older, newer)| older.epoch != newer.epoch);
        reached.add(Reach::AttemptsOverlapped, apart.count());
    }
    let flushes = history.faults.iter().filter(|fault| is_flush_with_backlog(fault));
    reached.add(Reach::FlushWithBacklog, flushes.count());
    let drains = history.drains.iter().filter(|running| **running > 0);
    reached.add(Reach::DrainWithWork, drains.count());
    reached.0
}

struct Reached(BTreeMap<Reach, u64>);

impl Reached {
    fn add(&mut self, what: Reach, times: usize) {
        if times > 0 {
            *self.0.entry(what).or_default() += times as u64;
        }
    }
}

fn calls(history: &History, past: &JobPast, reached: &mut Reached) {
    let refused = |call: &Call, code: &str| matches!(call.outcome, Outcome::Fail(name) if history.names.text(name) == code);
    for call in &past.calls {
        let what = match (call.op, call.outcome) {
            (_, Outcome::Info(_)) => Reach::IndeterminateAnswer,
            (Op::Submit, Outcome::Ok) if call.flag => Reach::IdempotentReplay,
            (Op::Submit, _) if refused(call, "ALREADY_EXISTS") => Reach::ConflictRefused,
            _ if refused(call, "RESOURCE_EXHAUSTED") => Reach::RequestShed,
            _ => continue,
        };
        reached.add(what, 1);
    }
}

fn work(past: &JobPast, reached: &mut Reached) {
    for work in &past.work {
        let what = match (work.op, work.outcome) {
            (Op::Report, Outcome::Fail(_)) => Reach::StaleReportRefused,
            (Op::Report, Outcome::Info(_)) => Reach::IndeterminateAnswer,
            (Op::HandBack, _) => Reach::HandedBack,
            _ => continue,
        };
        reached.add(what, 1);
    }
}

fn rows(past: &JobPast, reached: &mut Reached) {
    for change in &past.rows {
        let dead = change.new.is_some_and(|new| new.is_final());
        let what = match change.shape() {
            Shape::LeaseLost if dead => Reach::CrashedOut,
            Shape::LeaseLost => Reach::LeaseReclaimed,
            Shape::Redriven => Reach::Redriven,
            _ => continue,
        };
        reached.add(what, 1);
    }
}

/// Its row said RUNNING, or a worker had begun it and had not ended it.
fn cancelled_running(past: &JobPast) -> usize {
    let running = past.rows.iter().filter(|change| {
        change.shape() == Shape::Cancelled
            && change.old.is_some_and(|old| old.state() == Some(State::Running))
    });
    let cancels = past
        .calls
        .iter()
        .filter(|call| call.op == Op::Cancel && call.is_ok() && call.flag);
    let mut begun = cancels.filter(|call| {
        past.attempts().iter().any(|attempt| {
            attempt.started.is_some_and(|at| at < call.began)
                && attempt.ended.is_none_or(|at| at > call.ended)
        })
    });
    running.count().max(usize::from(begun.next().is_some()))
}

fn is_flush_with_backlog(fault: &Fault) -> bool {
    fault.takes_the_queue()
        && fault.args["queued"]
            .as_u64()
            .is_some_and(|queued| queued > BACKLOG)
}
