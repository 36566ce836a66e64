//! Decides whether a history keeps the invariants.
//!
//! Each check is a pure function from a [`History`] to findings, in a file of its own, and a line in [`CHECKS`]. None looks at a pair of
//! jobs, so all of it is linear in the events.

mod report;

use std::collections::BTreeMap;

pub use report::{Finding, Invariant, Judged, Report, Status, Verdict, Violation};
use uuid::Uuid;

use super::History;

/// Violations of one invariant that are reported in full; of the others there is the number.
const SHOWN: usize = 10;

/// What a check looked at, and found.
#[derive(Debug, Default)]
pub struct Look {
    looked_at: u64,
    found: u64,
    findings: Vec<Finding>,
    figures: BTreeMap<String, f64>,
}

impl Look {
    /// One more thing was looked at.
    pub(crate) fn saw(&mut self) {
        self.looked_at += 1;
    }

    /// A violation.
    pub(crate) fn finds(&mut self, job: impl Into<Option<Uuid>>, what: impl Into<String>) {
        self.found += 1;
        if self.findings.len() < SHOWN {
            self.findings.push(Finding {
                job: job.into(),
                what: what.into(),
            });
        }
    }

    /// A number worth reporting.
    pub(crate) fn figure(&mut self, name: &str, value: f64) {
        self.figures.insert(name.to_owned(), value);
    }
}

/// Looks at a history. Why it cannot be decided, when it cannot.
type Check = fn(&History, &mut Look) -> Result<(), &'static str>;

/// How one invariant is decided.
enum How {
    Check(Check),
    NotApplicable(&'static str),
}

/// Every invariant.
const CHECKS: &[(Invariant, How)] = &[
    (Invariant::S13, How::NotApplicable("there are no tenants")),
    (Invariant::S14, How::NotApplicable("queues have no caps")),
    (Invariant::L4, How::NotApplicable("there are no tenants")),
];

/// Judges a history.
#[must_use]
pub fn check(history: &History) -> Report {
    let mut invariants = Vec::new();
    let mut violations = Vec::new();
    let mut figures = BTreeMap::new();
    for (invariant, how) in CHECKS {
        let mut look = Look::default();
        let decided = match how {
            How::Check(check) => check(history, &mut look).map_err(|why| (Status::NotChecked, why)),
            How::NotApplicable(why) => Err((Status::NotApplicable, *why)),
        };
        let (status, why) = match decided {
            _ if look.found > 0 => (Status::Violated, None),
            Ok(()) => (Status::Held, None),
            Err((status, why)) => (status, Some(why.to_owned())),
        };
        invariants.push(Judged {
            invariant: *invariant,
            status,
            looked_at: look.looked_at,
            why,
            violations: look.found,
        });
        violations.extend(look.findings.into_iter().map(|Finding { job, what }| Violation {
            invariant: *invariant,
            job,
            what,
            timeline: Vec::new(),
        }));
        figures.extend(look.figures);
    }
    let mut faults = BTreeMap::new();
    for fault in &history.faults {
        *faults.entry(fault.name.clone()).or_default() += 1;
    }
    let reached = history.reached.clone();
    let missed: Vec<_> = history
        .setup
        .must_reach
        .iter()
        .copied()
        .filter(|reach| !reached.contains_key(reach))
        .collect();
    Report {
        run: history.setup.run.clone(),
        seed: history.setup.seed,
        verdict: if !violations.is_empty() {
            Verdict::Violated
        } else if !missed.is_empty() {
            Verdict::Invalid
        } else {
            Verdict::Clean
        },
        events: history.events,
        jobs: history.jobs.len() as u64,
        invariants,
        violations,
        reached,
        missed,
        faults,
        figures,
    }
}
