//! The contract over a real socket, on memory backends: what a client sees.
#![expect(clippy::unwrap_used, reason = "tests")]

mod limits;
mod look;
mod serve;
#[path = "../support/server.rs"]
mod server;
mod stats;
mod submit;
mod world;
