//! Whole numbers, shares, and yes or no.

use config::{Value, ValueKind};
use serde_json::{Value as Json, json};

use super::Setting;

/// The whole number in `value`. Stricter than the `config` crate, which rounds `1.5` and reads `yes` as 1.
pub(super) fn whole(value: &Value) -> Option<i128> {
    match &value.kind {
        ValueKind::I64(n) => Some(i128::from(*n)),
        ValueKind::I128(n) => Some(*n),
        ValueKind::U64(n) => Some(i128::from(*n)),
        ValueKind::U128(n) => i128::try_from(*n).ok(),
        ValueKind::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

macro_rules! whole_number {
    ($($Type:ty: $expects:literal),*) => {$(
        impl Setting for $Type {
            fn kind() -> String {
                "number".to_owned()
            }

            fn expects() -> String {
                $expects.to_owned()
            }

            fn read(value: &Value) -> Option<Self> {
                whole(value)?.try_into().ok()
            }

            fn show(&self) -> Option<toml::Value> {
                Some(toml::Value::Integer(i64::try_from(*self).unwrap_or(i64::MAX)))
            }

            fn schema() -> Json {
                json!({"type": "integer", "minimum": 0})
            }
        }
    )*};
}

whole_number!(u16: "a whole number up to 65535", u32: "a whole number", usize: "a whole number");

impl Setting for f64 {
    fn kind() -> String {
        "decimal".to_owned()
    }

    fn expects() -> String {
        "a number".to_owned()
    }

    fn read(value: &Value) -> Option<Self> {
        match &value.kind {
            ValueKind::Float(n) => Some(*n),
            ValueKind::I64(n) => i32::try_from(*n).ok().map(Self::from),
            ValueKind::String(text) => text.trim().parse().ok(),
            _ => None,
        }
        .filter(|n: &Self| n.is_finite())
    }

    fn show(&self) -> Option<toml::Value> {
        Some(toml::Value::Float(*self))
    }

    fn schema() -> Json {
        json!({"type": "number"})
    }
}

impl Setting for bool {
    fn kind() -> String {
        "yes or no".to_owned()
    }

    fn expects() -> String {
        "true or false".to_owned()
    }

    fn read(value: &Value) -> Option<Self> {
        match &value.kind {
            ValueKind::Boolean(flag) => Some(*flag),
            ValueKind::String(text) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Some(true),
                "false" | "no" | "off" | "0" => Some(false),
                _ => None,
            },
            _ => None,
        }
    }

    fn show(&self) -> Option<toml::Value> {
        Some(toml::Value::Boolean(*self))
    }

    fn schema() -> Json {
        json!({"type": "boolean"})
    }
}
