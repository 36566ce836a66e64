//! What the store makes of a row: `crates/store/src/transition.rs` and the conditions of its statements.

use crate::state::{Broken, Epoch, Job, Row, RowState, State};
use crate::{Bug, Verdict, World};

impl World {
    /// `Jobs::submit`.
    pub(crate) fn insert(state: &mut State, job: Job, due: bool) {
        state.rows[job] = Some(Row {
            state: RowState::Open { due },
            epoch: 1,
            attempts: 0,
            crashes: 0,
        });
        state.queue[job].pushes.insert(1);
    }

    /// Writes a row, and notes what that breaks.
    fn write(state: &mut State, job: Job, new: Row) {
        if let Some(old) = state.rows[job] {
            if !matches!(old.state, RowState::Open { .. }) && old.state != new.state {
                state.seen[job].broken = Some(Broken::Final);
            }
            if new.epoch < old.epoch {
                state.seen[job].broken = Some(Broken::Epoch);
            }
        }
        state.rows[job] = Some(new);
    }

    /// `Jobs::finish`: says whether the report was accepted, and under which epoch the job waits if it goes on.
    pub(crate) fn finish(
        &self,
        state: &mut State,
        job: Job,
        epoch: Epoch,
        verdict: Verdict,
    ) -> Option<Option<Epoch>> {
        let mut row = state.rows[job]?;
        let is_its = match self.bug {
            Some(Bug::CompletionByIdAlone) => matches!(row.state, RowState::Open { .. }),
            _ => row.is_open_at(epoch),
        };
        if !is_its {
            return None;
        }
        let seen = &mut state.seen[job];
        if row.epoch != epoch || seen.accepted.contains(epoch) {
            seen.broken = Some(Broken::Fence);
        }
        if verdict == Verdict::Succeeded && std::mem::replace(&mut seen.succeeded, true) {
            seen.broken = Some(Broken::Success);
        }
        seen.accepted.insert(epoch);
        if self.bug != Some(Bug::RetryWithoutAttempt) {
            row.attempts += 1;
        }
        row.state = match verdict {
            Verdict::Succeeded => RowState::Succeeded,
            Verdict::FailedFatal => RowState::Failed,
            Verdict::FailedRetryable if row.attempts >= self.attempts => RowState::Dead,
            Verdict::FailedRetryable => {
                row.epoch += 1;
                seen.retries += 1;
                RowState::Open { due: false }
            }
        };
        let retry = matches!(row.state, RowState::Open { .. }).then_some(row.epoch);
        Self::write(state, job, row);
        Some(retry)
    }

    /// `Maintenance::hand_out`: the epoch to push, if the row was open under the epoch asked for.
    pub(crate) fn hand_out(&self, state: &mut State, job: Job, epoch: Epoch, cause: Cause) -> Option<Epoch> {
        let mut row = state.rows[job]?;
        let by_id_alone = self.bug == Some(Bug::ReaperByIdAlone) && cause == Cause::LeaseExpired;
        if !row.is_open_at(epoch) && !by_id_alone {
            return None;
        }
        let keeps = match cause {
            Cause::Forgotten => self.bug == Some(Bug::ForgottenKeepsItsEpoch),
            Cause::LeaseExpired | Cause::Released => false,
        };
        if !keeps && self.bug != Some(Bug::EpochNotRaised) {
            row.epoch += 1;
        }
        row.state = RowState::Open { due: true };
        if cause == Cause::LeaseExpired {
            row.crashes += 1;
            if row.crashes >= self.crash_budget {
                row.state = RowState::Dead;
            }
        }
        Self::write(state, job, row);
        (row.state != RowState::Dead).then_some(row.epoch)
    }

    /// `Jobs::cancel`: whether it was open.
    pub(crate) fn cancel(&self, state: &mut State, job: Job) -> bool {
        let Some(mut row) = state.rows[job] else {
            return false;
        };
        if !matches!(row.state, RowState::Open { .. }) && self.bug != Some(Bug::CancelOverwrites) {
            return false;
        }
        row.state = RowState::Cancelled;
        Self::write(state, job, row);
        state.seen[job].cancelled = true;
        true
    }

    /// `Jobs::redrive`.
    pub(crate) fn redrive(state: &mut State, job: Job) -> Option<Epoch> {
        let row = state.rows[job]?;
        if !matches!(row.state, RowState::Failed | RowState::Dead) {
            return None;
        }
        let epoch = row.epoch + 1;
        state.rows[job] = Some(Row {
            state: RowState::Open { due: true },
            epoch,
            attempts: 0,
            crashes: 0,
        });
        (state.seen[job].succeeded, state.seen[job].retries) = (false, 0);
        Some(epoch)
    }
}

/// `HandOutCause`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The queue forgot it.
    Forgotten,
    /// Its worker fell silent.
    LeaseExpired,
    /// Its worker is draining.
    Released,
}
