//! What the product does with a job: the only crate that touches the store and the queue.
//!
//! The order of the two writes is the design. The store is the record and is written first; the queue is an index and may
//! be lost at any moment. Every function here may be stopped between its two writes: the [`upkeep`] loops then find, from
//! the store's rows alone, what the queue does not know, and hand it out again under a higher epoch.
//!
//! - [`Engine`]: submit, get, list, cancel, redrive, delete, watch (what the API serves);
//! - [`Session`]: claim, finish, release, hand back, renew (what a worker needs);
//! - [`Signal`]: how much there is to do, and how many workers that takes (what autoscalers ask);
//! - [`upkeep`]: promote, reap, reconcile, retain (leaderless loops in the API processes).

mod backoff;
mod cancel;
mod connect;
mod engine;
mod error;
mod hand_out;
mod history;
mod lanes;
pub mod metrics;
mod options;
mod push;
mod read;
mod session;
mod signal;
mod submit;
mod tally;
pub mod upkeep;
mod watch;

pub use connect::{Backends, Keep, connect, connect_backends, connect_process};
pub use engine::Engine;
pub use error::Error;
pub use options::Options;
pub use read::Overview;
pub use session::{Session, Taken};
pub use signal::{Aim, Figures, Load, Selection, Signal, desired_workers};
pub use submit::{Answer, Submission};
pub use tally::Running;
pub use watch::{Change, Watch};
