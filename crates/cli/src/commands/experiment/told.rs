//! The summary as it is printed.

use scheduler_experiment::{Summary, text};
use serde::Serialize;

use crate::output::Item;

#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Told(pub(super) Summary);

impl Item for Told {
    fn name(&self) -> &str {
        match (self.0.failure.is_some(), self.0.interrupted, self.0.passed()) {
            (true, ..) => "failed",
            (_, true, _) => "interrupted",
            (.., true) => "complete",
            (.., false) => "broken",
        }
    }

    fn text(&self, _: bool) -> String {
        text(&self.0)
    }
}
