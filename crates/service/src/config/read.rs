//! From the merged layers to typed fields, each on its own, so that one bad value does not hide the next.

use std::collections::BTreeMap;

use config::{Value, ValueKind};

use super::fault::Fault;
use super::field::{Bounds, Field, Visitor};
use super::reference::plain;
use super::setting::Setting;

/// Where each field that is not at its default was set, by path.
pub(super) type Origins = BTreeMap<&'static str, String>;

/// Sets every field that the merged layers have.
pub(super) struct Reader {
    merged: Value,
    pub(super) origins: Origins,
    /// Fields that kept their default because what was set is no good.
    pub(super) faulty: Vec<&'static str>,
    pub(super) faults: Vec<Fault>,
}

impl Reader {
    pub(super) fn new(merged: Value) -> Self {
        Self {
            merged,
            origins: Origins::new(),
            faulty: Vec::new(),
            faults: Vec::new(),
        }
    }

    fn find(&self, path: &str) -> Option<&Value> {
        path.split('.')
            .try_fold(&self.merged, |value, key| match &value.kind {
                ValueKind::Table(table) => table.get(key),
                _ => None,
            })
    }
}

impl Visitor for Reader {
    fn section(&mut self, _path: &'static str, _doc: &'static [&'static str]) {}

    fn field<T: Setting>(&mut self, field: Field<T>, value: &mut T) {
        let Some(found) = self.find(field.path) else {
            return;
        };
        let origin = origin(found);
        let allowed = |read: &T| field.bounds.as_ref().is_none_or(|bounds| bounds.allow(read));
        match T::read(found).filter(allowed) {
            Some(read) => {
                *value = read;
                self.origins.insert(field.path, origin);
            }
            None => {
                let expected = match field.bounds.as_ref().and_then(Bounds::ends) {
                    Some((least, greatest)) => {
                        format!(
                            "expected {}, from {} to {}",
                            T::expects(),
                            plain(&least),
                            plain(&greatest)
                        )
                    }
                    None => format!("expected {}", T::expects()),
                };
                let message = if T::SECRET {
                    expected
                } else {
                    format!("{} is not valid; {expected}", quote(found))
                };
                self.faulty.push(field.path);
                self.faults.push(Fault::new(field.path, origin, message));
            }
        }
    }
}

/// A table has no origin of its own: its entries may come from several layers.
fn origin(value: &Value) -> String {
    match (&value.kind, value.origin()) {
        (_, Some(origin)) => origin.to_owned(),
        (ValueKind::Table(table), None) => {
            let origins: std::collections::BTreeSet<String> = table.values().map(origin).collect();
            origins.into_iter().collect::<Vec<_>>().join(", ")
        }
        (_, None) => "unknown source".to_owned(),
    }
}

/// What was found, as its user wrote it, cut to a length that fits a line.
fn quote(value: &Value) -> String {
    const LONGEST: usize = 80;
    match &value.kind {
        ValueKind::Table(_) => "a table".to_owned(),
        ValueKind::Array(_) => "this list".to_owned(),
        ValueKind::String(text) => match text.char_indices().nth(LONGEST) {
            Some((end, _)) => format!("{:?}…", &text[..end]),
            None => format!("{text:?}"),
        },
        other => other.to_string(),
    }
}
