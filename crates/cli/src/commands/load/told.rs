//! The summary as it is printed.

use scheduler_load::{Summary, text};
use serde::Serialize;

use crate::output::Item;

#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Told(pub(super) Summary);

impl Item for Told {
    fn name(&self) -> &str {
        if self.0.passed() { "passed" } else { "failed" }
    }

    fn text(&self, _: bool) -> String {
        text(&self.0)
    }
}
