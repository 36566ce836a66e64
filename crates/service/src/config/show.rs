//! The effective configuration, as a file that would give it again. Secrets are masked.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::Config;
use super::field::{Field, Section, Visitor};
use super::reference::plain;
use super::setting::Setting;

impl Config {
    /// As a TOML file, secrets replaced by `***`, unset fields as comments.
    #[must_use]
    pub fn to_toml_masked(&self) -> String {
        let mut printer = Printer(String::new());
        self.clone().visit(&mut printer);
        printer.0
    }

    /// Every field's value for a message, by path. Secrets masked; empty when unset.
    pub(super) fn shown(&self) -> BTreeMap<&'static str, String> {
        let mut values = Values(BTreeMap::new());
        self.clone().visit(&mut values);
        values.0
    }
}

struct Printer(String);

impl Visitor for Printer {
    fn section(&mut self, path: &'static str, _doc: &'static [&'static str]) {
        if !path.is_empty() {
            let gap = if self.0.is_empty() { "" } else { "\n" };
            // Writing to a String cannot fail; so below.
            let _ = writeln!(self.0, "{gap}[{path}]");
        }
    }

    fn field<T: Setting>(&mut self, field: Field<T>, value: &mut T) {
        let name = field.path.rsplit('.').next().unwrap_or(field.path);
        let _ = match value.show() {
            Some(value) => writeln!(self.0, "{name} = {value}"),
            None => writeln!(self.0, "# {name} is not set"),
        };
    }
}

struct Values(BTreeMap<&'static str, String>);

impl Visitor for Values {
    fn section(&mut self, _path: &'static str, _doc: &'static [&'static str]) {}

    fn field<T: Setting>(&mut self, field: Field<T>, value: &mut T) {
        self.0
            .insert(field.path, value.show().as_ref().map(plain).unwrap_or_default());
    }
}
