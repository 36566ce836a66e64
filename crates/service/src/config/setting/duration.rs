//! Spans of time, written with their unit.

use std::time::Duration;

use config::Value;
use serde_json::{Value as Json, json};

use super::Setting;
use super::text::text;

impl Setting for Duration {
    fn kind() -> String {
        "duration".to_owned()
    }

    fn expects() -> String {
        "a duration with its unit, such as 500ms, 30s or 7d".to_owned()
    }

    fn read(value: &Value) -> Option<Self> {
        humantime::parse_duration(text(value)?).ok()
    }

    fn show(&self) -> Option<toml::Value> {
        Some(toml::Value::String(humantime::format_duration(*self).to_string()))
    }

    fn schema() -> Json {
        json!({"type": "string", "examples": ["500ms", "30s", "7d"]})
    }
}
