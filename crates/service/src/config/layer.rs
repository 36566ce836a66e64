//! One layer of configuration: values by path, each remembering where it was found.

mod env;
mod file;
mod flags;

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use config::{ConfigError, Source, Value, ValueKind};

use super::fault::Fault;
use super::nearest::nearest;
use super::reference::{self, Table};

pub(super) use env::FlatNames;

/// Where a value was found.
#[derive(Clone, Copy)]
pub(super) enum Origin<'a> {
    Env(&'a str),
    /// A variable that a file of variables sets.
    DotEnv(&'a str, &'a Path),
    File(&'a Path),
    Flag,
}

impl Origin<'_> {
    /// How the field at `path` is spelled here.
    fn spell(self, path: &str) -> String {
        match self {
            Self::Env(_) | Self::DotEnv(..) => reference::env_name(path),
            Self::File(_) | Self::Flag => path.to_owned(),
        }
    }
}

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "environment variable {name}"),
            Self::DotEnv(name, path) => write!(f, "variable {name} in file {}", path.display()),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Flag => f.write_str("flag --set"),
        }
    }
}

/// A layer under construction. Keys that no field has are faults at once, so that they carry their spelling.
pub(super) struct Layer<'a> {
    table: &'a Table,
    values: HashMap<String, Value>,
    pub(super) faults: Vec<Fault>,
}

impl<'a> Layer<'a> {
    pub(super) fn new(table: &'a Table) -> Self {
        Self {
            table,
            values: HashMap::new(),
            faults: Vec::new(),
        }
    }

    /// Sets the field at `path`, or, when `path` ends in `_file`, the secret to what the file holds.
    fn put(&mut self, path: &str, value: impl Into<ValueKind>, origin: Origin<'_>) {
        let value = value.into();
        if self.table.has(path) {
            self.values
                .insert(path.to_owned(), Value::new(Some(&origin.to_string()), value));
        } else if let Some(secret) = path
            .strip_suffix("_file")
            .filter(|path| self.table.is_secret(path))
        {
            self.put_file(secret, &value, origin);
        } else {
            self.faults.push(self.unknown(path, origin));
        }
    }

    fn put_file(&mut self, path: &str, file: &ValueKind, origin: Origin<'_>) {
        let subject = format!("{path}_file");
        let ValueKind::String(file) = file else {
            self.faults
                .push(Fault::new(subject, origin, "expected the name of a file"));
            return;
        };
        match std::fs::read_to_string(file) {
            Ok(secret) => {
                let origin = format!("file {file}, named by {origin}");
                // Editors and `echo` end a file with a line break that is no part of the secret.
                let value = Value::new(Some(&origin), secret.trim_end_matches(['\r', '\n']));
                self.values.insert(path.to_owned(), value);
            }
            Err(error) => self.faults.push(Fault::new(
                subject,
                origin,
                format!("cannot read {file}: {error}"),
            )),
        }
    }

    /// The fault that `path` is no field, with the one that was probably meant.
    fn unknown(&self, path: &str, origin: Origin<'_>) -> Fault {
        if path.is_empty() {
            let message = "names no field; docs/CONFIG.md lists them";
            return Fault::without_origin(origin.to_string(), message);
        }
        let message = if self.table.is_section(path) {
            "is a section, not a field".to_owned()
        } else {
            match nearest(path, self.table.paths()) {
                Some(meant) => format!("no such field; did you mean {}?", origin.spell(meant)),
                None => "no such field; docs/CONFIG.md lists them".to_owned(),
            }
        };
        match origin {
            Origin::Env(name) => Fault::without_origin(name, message),
            Origin::DotEnv(name, _) => Fault::new(name, origin, message),
            Origin::File(_) | Origin::Flag => Fault::new(path, origin, message),
        }
    }

    /// The values, ready to be laid over lower layers.
    pub(super) fn finish(self, faults: &mut Vec<Fault>) -> Finished {
        faults.extend(self.faults);
        Finished(self.values)
    }
}

/// A finished layer.
#[derive(Debug, Clone)]
pub(super) struct Finished(HashMap<String, Value>);

impl Source for Finished {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<HashMap<String, Value>, ConfigError> {
        Ok(self.0.clone())
    }
}
