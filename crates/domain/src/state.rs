//! The life of a job as a table: which state follows which.

use serde::{Deserialize, Serialize};

/// Where a job is. The numbers are the wire's and the database's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum State {
    /// Ready to run.
    Queued = 1,
    /// A worker holds its lease.
    Running = 2,
    /// Final: a handler succeeded.
    Succeeded = 3,
    /// Final: a handler said that trying again is useless.
    Failed = 4,
    /// Final: attempts or the crash budget are used up.
    DeadLetter = 5,
    /// Waiting for its next attempt.
    Retry = 6,
    /// Final: cancelled by a caller.
    Cancelled = 7,
    /// Its time has not come.
    Scheduled = 8,
}

/// What can happen to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Event {
    /// Its time came.
    Due,
    /// A worker took it.
    Claimed,
    /// The handler succeeded.
    Succeeded,
    /// The handler failed and attempts are left.
    FailedRetryable,
    /// The handler failed and no attempt is left.
    FailedExhausted,
    /// The handler failed for good.
    FailedFatal,
    /// The lease was lost or handed back; the job runs again at a higher epoch.
    HandedBack,
    /// The lease was lost once too often.
    CrashedOut,
    /// A caller cancelled it.
    Cancelled,
    /// An operator reopened it.
    Redriven,
}

/// An event that does not apply in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{event:?} does not apply to a job that is {from}")]
pub struct InvalidTransition {
    /// The state the job is in.
    pub from: State,
    /// The event refused.
    pub event: Event,
}

impl State {
    /// Every state, by number.
    pub const ALL: [Self; 8] = [
        Self::Queued,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::DeadLetter,
        Self::Retry,
        Self::Cancelled,
        Self::Scheduled,
    ];

    /// From the number on the wire or in the database.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.number() == number)
    }

    /// 1 … 8.
    #[must_use]
    pub fn number(self) -> i32 {
        self as i32
    }

    /// Whether nothing but a redrive leaves this state.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::Failed | Self::DeadLetter | Self::Cancelled
        )
    }

    /// Upper-case name, as on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::DeadLetter => "DEADLETTER",
            Self::Retry => "RETRY",
            Self::Cancelled => "CANCELLED",
            Self::Scheduled => "SCHEDULED",
        }
    }

    /// The state after `event`.
    ///
    /// A report about an attempt is accepted in any open state, not in RUNNING alone: RUNNING is written lazily,
    /// and the epoch, not the state, decides who may report.
    ///
    /// # Errors
    /// [`InvalidTransition`] when the table has no such move.
    pub fn on(self, event: Event) -> Result<Self, InvalidTransition> {
        let open = !self.is_final();
        Ok(match event {
            Event::Due if matches!(self, Self::Scheduled | Self::Retry) => Self::Queued,
            Event::Claimed if open => Self::Running,
            Event::Succeeded if open => Self::Succeeded,
            Event::FailedRetryable if open => Self::Retry,
            Event::FailedExhausted | Event::CrashedOut if open => Self::DeadLetter,
            Event::FailedFatal if open => Self::Failed,
            Event::HandedBack if open => Self::Queued,
            Event::Cancelled if open => Self::Cancelled,
            Event::Redriven if matches!(self, Self::Failed | Self::DeadLetter) => Self::Queued,
            _ => return Err(InvalidTransition { from: self, event }),
        })
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EVENTS: [Event; 10] = [
        Event::Due,
        Event::Claimed,
        Event::Succeeded,
        Event::FailedRetryable,
        Event::FailedExhausted,
        Event::FailedFatal,
        Event::HandedBack,
        Event::CrashedOut,
        Event::Cancelled,
        Event::Redriven,
    ];

    #[test]
    fn only_a_redrive_leaves_a_final_state_and_only_a_failed_one() {
        for state in State::ALL.into_iter().filter(|s| s.is_final()) {
            for event in EVENTS {
                let moved = state.on(event).is_ok();
                let redrivable =
                    matches!(state, State::Failed | State::DeadLetter) && event == Event::Redriven;
                assert_eq!(moved, redrivable, "{state} on {event:?}");
            }
        }
    }

    #[test]
    fn every_open_state_can_be_cancelled() {
        for state in State::ALL.into_iter().filter(|s| !s.is_final()) {
            assert_eq!(state.on(Event::Cancelled), Ok(State::Cancelled));
        }
    }

    #[test]
    fn numbers_round_trip() {
        for state in State::ALL {
            assert_eq!(State::from_number(state.number()), Some(state));
        }
        assert_eq!(State::from_number(0), None);
        assert_eq!(State::from_number(9), None);
    }

    proptest! {
        #[test]
        fn without_redrives_a_final_state_is_reached_at_most_once(
            path in proptest::collection::vec(0usize..9, 0..60),
        ) {
            let mut state = State::Queued;
            let mut finals = 0;
            for step in path {
                if let Ok(next) = state.on(EVENTS[step]) {
                    state = next;
                    finals += usize::from(state.is_final());
                }
            }
            prop_assert!(finals <= 1);
        }
    }
}
