//! Values of a statement's parameters.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, Unexpected};
use serde_json::Value;
use sqlx::encode::{Encode, IsNull};
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo};
use sqlx::{Postgres, Type};

/// The type that a database infers from where a parameter stands.
const UNKNOWN: Oid = Oid(705);

/// One value. Bound as text, bigint, double precision or boolean; a statement casts where it needs another type (`$1::uuid`).
#[derive(Debug, PartialEq)]
pub(super) enum Param {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
}

impl<'de> Deserialize<'de> for Param {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bad = |what| D::Error::invalid_type(what, &"text, a number, true, false or null");
        match Value::deserialize(deserializer)? {
            Value::Null => Ok(Self::Null),
            Value::Bool(value) => Ok(Self::Bool(value)),
            Value::String(value) => Ok(Self::Text(value)),
            Value::Number(value) => {
                let whole = value.as_i64().map(Self::Int);
                // A whole number too large for a bigint must not silently become another one.
                let text = value.to_string();
                let float = value
                    .as_f64()
                    .filter(|float| float.is_finite() && text.contains(['.', 'e', 'E']));
                whole
                    .or(float.map(Self::Float))
                    .ok_or_else(|| bad(Unexpected::Other("a number out of range")))
            }
            Value::Array(_) => Err(bad(Unexpected::Seq)),
            Value::Object(_) => Err(bad(Unexpected::Map)),
        }
    }
}

impl Type<Postgres> for Param {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(UNKNOWN)
    }
}

impl Encode<'_, Postgres> for Param {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        match self {
            Self::Null => Ok(IsNull::Yes),
            Self::Bool(value) => Encode::<Postgres>::encode_by_ref(value, buffer),
            Self::Int(value) => Encode::<Postgres>::encode_by_ref(value, buffer),
            Self::Float(value) => Encode::<Postgres>::encode_by_ref(value, buffer),
            Self::Text(value) => Encode::<Postgres>::encode_by_ref(value, buffer),
        }
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        Some(match self {
            Self::Null => Self::type_info(),
            Self::Bool(_) => <bool as Type<Postgres>>::type_info(),
            Self::Int(_) => <i64 as Type<Postgres>>::type_info(),
            Self::Float(_) => <f64 as Type<Postgres>>::type_info(),
            Self::Text(_) => <String as Type<Postgres>>::type_info(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Vec<Param>, serde_json::Error> {
        serde_json::from_str(json)
    }

    #[test]
    fn plain_values_are_taken() {
        let params = read(r#"[null, true, -7, 9223372036854775807, 1.5, 1e3, "x"]"#).unwrap();
        let expected = [
            Param::Null,
            Param::Bool(true),
            Param::Int(-7),
            Param::Int(i64::MAX),
            Param::Float(1.5),
            Param::Float(1_000.0),
            Param::Text("x".to_owned()),
        ];
        assert_eq!(params, expected);
    }

    #[test]
    fn structures_and_numbers_that_would_change_are_refused() {
        for bad in ["[[1]]", r#"[{"a":1}]"#, "[9223372036854775808]", "[1e400]"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
