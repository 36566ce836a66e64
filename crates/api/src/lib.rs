//! The gRPC face of the scheduler: `scheduler.v1.SchedulerService`, health and reflection; and, on a port of its own, what KEDA asks.
//!
//! Stateless. One file per RPC in [`rpc`]; [`convert`] is the only place where wire types and domain types meet; [`error`] the
//! only one where an error becomes a status.
//!
//! To add an RPC: declare it in the proto file, regenerate, write `rpc/<verb>.rs`, and name it in `service.rs`.

mod arriving;
mod connections;
pub mod convert;
pub mod error;
#[cfg(test)]
mod fuzz;
mod http2;
mod layer;
mod malformed;
pub mod metrics;
mod page_token;
mod process;
mod rpc;
mod scaler;
mod serve;
mod service;

pub use page_token::TokenKey;
pub use process::{run, run_engine};
pub use scaler::serve_scaler;
pub use serve::{Deps, Limits, serve};
pub use service::Service;
