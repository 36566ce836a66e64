//! Amounts of memory.

use std::fmt;
use std::str::FromStr;

use config::Value;
use serde_json::{Value as Json, json};

use super::Setting;
use super::number::whole;
use super::text::text;

/// A number of bytes, written `16MiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(u64);

impl ByteSize {
    const UNITS: [(&'static str, u32); 4] = [("GiB", 30), ("MiB", 20), ("KiB", 10), ("B", 0)];

    /// `n` × 1024 bytes.
    #[must_use]
    pub const fn kib(n: u64) -> Self {
        Self(n << 10)
    }

    /// `n` × 1024² bytes.
    #[must_use]
    pub const fn mib(n: u64) -> Self {
        Self(n << 20)
    }

    /// In bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

/// In the largest unit that says it exactly.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = Self::UNITS
            .into_iter()
            .find(|(_, shift)| self.0 != 0 && self.0.trailing_zeros() >= *shift);
        let (unit, shift) = exact.unwrap_or(("B", 0));
        write!(f, "{}{unit}", self.0 >> shift)
    }
}

impl FromStr for ByteSize {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let text = text.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = unit.trim_start();
        let number: u64 = number.parse().map_err(drop)?;
        let (_, shift) = Self::UNITS
            .into_iter()
            .find(|(name, _)| *name == unit || (unit.is_empty() && *name == "B"))
            .ok_or(())?;
        number.checked_mul(1 << shift).map(Self).ok_or(())
    }
}

impl Setting for ByteSize {
    fn kind() -> String {
        "size".to_owned()
    }

    fn expects() -> String {
        "a size in bytes, such as 512KiB or 16MiB".to_owned()
    }

    fn read(value: &Value) -> Option<Self> {
        match text(value) {
            Some(text) => text.parse().ok(),
            None => whole(value)?.try_into().ok().map(Self),
        }
    }

    fn show(&self) -> Option<toml::Value> {
        Some(toml::Value::String(self.to_string()))
    }

    fn schema() -> Json {
        json!({"type": ["string", "integer"], "examples": ["512KiB", "16MiB"]})
    }
}

#[cfg(test)]
mod tests {
    use super::ByteSize;

    #[test]
    fn a_size_is_shown_in_its_largest_exact_unit_and_read_back() {
        for (bytes, shown) in [
            (0, "0B"),
            (1, "1B"),
            (1024, "1KiB"),
            (1536, "1536B"),
            (16 << 20, "16MiB"),
            (1 << 30, "1GiB"),
        ] {
            let size = ByteSize(bytes);
            assert_eq!(size.to_string(), shown);
            assert_eq!(shown.parse(), Ok(size));
        }
        assert_eq!("42".parse(), Ok(ByteSize(42)));
        assert_eq!(" 4 MiB ".parse(), Ok(ByteSize::mib(4)));
    }

    #[test]
    fn other_units_signs_and_overflow_are_refused() {
        for text in ["", "MiB", "1MB", "-1", "1.5MiB", "99999999999GiB"] {
            assert_eq!(text.parse::<ByteSize>(), Err(()), "{text}");
        }
    }
}
