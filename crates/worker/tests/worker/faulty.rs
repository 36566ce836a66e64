//! Memory backends that can be told to fail.

mod queue;
mod store;

pub(crate) use queue::FaultyQueue;
pub(crate) use store::FaultyStore;
