//! What the checker says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::history::Reach;

/// The sum of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every invariant held, and the run reached what it was to reach.
    Clean,
    /// An invariant was violated.
    Violated,
    /// No violation was seen, but the run did not reach what it was to reach, so that proves nothing.
    Invalid,
}

/// One invariant in this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It held, wherever it was looked at.
    Held,
    /// It did not.
    Violated,
    /// The product has nothing of the kind.
    NotApplicable,
    /// This run does not record what it takes to decide.
    NotChecked,
}

macro_rules! invariants {
    ($($(#[doc = $doc:literal])* $name:ident = $title:literal,)*) => {
        /// What has to hold, as `docs/RELIABILITY.md` numbers it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Invariant {
            $($(#[doc = $doc])* $name,)*
        }

        impl Invariant {
            /// Every one.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// In a few words.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)*
                }
            }
        }
    };
}

invariants! {
    /// Every acknowledged job is there; what was refused is not.
    S1 = "nothing lost",
    /// One job per id and key.
    S2 = "idempotent submit",
    /// The fencing number never falls, and is granted once.
    S3 = "epochs",
    /// At most one accepted report per epoch, under the row's own.
    S4 = "fenced completion",
    /// Only a redrive leaves a final state.
    S5 = "final is final",
    /// At most one accepted success per generation.
    S6 = "one success",
    /// Nothing is claimed that is not stored, nor accepted that its worker never started.
    S7 = "no phantom",
    /// Attempts overlap only after the older one's lease was lost.
    S8 = "overlap",
    /// No attempt before its time.
    S9 = "not early",
    /// Attempts and crashes are counted, apart, and bounded.
    S10 = "bounded attempts",
    /// After a cancel nothing is claimed nor accepted.
    S11 = "cancel",
    /// Whatever the queue loses, what may be stored is the same.
    S12 = "the queue has no authority",
    /// Tenants.
    S13 = "isolation",
    /// Caps.
    S14 = "caps",
    /// The row is what its changes add up to, and the API shows it.
    S15 = "fold",
    /// What clients read never goes back.
    S16 = "reads",
    /// Every job ends within its time after the last fault.
    L1 = "all end",
    /// After a flush all that is due is dispatched again.
    L2 = "rebuilt",
    /// At the end nothing is held nor forgotten.
    L3 = "quiescence",
    /// Tenants.
    L4 = "fairness",
    /// Throughput comes back by itself.
    L5 = "no metastability",
    /// Nothing leaks.
    L6 = "no leak",
}

impl std::fmt::Display for Invariant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

/// A violation, as a check finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Of which job; of the run as a whole otherwise.
    pub job: Option<Uuid>,
    /// What is wrong.
    pub what: String,
}

/// A violation, as it is reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Of what.
    pub invariant: Invariant,
    /// Of which job; of the run as a whole otherwise.
    pub job: Option<Uuid>,
    /// What is wrong.
    pub what: String,
    /// Everything that happened to the job, in order of time.
    pub timeline: Vec<String>,
}

/// One invariant in this run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// Which.
    pub invariant: Invariant,
    /// Whether it held.
    pub status: Status,
    /// How many things were looked at; or why nothing was.
    pub looked_at: u64,
    /// Why it is not applicable, or not checked.
    pub why: Option<String>,
    /// How often it was violated.
    pub violations: u64,
}

/// What the checker says of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The run.
    pub run: String,
    /// Its seed.
    pub seed: u64,
    /// The sum of it.
    pub verdict: Verdict,
    /// Events read.
    pub events: u64,
    /// Jobs seen.
    pub jobs: u64,
    /// Each invariant.
    pub invariants: Vec<Judged>,
    /// The first violations of each invariant.
    pub violations: Vec<Violation>,
    /// States that were reached, and how often.
    pub reached: BTreeMap<Reach, u64>,
    /// States that were to be reached, and were not.
    pub missed: Vec<Reach>,
    /// Faults, and how often.
    pub faults: BTreeMap<String, u64>,
    /// Figures: executions per job, worst delays, recovery times.
    pub figures: BTreeMap<String, f64>,
}

impl Report {
    /// Whether this invariant was violated.
    #[must_use]
    pub fn violates(&self, invariant: Invariant) -> bool {
        self.invariants
            .iter()
            .any(|judged| judged.invariant == invariant && judged.status == Status::Violated)
    }
}
