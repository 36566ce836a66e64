//! What every process of the scheduler shares: configuration, telemetry, metrics, the HTTP side port, shutdown, and the
//! [`run`](run::run) that ties them together. Knows nothing of jobs.
//!
//! Invariants:
//! - the environment is read in one place, once, and handed on ([`config::Environment`]);
//! - no process starts on a configuration that is not wholly valid;
//! - no role of a process ends unnoticed ([`shutdown::Tasks`]);
//! - a process that was told to stop is gone within its own bound, whatever its roles do.

pub mod config;
pub mod http;
pub mod metrics;
pub mod run;
pub mod shutdown;
pub mod telemetry;
pub mod version;
