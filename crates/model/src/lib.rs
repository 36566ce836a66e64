//! The protocol of store, queue, workers and upkeep as a model, small enough to visit every state of it.
//!
//! Each [`Action`] is one atomic step of the real system and names the function that takes it; between two steps of one process any
//! other process may take its own, die, or fall silent, and the queue may lose everything. Whoever changes one of these functions
//! changes its action too.
//!
//! Left out, for nothing here depends on it: payloads, priorities, shards, hints, RUNNING (written lazily, read by nobody who
//! decides), and time, but for a job that is not due yet. Silence, loss and delay can happen at any moment instead.
//!
//! Nothing depends on this crate; its tests are its use.

mod action;
mod bug;
mod properties;
mod state;
mod store;
mod symmetry;
mod upkeep;
mod worker;
mod world;

pub use action::{Action, Verdict};
pub use bug::Bug;
pub use state::{Hand, Lease, Queue, Row, RowState, State, Sweep};
pub use world::World;
