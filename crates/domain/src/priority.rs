//! Four priorities with aging.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How urgent a job is. The numbers are the wire's and the database's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Priority {
    /// First.
    Critical = 1,
    /// Second.
    High = 2,
    /// Third, and what most jobs are.
    #[default]
    Default = 3,
    /// Last.
    Low = 4,
}

impl Priority {
    /// Every priority, most urgent first.
    pub const ALL: [Self; 4] = [Self::Critical, Self::High, Self::Default, Self::Low];

    /// From the number on the wire or in the database.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.number() == number)
    }

    /// 1 … 4.
    #[must_use]
    pub fn number(self) -> i32 {
        self as i32
    }

    /// 0 … 3, most urgent first.
    #[must_use]
    pub fn rank(self) -> u8 {
        self as u8 - 1
    }

    /// The head start that this priority gives away: a job is dispatched as if it had become ready this much
    /// later. So LOW waits behind newer CRITICAL jobs for at most `3 × step`, and is never starved.
    #[must_use]
    pub fn penalty(self, step: Duration) -> Duration {
        step * u32::from(self.rank())
    }

    /// Lower-case name, as in metrics labels and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Default => "default",
            Self::Low => "low",
        }
    }
}

impl std::fmt::Display for Priority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
