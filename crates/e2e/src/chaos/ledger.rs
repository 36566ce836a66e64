//! What clients were told.

use std::collections::{BTreeMap, HashMap, HashSet};

/// How a job may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Succeeds,
    Dies,
}

/// Everything that clients were told, by job and by key.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// Jobs whose submit was answered OK, and how they have to end.
    pub(super) accepted: HashMap<String, Ending>,
    /// The job of each key, as the first answer said.
    pub(super) keys: HashMap<String, String>,
    /// Jobs whose cancel was answered with "cancelled".
    pub(super) cancelled: HashSet<String>,
    /// How often a failed job was asked to run again, whatever was answered: each may have opened it once more.
    pub(super) redrives: HashMap<String, usize>,
    /// Jobs for which a cancel was sent.
    pub(super) cancel_sent: HashSet<String>,
    /// Final states seen through the API.
    pub(super) seen_final: HashMap<String, i32>,
    /// What was wrong at once.
    pub(super) violations: Vec<String>,
    /// Answers by kind.
    pub(super) answers: BTreeMap<String, u64>,
}

impl Ledger {
    /// A submit was answered OK.
    pub(super) fn submitted(&mut self, id: &str, ending: Ending, key: Option<&str>, replayed: bool) {
        self.count(if replayed { "submit replayed" } else { "submit ok" });
        self.accepted.insert(id.to_owned(), ending);
        let Some(key) = key else { return };
        let first = self.keys.entry(key.to_owned()).or_insert_with(|| id.to_owned());
        if first != id {
            let found = format!("S2: key {key} was answered with job {first} and with job {id}");
            self.violations.push(found);
        }
    }

    /// A cancel was answered.
    pub(super) fn cancel_answered(&mut self, id: &str, cancelled: bool) {
        self.count(if cancelled { "cancel ok" } else { "cancel too late" });
        if cancelled && !self.cancelled.insert(id.to_owned()) {
            self.violations.push(format!("S11: job {id} was cancelled twice"));
        }
    }

    /// A job was read.
    pub(super) fn shown(&mut self, id: &str, state: i32, is_final: bool) {
        self.count("get ok");
        if let Some(earlier) = self.seen_final.get(id)
            && *earlier != state
        {
            let found = format!("S16: job {id} was final in state {earlier}, then in state {state}");
            self.violations.push(found);
        }
        if is_final {
            self.seen_final.insert(id.to_owned(), state);
        }
    }

    pub(super) fn missing(&mut self, id: &str) {
        let found = format!("S16: job {id} was accepted, and then said not to exist");
        self.violations.push(found);
    }

    pub(super) fn count(&mut self, what: &str) {
        *self.answers.entry(what.to_owned()).or_default() += 1;
    }

    pub(super) fn answered(&self, what: &str) -> u64 {
        self.answers.get(what).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_with_two_jobs_is_a_violation_and_a_replay_is_none() {
        let mut ledger = Ledger::default();
        ledger.submitted("a", Ending::Succeeds, Some("k"), false);
        ledger.submitted("a", Ending::Succeeds, Some("k"), true);
        assert!(ledger.violations.is_empty());
        ledger.submitted("b", Ending::Succeeds, Some("k"), false);
        assert_eq!(ledger.violations.len(), 1);
        assert_eq!(ledger.answered("submit replayed"), 1);
    }

    #[test]
    fn a_job_that_is_cancelled_twice_is_a_violation() {
        let mut ledger = Ledger::default();
        ledger.cancel_answered("a", true);
        ledger.cancel_answered("a", false);
        assert!(ledger.violations.is_empty());
        ledger.cancel_answered("a", true);
        assert_eq!(ledger.violations.len(), 1);
    }

    #[test]
    fn a_final_state_that_changes_is_a_violation() {
        let mut ledger = Ledger::default();
        ledger.shown("a", 2, false);
        ledger.shown("a", 3, true);
        assert!(ledger.violations.is_empty());
        ledger.shown("a", 2, false);
        assert_eq!(ledger.violations.len(), 1);
    }
}
