//! What users of the crate see: configuration from all its sources, the side port over a real socket, the metrics page,
//! the generated documentation.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod docs;
mod faults;
mod http;
mod layers;
mod metrics;
mod secrets;
