//! The layer of a TOML file.

use std::path::Path;

use config::{Value, ValueKind};

use super::{Layer, Origin};
use crate::config::fault::Fault;

impl Layer<'_> {
    /// Reads `path`. A file that cannot be read or parsed is one fault, and sets nothing.
    pub(crate) fn file(&mut self, path: &Path) {
        let origin = Origin::File(path);
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                self.faults.push(Fault::without_origin(
                    origin.to_string(),
                    format!("cannot be read: {error}"),
                ));
                return;
            }
        };
        match toml::from_str::<toml::Table>(&text) {
            Ok(table) => self.section("", table, origin),
            Err(error) => {
                let line = error
                    .span()
                    .and_then(|span| text.get(..span.start))
                    .map_or(1, |before| before.lines().count().max(1));
                // The parser's own display quotes the line, which may hold a password.
                let message = format!("line {line} is not TOML: {}", error.message());
                self.faults
                    .push(Fault::without_origin(origin.to_string(), message));
            }
        }
    }

    fn section(&mut self, path: &str, table: toml::Table, origin: Origin<'_>) {
        for (key, value) in table {
            let path = if path.is_empty() {
                key
            } else {
                format!("{path}.{key}")
            };
            match value {
                toml::Value::Table(table) if !self.table.has(&path) => self.section(&path, table, origin),
                value => self.put(&path, kind(value, origin), origin),
            }
        }
    }
}

fn kind(value: toml::Value, origin: Origin<'_>) -> ValueKind {
    let nested = |value| Value::new(Some(&origin.to_string()), kind(value, origin));
    match value {
        toml::Value::String(text) => ValueKind::String(text),
        toml::Value::Integer(number) => ValueKind::I64(number),
        toml::Value::Float(number) => ValueKind::Float(number),
        toml::Value::Boolean(flag) => ValueKind::Boolean(flag),
        toml::Value::Datetime(time) => ValueKind::String(time.to_string()),
        toml::Value::Array(items) => ValueKind::Array(items.into_iter().map(nested).collect()),
        toml::Value::Table(table) => ValueKind::Table(
            table
                .into_iter()
                .map(|(key, value)| (key, nested(value)))
                .collect(),
        ),
    }
}
