//! What faults count while they happen: whether they came to what they are about is told with the verdict.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Figures by what they are of.
#[derive(Debug, Default)]
pub struct Notes(Mutex<BTreeMap<String, u64>>);

impl Notes {
    /// So many more.
    pub fn add(&self, what: impl Into<String>, count: u64) {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *notes.entry(what.into()).or_default() += count;
    }

    /// At least so much, of what is not to be added up.
    pub fn peak(&self, what: impl Into<String>, value: u64) {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let highest = notes.entry(what.into()).or_default();
        *highest = value.max(*highest);
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> BTreeMap<String, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
