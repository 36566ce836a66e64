//! The command line.

use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use crate::{commands, parse};

/// Command line of the task scheduler.
#[derive(Debug, Parser)]
#[command(
    name = "tsctl",
    version,
    propagate_version = true,
    after_help = "\
Examples:
  tsctl dev                              run a whole scheduler in this terminal
  tsctl jobs submit noop --watch         submit a job and follow it
  tsctl jobs list --state deadletter     look for trouble
  tsctl load --rate 1k --mode e2e        put load on it, and see that nothing is lost
  tsctl experiment run a.yaml b.yaml     which values do better under load?
  tsctl doctor                           find out why nothing runs

Exit codes:
  0 ok · 1 failure · 2 usage · 3 not found · 4 precondition or conflict · 5 authentication
  6 unavailable or timed out · 7 the awaited job did not succeed
  99 a threshold is broken · 130 interrupted

Data goes to standard output, everything else to standard error."
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command understands.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
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
    /// Longest that one call to the scheduler may take. Watching and waiting are not bounded by it.
    #[arg(long, global = true, value_name = "DURATION", value_parser = parse::positive, default_value = "10s")]
    pub(crate) timeout: Duration,
    /// When to use colour; auto means on a terminal.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
    /// Anything but empty turns colour off, as <https://no-color.org> asks for.
    #[arg(long, global = true, env = "NO_COLOR", hide = true)]
    pub(crate) no_color: Option<String>,
    /// Print data and errors alone: no hints, no progress.
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
}

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Columns, for people.
    Table,
    /// JSON, for programs.
    Json,
    /// YAML.
    Yaml,
    /// Ids or names alone, one a line.
    Name,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
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
    Load(Box<commands::load::Args>),
    /// Compare values files of the chart under the same load.
    #[command(subcommand)]
    Experiment(commands::experiment::Command),
    Migrate(commands::migrate::Args),
    Doctor(commands::doctor::Args),
    /// Show the configuration of the processes.
    #[command(subcommand)]
    Config(commands::config::Command),
    /// Print a completion script.
    #[command(after_help = "\
Examples:
  source <(tsctl completion bash)
  tsctl completion zsh > ~/.zfunc/_tsctl
  tsctl completion fish > ~/.config/fish/completions/tsctl.fish")]
    Completion {
        /// For which shell.
        shell: clap_complete::Shell,
    },
    /// Print the version.
    Version,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_command_that_does_something_says_what_and_shows_an_example() {
        fn check(command: &clap::Command, path: &str) {
            let path = format!("{path} {}", command.get_name());
            assert!(command.get_about().is_some(), "{path} does not say what it does");
            let leaf = command.get_subcommands().next().is_none();
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(
                !leaf || path.ends_with(" version") || help.contains("tsctl"),
                "{path} shows no example"
            );
            command.get_subcommands().for_each(|sub| check(sub, &path));
        }
        check(&Args::command(), "");
    }
}
