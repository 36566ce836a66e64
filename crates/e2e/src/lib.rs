//! Whole-system tests: real processes, real PostgreSQL, Redis and Envoy, and faults.
//!
//! This library starts the system and keeps the record that a test is judged by; the tests are in `tests/`.

mod envoy;
mod fleet;
pub mod harness;
pub mod history;
mod process;
mod settings;
mod stage;

pub use envoy::Envoy;
pub use fleet::{Fleet, answering};
pub use process::{Process, free_port};
pub use settings::Settings;
pub use stage::{Stage, until};
