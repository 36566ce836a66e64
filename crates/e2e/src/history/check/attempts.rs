//! What workers tell of one job, put together into attempts and reports.

use scheduler_domain::State;

use crate::history::{JobPast, Name, Names, Op, Outcome};

/// From a worker's claim to what it did in the end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    /// Under which fencing number.
    pub(super) epoch: i32,
    /// Which life of which worker.
    pub(super) worker: Name,
    /// When it was leased.
    pub(super) claimed: Option<u64>,
    /// When its row was seen open.
    pub(super) taken: Option<u64>,
    /// When it began.
    pub(super) started: Option<u64>,
    /// When it ended or was given back.
    pub(super) ended: Option<u64>,
}

/// A report and its answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reported {
    /// Under which fencing number.
    pub(super) epoch: i32,
    /// By whom.
    pub(super) worker: Name,
    /// When it was sent.
    pub(super) sent: u64,
    /// The state that it asks for.
    pub(super) state: Option<State>,
    /// What was answered.
    pub(super) outcome: Outcome,
}

impl Reported {
    /// Whether it was accepted.
    pub(super) fn accepted(&self) -> bool {
        self.outcome == Outcome::Ok
    }
}

impl JobPast {
    /// The attempts, in order of their beginning.
    pub(super) fn attempts(&self) -> Vec<Attempt> {
        let mut attempts: Vec<Attempt> = Vec::new();
        for work in &self.work {
            // The latest of this worker under this epoch that is still to get there.
            let open = attempts.iter_mut().rev().find(|attempt| {
                (attempt.epoch, attempt.worker) == (work.epoch, work.worker) && attempt.ended.is_none()
            });
            let now = Some(work.at);
            let fresh = Attempt {
                epoch: work.epoch,
                worker: work.worker,
                claimed: None,
                taken: None,
                started: None,
                ended: None,
            };
            match (work.op, open) {
                (Op::Claim, _) => attempts.push(Attempt {
                    claimed: now,
                    ..fresh
                }),
                (Op::Take, Some(attempt)) if attempt.taken.is_none() => attempt.taken = now,
                (Op::Take, _) => attempts.push(Attempt { taken: now, ..fresh }),
                (Op::Start, Some(attempt)) if attempt.started.is_none() => attempt.started = now,
                (Op::Start, _) => attempts.push(Attempt {
                    started: now,
                    ..fresh
                }),
                (Op::End | Op::Release | Op::HandBack | Op::Stale, Some(attempt)) => attempt.ended = now,
                _ => {}
            }
        }
        attempts
    }

    /// The reports, in the order in which they were sent.
    pub(super) fn reports(&self, names: &Names) -> Vec<Reported> {
        let mut reports: Vec<Reported> = Vec::new();
        for work in self.work.iter().filter(|work| work.op == Op::Report) {
            let sent = reports.iter_mut().rev().find(|report| {
                (report.epoch, report.worker, report.outcome) == (work.epoch, work.worker, Outcome::Open)
            });
            match (work.outcome, sent) {
                (Outcome::Ok | Outcome::Fail(_) | Outcome::Info(_), Some(report)) => {
                    report.outcome = work.outcome;
                }
                _ => reports.push(Reported {
                    epoch: work.epoch,
                    worker: work.worker,
                    sent: work.at,
                    state: work.code.and_then(|code| state(names.text(code))),
                    outcome: work.outcome,
                }),
            }
        }
        reports
    }
}

fn state(name: &str) -> Option<State> {
    State::ALL.into_iter().find(|state| state.name() == name)
}
