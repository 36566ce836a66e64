//! The command line.

use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::commands;
use crate::output::Format;

/// Command line of the task scheduler.
#[derive(Debug, Parser)]
#[command(
    name = "tsctl",
    version,
    propagate_version = true,
    after_help = "Examples:\n  tsctl dev\n  tsctl jobs submit noop --watch\n  tsctl jobs list --state deadletter\n\n\
        Exit codes: 0 ok, 1 failure, 2 usage, 3 not found, 4 precondition or conflict, 5 authentication,\n\
        6 unavailable or timed out, 7 the job awaited did not succeed, 130 interrupted"
)]
pub(crate) struct Args {
    /// Where the scheduler answers.
    #[arg(
        long,
        global = true,
        env = "TSCTL_ADDRESS",
        default_value = "http://localhost:8080"
    )]
    pub(crate) address: String,
    /// How to print what was asked for.
    #[arg(short, long, global = true, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
    /// Longest that one call may take.
    #[arg(long, global = true, value_parser = humantime::parse_duration, default_value = "10s")]
    pub(crate) timeout: Duration,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Dev(commands::dev::Args),
    /// Submit, follow and manage jobs.
    #[command(subcommand)]
    Jobs(commands::jobs::Command),
    /// Look at queues.
    #[command(subcommand)]
    Queues(commands::queues::Command),
    /// Look after jobs that failed for good.
    #[command(subcommand)]
    Dlq(commands::dlq::Command),
    Migrate(commands::migrate::Args),
    /// Check that the scheduler answers and that somebody works.
    Doctor,
    /// Show the configuration of the processes.
    #[command(subcommand)]
    Config(commands::config::Command),
    /// Print a completion script.
    Completion {
        /// For which shell.
        shell: clap_complete::Shell,
    },
    /// Print the version.
    Version,
}
