//! `tsctl dlq …`: jobs that ended FAILED or DEADLETTER.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;
use futures::{StreamExt as _, TryStreamExt as _};
use scheduler_client::{Client, State, v1};

use super::jobs::{Filter, print_jobs};
use crate::output::Format;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List dead jobs, newest first.
    List {
        #[command(flatten)]
        filter: Filter,
        /// At most so many.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Run dead jobs again.
    Replay(Bulk),
    /// Delete dead jobs.
    Purge(Bulk),
}

/// Which dead jobs, and how sure.
#[derive(Debug, clap::Args)]
pub(crate) struct Bulk {
    #[command(flatten)]
    filter: Filter,
    /// All of them.
    #[arg(long)]
    all: bool,
    /// Only show what would be touched.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
}

pub(crate) async fn run(client: &Client, command: Command, format: Format) -> anyhow::Result<ExitCode> {
    let (bulk, verb) = match command {
        Command::List { filter, limit } => {
            print_jobs(&dead(client, &filter, limit).await?, format);
            return Ok(ExitCode::SUCCESS);
        }
        Command::Replay(bulk) => (bulk, "replay"),
        Command::Purge(bulk) => (bulk, "purge"),
    };
    if bulk.filter.is_empty() && !bulk.all {
        bail!("say which: --type, --priority, --queue, or --all");
    }
    let jobs = dead(client, &bulk.filter, usize::MAX).await?;
    eprintln!("{} jobs to {verb}, such as:", jobs.len());
    for job in jobs.iter().take(5) {
        eprintln!("  {}  {}  {}", job.job_id, job.r#type, job.last_error);
    }
    if bulk.dry_run || jobs.is_empty() || !(bulk.yes || confirmed()?) {
        return Ok(ExitCode::SUCCESS);
    }
    for job in &jobs {
        match verb {
            "replay" => drop(client.retry(&job.job_id).await?),
            _ => drop(client.delete(&job.job_id).await?),
        }
    }
    println!("{} jobs: {verb} done", jobs.len());
    Ok(ExitCode::SUCCESS)
}

async fn dead(client: &Client, filter: &Filter, limit: usize) -> anyhow::Result<Vec<v1::JobStatus>> {
    let mut jobs = Vec::new();
    for state in [State::DeadLetter, State::Failed] {
        let room = limit - jobs.len();
        let more: Vec<_> = client
            .list_all(filter.query(Some(state)))
            .take(room)
            .try_collect()
            .await?;
        jobs.extend(more);
    }
    Ok(jobs)
}

fn confirmed() -> anyhow::Result<bool> {
    eprint!("type yes to go on: ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}
