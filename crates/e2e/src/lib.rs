//! Whole-system tests: real processes, real PostgreSQL, Redis and Envoy, and faults.
//!
//! This library starts the system and keeps the record that a test is judged by; the tests are in `tests/`.

pub mod chaos;
mod dice;
mod envoy;
mod fleet;
pub mod harness;
pub mod history;
mod process;
pub mod proxy;
mod settings;
pub mod site;
mod stage;

pub use dice::Dice;
pub use envoy::Envoy;
pub use fleet::{Fleet, answering};
pub use process::{Process, free_port};
pub use settings::Settings;
pub use site::Site;
pub use stage::{Stage, until};
