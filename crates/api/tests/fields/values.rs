//! Values that a field of some kind may be given, with those that no check should let pass.

use prost_reflect::{Kind, Value};

const NUMBERS: [i64; 25] = [
    0,
    1,
    -1,
    2,
    64,
    100,
    101,
    1_000,
    1_001,
    10_000,
    10_001,
    86_400,
    86_401,
    31_622_400,
    31_622_401,
    999_999_999,
    1_000_000_000,
    2_147_483_647,
    -2_147_483_648,
    2_147_483_648,
    // The last second of the year 9999, and the one after it.
    253_402_300_799,
    253_402_300_800,
    i64::MAX / 1_000_000 + 1,
    i64::MAX,
    i64::MIN,
];

const TEXTS: [&str; 34] = [
    "",
    "a",
    " ",
    "\0",
    "a\0b",
    "\n",
    "\u{1b}[31m",
    "\u{202e}abc",
    "\u{feff}",
    "ü",
    "\u{1f4a3}",
    "\u{10ffff}",
    "../../etc/passwd",
    "'; DROP TABLE jobs; --",
    "%s%n${HOME}{{7*7}}",
    "*",
    "default",
    "noop",
    "{}",
    "null",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "1e999",
    "NaN",
    "{\"a\":1,\"a\":2}",
    "[1,]",
    "00000000-0000-0000-0000-000000000000",
    "6BA7B810-9DAD-41D1-80B4-00C04FD430C8",
    "{6ba7b810-9dad-41d1-80b4-00c04fd430c8}",
    "urn:uuid:6ba7b810-9dad-41d1-80b4-00c04fd430c8",
    "6ba7b8109dad41d180b400c04fd430c8",
    "6ba7b810-9dad-41d1-80b4-00c04fd430c",
    "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "====",
];

const DECIMALS: [f64; 14] = [
    0.0,
    -0.0,
    1.0,
    2.0,
    100.0,
    100.000_000_1,
    0.999_999_9,
    -1.0,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::MAX,
    f64::MIN,
    f64::MIN_POSITIVE,
];

fn texts(ids: &[String]) -> Vec<String> {
    // Lengths about every limit there is.
    let lengths = [63, 64, 65, 128, 129, 256, 257, 1 << 20, (1 << 20) + 1];
    let long = lengths.map(|length| "x".repeat(length));
    let json = format!("\"{}\"", "x".repeat((1 << 20) - 2));
    let texts = TEXTS.iter().map(|text| (*text).to_owned()).chain(long);
    texts
        .chain(["[".repeat(100_000), "[".repeat(128) + &"]".repeat(128), json])
        .chain(ids.iter().cloned())
        .collect()
}

/// What a field of `kind` is tried with; nothing for messages, whose own fields are.
pub(crate) fn of(kind: &Kind, ids: &[String]) -> Vec<Value> {
    match kind {
        Kind::String => texts(ids).into_iter().map(Value::String).collect(),
        Kind::Bytes => texts(ids)
            .into_iter()
            .map(|text| Value::Bytes(text.into()))
            .collect(),
        Kind::Bool => vec![Value::Bool(false), Value::Bool(true)],
        Kind::Double => DECIMALS.map(Value::F64).into(),
        Kind::Float => vec![
            Value::F32(f32::NAN),
            Value::F32(f32::INFINITY),
            Value::F32(f32::MIN),
        ],
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => NUMBERS.map(Value::I64).into(),
        Kind::Uint64 | Kind::Fixed64 => NUMBERS.map(|n| Value::U64(n.cast_unsigned())).into(),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => NUMBERS
            .iter()
            .filter_map(|n| (*n).try_into().ok().map(Value::I32))
            .collect(),
        Kind::Uint32 | Kind::Fixed32 => NUMBERS
            .iter()
            .filter_map(|n| (*n).try_into().ok().map(Value::U32))
            .collect(),
        Kind::Enum(_) => {
            let ends = [-1, 99, i32::MIN, i32::MAX];
            (0..=12).chain(ends).map(Value::EnumNumber).collect()
        }
        Kind::Message(_) => Vec::new(),
    }
}
