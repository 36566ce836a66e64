//! Lists and maps of text.

use std::collections::BTreeMap;

use config::{Value, ValueKind};
use serde_json::{Value as Json, json};

use super::Setting;
use super::text::text;

impl Setting for Vec<String> {
    fn kind() -> String {
        "list".to_owned()
    }

    fn expects() -> String {
        "a list of texts, or one text with commas between them".to_owned()
    }

    fn read(value: &Value) -> Option<Self> {
        match &value.kind {
            ValueKind::Array(items) => items.iter().map(|item| text(item).map(str::to_owned)).collect(),
            ValueKind::String(text) => Some(
                text.split(',')
                    .map(str::trim)
                    .filter(|item| !item.is_empty())
                    .map(str::to_owned)
                    .collect(),
            ),
            _ => None,
        }
    }

    fn show(&self) -> Option<toml::Value> {
        Some(toml::Value::from(self.clone()))
    }

    fn schema() -> Json {
        json!({"type": "array", "items": {"type": "string"}})
    }
}

impl Setting for Vec<u16> {
    fn kind() -> String {
        "list of numbers".to_owned()
    }

    fn expects() -> String {
        "a list of whole numbers up to 65535, or one text with commas between them".to_owned()
    }

    fn read(value: &Value) -> Option<Self> {
        match &value.kind {
            ValueKind::Array(items) => items.iter().map(u16::read).collect(),
            ValueKind::String(text) => text
                .split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| item.parse().ok())
                .collect(),
            _ => None,
        }
    }

    fn show(&self) -> Option<toml::Value> {
        Some(toml::Value::from(
            self.iter().copied().map(i64::from).collect::<Vec<_>>(),
        ))
    }

    fn schema() -> Json {
        json!({"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 65_535}})
    }
}

/// Set key by key: `[section.field]` in a file, `SECTION__FIELD__KEY` in the environment. Layers add to each other.
impl Setting for BTreeMap<String, String> {
    const KEYED: bool = true;

    fn kind() -> String {
        "map".to_owned()
    }

    fn expects() -> String {
        "a table of texts by name".to_owned()
    }

    fn read(value: &Value) -> Option<Self> {
        match &value.kind {
            ValueKind::Table(entries) => entries
                .iter()
                .map(|(key, value)| Some((key.clone(), text(value)?.to_owned())))
                .collect(),
            _ => None,
        }
    }

    fn show(&self) -> Option<toml::Value> {
        Some(
            self.iter()
                .map(|(key, value)| (key.clone(), value.clone().into()))
                .collect::<toml::Table>()
                .into(),
        )
    }

    fn schema() -> Json {
        json!({"type": "object", "additionalProperties": {"type": "string"}})
    }
}
