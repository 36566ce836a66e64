//! What can go wrong, by what the caller does next.

use std::io;

/// Why an experiment, or one of its runs, could not go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was asked for makes no sense; nothing was installed.
    #[error("{0}")]
    Invalid(String),
    /// There is something already where the chart would be installed; nothing was installed.
    #[error("{0}")]
    Occupied(String),
    /// A program cannot be run.
    #[error("{program} cannot be run: install it, or say with {told} how it is run")]
    Program {
        /// Its first word.
        program: String,
        /// What says how it is run.
        told: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// No cluster answers.
    #[error("no cluster answers: {0}")]
    Unreachable(String),
    /// A program ran and failed.
    #[error("{what} failed: {said}")]
    Failed {
        /// What was to be done.
        what: String,
        /// What it said.
        said: String,
    },
    /// It was told to stop.
    #[error("stopped")]
    Stopped,
    /// The results, or what a program says, cannot be written or read.
    #[error("writing the results, or reading what a program says")]
    Io(#[from] io::Error),
}
