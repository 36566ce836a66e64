//! What users of the crate see: configuration from all its sources, the side port over a real socket, the metrics page,
//! the generated documentation.

mod docs;
mod faults;
mod http;
mod layers;
mod metrics;
mod secrets;
