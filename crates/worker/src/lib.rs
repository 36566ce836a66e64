//! Runs jobs. A worker of one's own is a registry of handlers and one call:
//!
//! ```no_run
//! # use scheduler_worker::{JobContext, JobError, Registry};
//! #[derive(serde::Deserialize)]
//! struct Welcome { to: String }
//!
//! async fn welcome(_job: JobContext, mail: Welcome) -> Result<(), JobError> {
//!     println!("welcome, {}", mail.to);
//!     Ok(())
//! }
//!
//! let registry = Registry::new().function("email.welcome", welcome);
//! ```
//!
//! Guarantees to a handler's author: at most `pool_size` attempts at once; an attempt is cancelled through its
//! [`JobContext::cancelled`] when the job is cancelled, times out, or is no longer this worker's; whatever an attempt
//! reports after it lost its lease is refused. A handler may run more than once for the same job: make its effects idempotent, keyed by
//! job id and, where it matters, attempt.

mod attempt;
mod context;
mod error;
mod handler;
pub mod handlers;
mod process;
mod registry;
mod runner;

pub use context::JobContext;
pub use error::JobError;
pub use handler::Handler;
pub use process::run_process;
pub use registry::Registry;
pub use runner::{Options, Stop, run};
