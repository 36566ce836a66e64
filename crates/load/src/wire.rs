//! Times as the wire has them.

use prost_types::Timestamp;

/// Microseconds since 1970, which is how exactly the scheduler keeps its times; 0 when there is none.
pub(crate) fn micros(at: Option<Timestamp>) -> i64 {
    at.map_or(0, |at| at.seconds * 1_000_000 + i64::from(at.nanos / 1_000))
}
