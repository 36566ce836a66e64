//! Types that a field may have: how each is read, shown and described.

mod choice;
mod collection;
mod duration;
mod number;
mod size;
mod text;

use config::{Value, ValueKind};
use serde_json::Value as Json;

pub(crate) use choice::choice;
pub use size::ByteSize;

/// A type of field.
pub(crate) trait Setting: Sized {
    /// Never shown, and readable from a file that `NAME_FILE` names.
    const SECRET: bool = false;
    /// Has keys of its own below its path, chosen by the user.
    const KEYED: bool = false;

    /// One or two words for a table: `duration`.
    fn kind() -> String;

    /// What a good value is, for someone who wrote a bad one: `a duration with its unit, such as 30s`.
    fn expects() -> String;

    /// Reads what a file (typed) or the environment (text) holds; `None` when it cannot be this type.
    fn read(value: &Value) -> Option<Self>;

    /// As it is written in a file, secrets masked; `None` when unset.
    fn show(&self) -> Option<toml::Value>;

    /// Its JSON Schema, without limits.
    fn schema() -> Json;
}

/// An optional field: empty text in any layer unsets what a lower layer has set.
impl<T: Setting> Setting for Option<T> {
    const SECRET: bool = T::SECRET;
    const KEYED: bool = T::KEYED;

    fn kind() -> String {
        format!("{}, optional", T::kind())
    }

    fn expects() -> String {
        format!("{}, or empty for none", T::expects())
    }

    fn read(value: &Value) -> Option<Self> {
        match &value.kind {
            ValueKind::Nil => Some(None),
            ValueKind::String(text) if text.is_empty() => Some(None),
            _ => T::read(value).map(Some),
        }
    }

    fn show(&self) -> Option<toml::Value> {
        self.as_ref().and_then(T::show)
    }

    fn schema() -> Json {
        T::schema()
    }
}
