//! One file per RPC: check, call the engine, convert.

mod attempts;
mod cancel;
mod delete;
mod get;
mod list;
mod queues;
mod retry;
mod stats;
mod submit;
mod watch;

pub(crate) use watch::Events;
