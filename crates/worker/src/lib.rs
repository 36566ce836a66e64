//! Runs jobs. A worker of one's own is a registry of handlers and one call (`examples/email.rs` is a whole one):
//!
//! ```no_run
//! use scheduler_worker::{JobContext, JobError, Registry};
//!
//! #[derive(serde::Deserialize)]
//! struct Welcome { to: String }
//!
//! async fn welcome(_job: JobContext, mail: Welcome) -> Result<(), JobError> {
//!     println!("welcome, {}", mail.to);
//!     Ok(())
//! }
//!
//! fn main() -> std::process::ExitCode {
//!     scheduler_worker::main("mailer", async |_| Ok(Registry::new().function("email.welcome", welcome)))
//! }
//! ```
//!
//! What authors of handlers can rely on:
//! - at most `pool_size` attempts run at once, and none longer than its timeout;
//! - a panic ends the attempt, not the worker;
//! - [`JobContext::cancelled`] completes when the job was cancelled, is no longer this worker's, or the worker has to go;
//! - what an attempt reports after it lost its lease is refused.
//!
//! What they have to do: a handler may run more than once for the same job, so its effects must be idempotent, keyed by job id and,
//! where it matters, epoch. It must not block its thread: that is what [`tokio::task::spawn_blocking`] is for.
//!
//! To add a built-in handler: write `handlers/<type>.rs` with a payload, an `impl Handler` and its tests, and name it in
//! `handlers.rs`.

mod attempt;
mod context;
mod deletion_cost;
mod error;
mod handler;
pub mod handlers;
mod history;
pub mod metrics;
mod notes;
mod process;
mod registry;
mod runner;
#[cfg(test)]
mod testing;
mod verdict;

pub use context::JobContext;
pub use error::JobError;
pub use handler::Handler;
pub use process::{main, run_engine, run_process};
pub use registry::Registry;
pub use runner::{Options, Stop, run};

/// How a worker calls itself where it is a client of others.
const USER_AGENT: &str = concat!("task-scheduler/", env!("CARGO_PKG_VERSION"));
