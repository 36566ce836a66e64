//! What there is to configure.

use std::collections::BTreeSet;

use super::Config;
use super::field::{Field, Section, Visitor};
use super::flat;
use super::setting::Setting;

/// Begins every environment variable that names a field.
pub(super) const ENV_PREFIX: &str = "SCHEDULER__";

/// One field, as its user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Section and name: `worker.pool_size`.
    pub path: &'static str,
    /// `duration`, `number`, `secret` …
    pub kind: String,
    /// As written in a file; `None` when unset.
    pub default: Option<String>,
    /// The environment variable that sets it.
    pub env: String,
    /// A flat environment variable that sets it too.
    pub flat: Option<&'static str>,
    /// What it does.
    pub doc: String,
    /// What is taken, beyond its type: `1 … 10000`, `one of text, json`.
    pub limits: Option<String>,
    /// Never shown, and readable from the file that `…_FILE` names.
    pub secret: bool,
    /// Has keys of its own.
    pub keyed: bool,
}

/// One section with its fields.
pub(super) struct SectionEntry {
    pub(super) path: &'static str,
    pub(super) doc: String,
    pub(super) fields: Vec<Entry>,
}

/// Every field, in the order of the documentation.
#[must_use]
pub fn reference() -> Vec<Entry> {
    sections()
        .into_iter()
        .flat_map(|section| section.fields)
        .collect()
}

/// Every section, in the order of the documentation.
pub(super) fn sections() -> Vec<SectionEntry> {
    let mut describe = Describe(Vec::new());
    Config::default().visit(&mut describe);
    describe.0
}

/// The environment variable that sets the field at `path`.
pub(super) fn env_name(path: &str) -> String {
    format!("{ENV_PREFIX}{}", path.to_ascii_uppercase().replace('.', "__"))
}

/// The paths that exist, for checking what sources say.
pub(super) struct Table {
    entries: Vec<Entry>,
    sections: BTreeSet<&'static str>,
}

impl Table {
    pub(super) fn new() -> Self {
        let sections = sections();
        let names = sections.iter().map(|section| section.path).collect();
        Self {
            entries: sections.into_iter().flat_map(|section| section.fields).collect(),
            sections: names,
        }
    }

    /// Whether `path` is a field or a key of one.
    pub(super) fn has(&self, path: &str) -> bool {
        self.entries.iter().any(|entry| {
            path.strip_prefix(entry.path)
                .is_some_and(|rest| rest.is_empty() || entry.keyed && rest.starts_with('.'))
        })
    }

    pub(super) fn is_secret(&self, path: &str) -> bool {
        self.entries
            .iter()
            .any(|entry| entry.secret && entry.path == path)
    }

    pub(super) fn is_section(&self, path: &str) -> bool {
        self.sections.contains(path)
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &'static str> {
        self.entries.iter().map(|entry| entry.path)
    }
}

struct Describe(Vec<SectionEntry>);

impl Visitor for Describe {
    fn section(&mut self, path: &'static str, doc: &'static [&'static str]) {
        self.0.push(SectionEntry {
            path,
            doc: paragraph(doc),
            fields: Vec::new(),
        });
    }

    fn field<T: Setting>(&mut self, field: Field<T>, value: &mut T) {
        let entry = Entry {
            path: field.path,
            kind: T::kind(),
            default: value.show().map(|value| value.to_string()),
            env: env_name(field.path),
            flat: flat::name_of(field.path),
            doc: paragraph(field.doc),
            limits: limits(&field),
            secret: T::SECRET,
            keyed: T::KEYED,
        };
        if let Some(section) = self.0.last_mut() {
            section.fields.push(entry);
        }
    }
}

/// What `field` takes, beyond its type.
pub(super) fn limits<T: Setting>(field: &Field<T>) -> Option<String> {
    let (least, greatest) = field.bounds.as_ref()?.ends()?;
    Some(format!("{} … {}", plain(&least), plain(&greatest)))
}

/// A value without the quotes of a file.
pub(super) fn plain(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The lines of a doc comment as one.
pub(super) fn paragraph(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
}
