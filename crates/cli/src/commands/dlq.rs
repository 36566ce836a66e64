//! `tsctl dlq …`: jobs that ended FAILED or DEADLETTER.

mod bulk;
mod chosen;
mod confirm;

use std::process::ExitCode;

use clap::Subcommand;
use scheduler_client::{Client, State};

use super::jobs::each::Verb;
use super::jobs::list::{Filter, Room, show};
use crate::output::Console;
use crate::parse;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    List(List),
    /// Run dead jobs again, with all their attempts.
    ///
    /// Shows how many there are and five of them, and asks. Needs ids, a filter, or --all.
    #[command(after_help = "\
Examples:
  tsctl dlq replay 0198c1a2-…
  tsctl dlq replay --type email.send --dry-run
  tsctl dlq replay --all --yes")]
    Replay(bulk::Args),
    /// Delete dead jobs, with their history.
    ///
    /// Shows how many there are and five of them, and asks. Needs ids, a filter, or --all.
    #[command(after_help = "\
Examples:
  tsctl dlq purge --queue reports
  tsctl dlq purge --all --dry-run")]
    Purge(bulk::Args),
}

/// List dead jobs: those that ended DEADLETTER, then those that ended FAILED, each newest first.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  tsctl dlq list\n  tsctl dlq list --type email.send --state failed -o json"
)]
pub(crate) struct List {
    #[command(flatten)]
    filter: Filter,
    /// Of this state alone: failed or deadletter.
    #[arg(long, value_parser = parse::dead_state)]
    state: Option<State>,
    #[command(flatten)]
    room: Room,
}

pub(crate) async fn run(client: &Client, console: &Console, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::List(args) => {
            let most = args.room.most();
            let mut jobs = chosen::find(client, &args.filter, args.state, most.saturating_add(1)).await?;
            show(console, &mut jobs, most)?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Replay(args) => bulk::run(client, console, Verb::Retry, args).await,
        Command::Purge(args) => bulk::run(client, console, Verb::Delete, args).await,
    }
}
