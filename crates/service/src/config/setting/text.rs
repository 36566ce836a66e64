//! Text, addresses and secrets.

use std::net::IpAddr;

use config::{Value, ValueKind};
use secrecy::SecretString;
use serde_json::{Value as Json, json};

use super::Setting;

/// Stands for a secret wherever configuration is shown.
const MASK: &str = "***";

/// The text in `value`. A number without quotes is not text: `password = 0123` would lose its zero.
pub(super) fn text(value: &Value) -> Option<&str> {
    match &value.kind {
        ValueKind::String(text) => Some(text),
        _ => None,
    }
}

impl Setting for String {
    fn kind() -> String {
        "text".to_owned()
    }

    fn expects() -> String {
        "text".to_owned()
    }

    fn read(value: &Value) -> Option<Self> {
        text(value).map(str::to_owned)
    }

    fn show(&self) -> Option<toml::Value> {
        Some(toml::Value::String(self.clone()))
    }

    fn schema() -> Json {
        json!({"type": "string"})
    }
}

impl Setting for IpAddr {
    fn kind() -> String {
        "IP address".to_owned()
    }

    fn expects() -> String {
        "an IP address, such as 0.0.0.0 or ::".to_owned()
    }

    fn read(value: &Value) -> Option<Self> {
        text(value)?.trim().parse().ok()
    }

    fn show(&self) -> Option<toml::Value> {
        Some(toml::Value::String(self.to_string()))
    }

    fn schema() -> Json {
        json!({"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]})
    }
}

impl Setting for SecretString {
    const SECRET: bool = true;

    fn kind() -> String {
        "secret".to_owned()
    }

    fn expects() -> String {
        "text".to_owned()
    }

    fn read(value: &Value) -> Option<Self> {
        text(value).map(Self::from)
    }

    fn show(&self) -> Option<toml::Value> {
        Some(toml::Value::String(MASK.to_owned()))
    }

    fn schema() -> Json {
        json!({"type": "string", "writeOnly": true})
    }
}
