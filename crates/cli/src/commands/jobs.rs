//! `tsctl jobs …`

pub(crate) mod each;
mod follow;
pub(crate) mod list;
mod submit;

use std::process::ExitCode;

use clap::Subcommand;
use scheduler_client::Client;

use crate::output::Console;
use crate::view::{Attempt, Job};
use each::Verb;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Submit(Box<submit::Args>),
    /// Show a job.
    #[command(
        after_help = "Examples:\n  tsctl jobs get 0198c1a2-…\n  tsctl jobs get 0198c1a2-… -o json | jq .state"
    )]
    Get {
        /// Its id.
        id: String,
    },
    /// Follow a job until it ends, one line per change.
    ///
    /// Ctrl-C stops the watching, not the job. The exit code is 7 when the job does not succeed.
    #[command(after_help = "Examples:\n  tsctl jobs watch 0198c1a2-…\n  tsctl jobs watch 0198c1a2-… -o json")]
    Watch {
        /// Its id.
        id: String,
    },
    List(list::Args),
    /// Cancel jobs that have not ended.
    ///
    /// A handler that runs is told to stop. The exit code is 4 when a job had ended already.
    #[command(after_help = "Examples:\n  tsctl jobs cancel 0198c1a2-…\n  \
        tsctl jobs list --state queued --type report -o name | xargs tsctl jobs cancel")]
    Cancel(each::Args),
    /// Run jobs again that ended FAILED or DEADLETTER, with all their attempts.
    #[command(after_help = "Examples:\n  tsctl jobs retry 0198c1a2-…\n\nFor many at once: tsctl dlq replay")]
    Retry(each::Args),
    /// Delete jobs that have ended, with their history.
    #[command(after_help = "Examples:\n  tsctl jobs delete 0198c1a2-…\n\nFor many at once: tsctl dlq purge")]
    Delete(each::Args),
    /// Show a job's attempts, oldest first.
    #[command(after_help = "Examples:\n  tsctl jobs attempts 0198c1a2-…")]
    Attempts {
        /// Its id.
        id: String,
    },
}

pub(crate) async fn run(client: &Client, console: &Console, command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Submit(args) => return Box::pin(submit::run(client, console, *args)).await,
        Command::Watch { id } => return follow::watch(client, console, &id).await,
        Command::Cancel(args) => return each::run(client, console, Verb::Cancel, args).await,
        Command::Retry(args) => return each::run(client, console, Verb::Retry, args).await,
        Command::Delete(args) => return each::run(client, console, Verb::Delete, args).await,
        Command::List(args) => list::run(client, console, &args).await?,
        Command::Get { id } => console.item(&Job::from(client.get(&id).await?.into_inner()))?,
        Command::Attempts { id } => {
            let attempts = client.attempts(&id).await?.into_inner();
            console.list(&attempts.into_iter().map(Attempt::from).collect::<Vec<_>>())?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
