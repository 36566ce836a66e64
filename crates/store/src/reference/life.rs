//! The machine.

use std::collections::BTreeMap;

use scheduler_domain::{Outcome, State};

use super::step::{Cause, Ending, Step};

/// A report: epoch, worker, start, how it ended.
pub(super) type Told = (i32, u128, u64, Ending);

/// A job, as much of it as changes. Times are seconds since the history began.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Lived {
    pub(super) body: (u64, u64),
    pub(super) key: Option<u64>,
    pub(super) state: State,
    pub(super) epoch: i32,
    pub(super) attempts: u32,
    pub(super) crashes: u32,
    pub(super) sequence: i64,
    pub(super) created_at: u64,
    pub(super) run_at: u64,
    pub(super) finished_at: Option<u64>,
    /// The attempt that the row tells of: who, since when.
    pub(super) holder: Option<(u128, u64)>,
    pub(super) failed: bool,
    pub(super) result: bool,
    /// Ended attempts: epoch, number, outcome.
    pub(super) history: Vec<(i32, u32, Outcome)>,
    /// The accepted reports.
    reported: Vec<Told>,
}

/// What the caller is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Answer {
    #[default]
    Nothing,
    Created,
    Existing(u64),
    Conflict(u64),
    Accepted,
    Fenced,
    /// Still its.
    Kept,
    /// Somebody else's by now, or over.
    Lost,
    HandedOut,
    DeadLettered,
    Done,
    Refused,
    NotFound,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Life {
    pub(super) now: u64,
    pub(super) jobs: BTreeMap<u64, Lived>,
    /// To the last step.
    pub(super) answer: Answer,
    /// The epoch that the last step was about.
    pub(super) asked: i32,
    /// What the last step sent again.
    pub(super) again: Option<Told>,
}

impl Lived {
    fn is_open(&self) -> bool {
        self.finished_at.is_none()
    }

    /// RUNNING has a number of its own, whether it was written or not.
    fn change(&mut self) {
        self.sequence += if self.state == State::Running { 1 } else { 2 };
    }

    /// The attempt that a final row tells of, as the history would have it.
    pub(super) fn current(&self) -> Option<(i32, u32, Outcome)> {
        self.holder?;
        let (number, outcome) = match self.state {
            State::Succeeded => (self.attempts, Outcome::Succeeded),
            State::Failed | State::DeadLetter => (self.attempts, Outcome::Failed),
            State::Cancelled => (self.attempts + 1, Outcome::Cancelled),
            State::Running => (self.attempts + 1, Outcome::Running),
            State::Queued | State::Retry | State::Scheduled => return None,
        };
        Some((self.epoch, number, outcome))
    }
}

impl Life {
    pub(super) fn apply(&mut self, step: &Step) {
        self.again = None;
        self.answer = match *step {
            Step::Submit {
                job,
                chosen,
                key,
                body,
                delay,
            } => self.submit(job, chosen, key, (body, delay)),
            Step::MarkRunning { job, back, worker } => self.mark_running(job, back, worker),
            Step::Finish {
                job,
                back,
                worker,
                verdict,
            } => self.finish(job, back, worker, verdict),
            Step::FinishAgain { job } => self.finish_again(job),
            Step::HandOut { job, back, cause } => self.hand_out(job, back, cause),
            Step::Cancel { job } => self.cancel(job),
            Step::Redrive { job } => self.redrive(job),
            Step::Delete { job } => self.delete(job),
            Step::Advance { seconds } => {
                self.now += seconds;
                Answer::Nothing
            }
        };
    }

    fn submit(&mut self, job: u64, chosen: bool, key: Option<u64>, body: (u64, u64)) -> Answer {
        let by_key = key.and_then(|key| self.jobs.iter().find(|(_, lived)| lived.key == Some(key)));
        let known = by_key.map(|(job, _)| *job).unwrap_or(job);
        if let Some(existing) = self.jobs.get(&known) {
            let same = existing.body == body && !(chosen && known != job);
            return if same {
                Answer::Existing(known)
            } else {
                Answer::Conflict(known)
            };
        }
        // `run_at` is a moment of the first noon: it may have passed.
        let run_at = if body.1 > self.now { body.1 } else { self.now };
        let state = if run_at > self.now {
            State::Scheduled
        } else {
            State::Queued
        };
        let lived = Lived {
            body,
            key,
            state,
            epoch: 1,
            attempts: 0,
            crashes: 0,
            sequence: 1,
            created_at: self.now,
            run_at,
            finished_at: None,
            holder: None,
            failed: false,
            result: false,
            history: Vec::new(),
            reported: Vec::new(),
        };
        self.jobs.insert(job, lived);
        Answer::Created
    }

    /// The job, if it is open under the epoch that the caller believes in.
    fn open(&mut self, job: u64, back: i32) -> Option<&mut Lived> {
        self.asked = self.jobs.get(&job).map_or(1, |lived| lived.epoch) - back;
        self.jobs
            .get_mut(&job)
            .filter(|lived| lived.is_open() && back == 0)
    }

    fn mark_running(&mut self, job: u64, back: i32, worker: u128) -> Answer {
        let now = self.now;
        let Some(lived) = self.open(job, back) else {
            return Answer::Lost;
        };
        if lived.state != State::Running {
            lived.state = State::Running;
            lived.sequence += 1;
            lived.holder = Some((worker, now));
        }
        Answer::Kept
    }

    fn finish(&mut self, job: u64, back: i32, worker: u128, verdict: Ending) -> Answer {
        let now = self.now;
        let asked = self.jobs.get(&job).map_or(1, |lived| lived.epoch) - back;
        let Some(lived) = self.open(job, back) else {
            return match self.jobs.get(&job) {
                Some(lived) if lived.recorded((asked, worker, now, verdict)) => Answer::Accepted,
                _ => Answer::Fenced,
            };
        };
        lived.change();
        lived.attempts += 1;
        lived.holder = Some((worker, now));
        lived.reported.push((lived.epoch, worker, now, verdict));
        match verdict {
            Ending::Succeeded => {
                (lived.state, lived.result, lived.failed) = (State::Succeeded, true, false);
            }
            Ending::Failed => (lived.state, lived.failed) = (State::Failed, true),
            Ending::DeadLetter => (lived.state, lived.failed) = (State::DeadLetter, true),
            Ending::Retry { delay } => {
                lived.history.push((lived.epoch, lived.attempts, Outcome::Failed));
                (lived.state, lived.failed) = (State::Retry, true);
                lived.epoch += 1;
                lived.run_at = now + delay;
                lived.holder = None;
            }
        }
        lived.finished_at = lived.state.is_final().then_some(now);
        Answer::Accepted
    }

    fn finish_again(&mut self, job: u64) -> Answer {
        let Some(lived) = self.jobs.get(&job) else {
            return Answer::Nothing;
        };
        let Some(report) = lived.reported.last().copied() else {
            return Answer::Nothing;
        };
        self.again = Some(report);
        if lived.recorded(report) {
            Answer::Accepted
        } else {
            Answer::Fenced
        }
    }

    fn hand_out(&mut self, job: u64, back: i32, cause: Cause) -> Answer {
        let now = self.now;
        let Some(lived) = self.open(job, back) else {
            return Answer::Nothing;
        };
        lived.change();
        let begun = match cause {
            Cause::Forgotten => None,
            Cause::LeaseExpired { .. } => Some(Outcome::Lost),
            Cause::Released => Some(Outcome::Released),
        };
        lived
            .history
            .extend(begun.map(|outcome| (lived.epoch, lived.attempts + 1, outcome)));
        lived.epoch += 1;
        lived.holder = None;
        let waits = matches!(lived.state, State::Scheduled | State::Retry) && lived.run_at > now;
        if begun.is_some() || !waits {
            lived.state = State::Queued;
        }
        if let Cause::LeaseExpired { budget } = cause {
            lived.crashes += 1;
            if lived.crashes >= budget {
                (lived.state, lived.failed, lived.finished_at) = (State::DeadLetter, true, Some(now));
                return Answer::DeadLettered;
            }
        }
        Answer::HandedOut
    }

    fn cancel(&mut self, job: u64) -> Answer {
        let now = self.now;
        match self.jobs.get_mut(&job) {
            None => Answer::NotFound,
            Some(lived) if !lived.is_open() => Answer::Refused,
            Some(lived) => {
                lived.change();
                (lived.state, lived.finished_at) = (State::Cancelled, Some(now));
                Answer::Done
            }
        }
    }

    fn redrive(&mut self, job: u64) -> Answer {
        let now = self.now;
        match self.jobs.get_mut(&job) {
            None => Answer::NotFound,
            Some(lived) if matches!(lived.state, State::Failed | State::DeadLetter) => {
                let ended = lived.current();
                lived.history.extend(ended);
                lived.sequence += 1;
                lived.epoch += 1;
                (lived.state, lived.finished_at, lived.holder) = (State::Queued, None, None);
                (lived.attempts, lived.crashes, lived.run_at) = (0, 0, now);
                Answer::Done
            }
            Some(_) => Answer::Refused,
        }
    }

    fn delete(&mut self, job: u64) -> Answer {
        match self.jobs.get(&job) {
            None => Answer::NotFound,
            Some(lived) if lived.is_open() => Answer::Refused,
            Some(_) => {
                self.jobs.remove(&job);
                Answer::Done
            }
        }
    }
}

impl Lived {
    /// Whether a report on this attempt, by this worker and with this start, was taken before. A failure's is known from the
    /// history, whatever followed from it; a final one from the row.
    fn recorded(&self, (epoch, worker, since, ending): Told) -> bool {
        let is_its = self
            .reported
            .iter()
            .any(|(e, w, s, _)| (*e, *w, *s) == (epoch, worker, since));
        let in_row = self.epoch == epoch && self.state == ending.state();
        let failed = (self.history.iter()).any(|(e, _, outcome)| *e == epoch && *outcome == Outcome::Failed);
        is_its && (in_row || (failed && ending != Ending::Succeeded))
    }
}

impl Ending {
    pub(super) fn state(self) -> State {
        match self {
            Self::Succeeded => State::Succeeded,
            Self::Retry { .. } => State::Retry,
            Self::Failed => State::Failed,
            Self::DeadLetter => State::DeadLetter,
        }
    }
}
