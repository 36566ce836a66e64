//! Each invariant with a small history that keeps it and small ones that do not.

mod liveness;
mod many;
mod order;
mod promises;
mod script;
mod verdicts;
mod work;
