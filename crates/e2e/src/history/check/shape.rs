//! What a change of a row was, told from the row alone.

use scheduler_domain::State;

use crate::history::{Change, JobPast, Op, Outcome, Row};

/// The changes that the product makes. What is none of these is [`Shape::Unknown`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Submitted.
    Inserted,
    /// RUNNING was written.
    Running,
    /// An attempt ended with a report, which was charged.
    Ended,
    /// Handed out again, charged to nothing: handed back, or forgotten by the queue.
    HandedOut,
    /// A lost lease was charged.
    LeaseLost,
    /// Cancelled.
    Cancelled,
    /// Reopened by an operator.
    Redriven,
    /// Deleted.
    Deleted,
    /// Nothing that is judged changed.
    Touched,
    /// Nothing of the kind.
    Unknown,
}

impl Change {
    /// What it was.
    pub(super) fn shape(&self) -> Shape {
        let (Some(old), new) = (self.old, self.new) else {
            return Shape::Inserted;
        };
        let Some(new) = new else { return Shape::Deleted };
        if old == new {
            return Shape::Touched;
        }
        let raised = i64::from(new.epoch) - i64::from(old.epoch);
        let attempts = i64::from(new.attempts) - i64::from(old.attempts);
        let crashes = i64::from(new.crashes) - i64::from(old.crashes);
        let Some((from, to)) = old.state().zip(new.state()) else {
            return Shape::Unknown;
        };
        if from.is_final() {
            let reopened = matches!(from, State::Failed | State::DeadLetter)
                && to == State::Queued
                && (raised, new.attempts, new.crashes) == (1, 0, 0);
            return if reopened { Shape::Redriven } else { Shape::Unknown };
        }
        match (to, raised, attempts, crashes) {
            (State::Cancelled, 0, 0, 0) => Shape::Cancelled,
            (State::Running, 0, 0, 0) => Shape::Running,
            (State::Succeeded | State::Failed | State::DeadLetter, 0, 1, 0) | (State::Retry, 1, 1, 0) => {
                Shape::Ended
            }
            (State::Queued | State::DeadLetter, 1, 0, 1) => Shape::LeaseLost,
            (State::Queued, 1, 0, 0) => Shape::HandedOut,
            (State::Retry | State::Scheduled, 1, 0, 0) if to == from && old.run_at_ns == new.run_at_ns => {
                Shape::HandedOut
            }
            _ => Shape::Unknown,
        }
    }

    /// Both rows, of a change that neither made nor deleted it.
    pub(super) fn rows(&self) -> Option<(Row, Row)> {
        self.old.zip(self.new)
    }
}

impl JobPast {
    /// Whether it may have been deleted: then its id says no more that it is the same job throughout.
    pub(super) fn may_be_deleted(&self) -> bool {
        self.rows.iter().any(|change| change.new.is_none()) || self.asked(Op::Delete) > 0
    }

    /// How many calls of this kind may have been carried out.
    pub(super) fn asked(&self, op: Op) -> usize {
        let calls = self.calls.iter().filter(|call| call.op == op);
        calls
            .filter(|call| !matches!(call.outcome, Outcome::Fail(_)))
            .count()
    }

    /// The row at the end, as well as it is known.
    pub(super) fn row_at_end(&self) -> Option<Row> {
        match (&self.last, self.rows.last()) {
            (Some(last), _) => Some(last.row),
            (None, Some(change)) => change.new,
            (None, None) => None,
        }
    }
}
