//! The layer of `--set section.field=value`.

use super::{Layer, Origin};
use crate::config::fault::Fault;

impl Layer<'_> {
    /// Reads `section.field=value` items, the last of a kind winning.
    pub(crate) fn flags(&mut self, items: &[String]) {
        for item in items {
            match item.split_once('=') {
                Some((path, value)) => self.put(path.trim(), value, Origin::Flag),
                // The item is not repeated: it may be a secret whose `section.field=` was forgotten.
                None => self.faults.push(Fault::without_origin(
                    "flag --set",
                    "expected section.field=value",
                )),
            }
        }
    }
}
