//! What happened in a run, and whether it was allowed to.
//!
//! ```text
//! clients ─┐                                  run.json
//! workers ─┼─ one file of events per process ─ events/*.jsonl ─┐
//! faults  ─┤                                                   ├─▶ History ─▶ check ─▶ Report
//! sink    ─┘            database's own record ─ rows.jsonl ────┤
//!                       what is there at the end ─ final.jsonl ─┘
//! ```
//!
//! Whoever takes part writes [`Event`]s through a [`Recorder`] into the run's [`Folder`]; [`check`] decides which of the
//! invariants of `docs/RELIABILITY.md` they keep. To add an invariant: a file in `check/` with a function from [`History`]
//! to findings, and its line in the table there.

pub mod check;
mod client;
mod event;
mod fingerprint;
mod folder;
#[cfg(test)]
mod fuzz;
mod judge;
mod listener;
mod load;
mod past;
mod recorder;
mod rows;
mod setup;
mod show;
mod sink;

pub use check::{Finding, Invariant, Judged, Look, Report, Status, Verdict, Violation, check};
pub use client::{RecordingClient, RecordingWatch};
pub use event::{Event, Kind, Op, Told};
pub use fingerprint::fingerprint;
pub use folder::Folder;
pub use judge::judge;
pub use listener::{Listener, WorkerName};
pub use load::Builder;
pub use past::{
    Call, Change, Fault, FinalRow, History, JobPast, Name, Names, Outcome, Row, RowChange, Shown, Work,
};
pub use recorder::{FaultMark, Recorder, mono_ns, wall_ns};
pub use rows::{Acceptance, Rows};
pub use setup::{Reach, Setup};
pub use show::show;
pub use sink::{Effect, Sink};
