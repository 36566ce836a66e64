//! Decides whether a history keeps the invariants.
//!
//! Each check is a pure function from a [`History`] to findings, in a file of its own, and a line in [`CHECKS`]. None looks at a pair of
//! jobs, so all of it is linear in the events.

mod attempts;
mod budgets;
mod cancel;
mod early;
mod ends;
mod epochs;
mod fenced;
mod fold;
mod goodput;
mod idempotent;
mod leaks;
mod lost;
mod overlap;
mod phantom;
mod queue;
mod reached;
mod reads;
mod rebuilt;
mod report;
mod rest;
mod shape;
mod success;
mod terminal;
mod timeline;

use std::collections::BTreeMap;

pub use report::{Finding, Invariant, Judged, Report, Status, Verdict, Violation};
use uuid::Uuid;

use super::History;

/// Violations of one invariant that are reported in full; of the others there is the number.
const SHOWN: usize = 10;

/// Why an invariant was not checked for which the run had nothing to look at.
const NOTHING: &str = "the run has nothing of the kind";

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
    (Invariant::S1, How::Check(lost::check)),
    (Invariant::S2, How::Check(idempotent::check)),
    (Invariant::S3, How::Check(epochs::check)),
    (Invariant::S4, How::Check(fenced::check)),
    (Invariant::S5, How::Check(terminal::check)),
    (Invariant::S6, How::Check(success::check)),
    (Invariant::S7, How::Check(phantom::check)),
    (Invariant::S8, How::Check(overlap::check)),
    (Invariant::S9, How::Check(early::check)),
    (Invariant::S10, How::Check(budgets::check)),
    (Invariant::S11, How::Check(cancel::check)),
    (Invariant::S12, How::Check(queue::check)),
    (Invariant::S13, How::NotApplicable("there are no tenants")),
    (Invariant::S14, How::NotApplicable("queues have no caps")),
    (Invariant::S15, How::Check(fold::check)),
    (Invariant::S16, How::Check(reads::check)),
    (Invariant::L1, How::Check(ends::check)),
    (Invariant::L2, How::Check(rebuilt::check)),
    (Invariant::L3, How::Check(rest::check)),
    (Invariant::L4, How::NotApplicable("there are no tenants")),
    (Invariant::L5, How::Check(goodput::check)),
    (Invariant::L6, How::Check(leaks::check)),
];

/// Nanoseconds as milliseconds.
fn millis(ns: u64) -> f64 {
    ns as f64 / 1e6
}

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
            Ok(()) if look.looked_at == 0 => (Status::NotChecked, Some(NOTHING)),
            Ok(()) => (Status::Held, None),
            Err((status, why)) => (status, Some(why)),
        };
        invariants.push(Judged {
            invariant: *invariant,
            status,
            looked_at: look.looked_at,
            why: why.map(str::to_owned),
            violations: look.found,
        });
        violations.extend(look.findings.into_iter().map(|Finding { job, what }| Violation {
            invariant: *invariant,
            job,
            what,
            timeline: job.map_or_else(Vec::new, |job| timeline::of(history, job)),
        }));
        figures.extend(look.figures);
    }
    let mut faults = BTreeMap::new();
    for fault in &history.faults {
        *faults.entry(fault.name.clone()).or_default() += 1;
    }
    let reached = reached::of(history);
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
        } else if !missed.is_empty() || !invariants.iter().any(|judged| judged.status == Status::Held) {
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

#[cfg(test)]
mod tests;
