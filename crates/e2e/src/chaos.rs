//! The fault driver: a whole site under load, faults drawn from a seed, and the question whether anything was lost.
//!
//! ```text
//! warm up ─▶ load + faults ─▶ heal ─▶ stop submits ─▶ drain ─▶ final read ─▶ verdict
//! ```
//! To add a fault: an `async fn(&Site, &Dice)` in the file of what it happens to, under `fault/`, and its line in the table in
//! `fault.rs`. It begins, holds and ends by itself, and leaves the site whole.

mod fault;
mod ledger;
mod load;
mod measures;
mod overload;
mod recovery;
mod run;
mod states;
mod verdict;

pub use fault::{FAULTS, Fault, Lane};
pub use overload::{Overload, overload};
pub use recovery::{Recovery, recovery};
pub use run::{Order, run};
pub use verdict::Outcome;
