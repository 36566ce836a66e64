//! `tsctl jobs list`

use futures::{StreamExt as _, TryStreamExt as _};
use scheduler_client::{Client, ListQuery, Priority, State, v1};

use crate::output::Console;
use crate::parse;
use crate::view::Job;

/// Most jobs asked for at once.
const PAGE: usize = 500;

/// List jobs, newest first.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tsctl jobs list
  tsctl jobs list --state running --queue mail
  tsctl jobs list --state failed --all -o name | wc -l")]
pub(crate) struct Args {
    #[command(flatten)]
    filter: Filter,
    /// In this state alone: queued, running, succeeded, failed, deadletter, retry, cancelled or scheduled.
    #[arg(long, value_parser = parse::state)]
    state: Option<State>,
    #[command(flatten)]
    room: Room,
}

/// How many to show.
#[derive(Debug, clap::Args)]
pub(crate) struct Room {
    /// At most so many.
    #[arg(short = 'n', long, default_value_t = 50, conflicts_with = "all")]
    limit: usize,
    /// All of them.
    #[arg(long)]
    all: bool,
}

/// Which jobs.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Filter {
    /// Of this type alone.
    #[arg(long = "type", value_name = "TYPE")]
    job_type: Option<String>,
    /// Of this priority alone: critical, high, default or low.
    #[arg(long, value_parser = parse::priority)]
    priority: Option<Priority>,
    /// Of this queue alone.
    #[arg(long)]
    queue: Option<String>,
}

impl Room {
    pub(crate) fn most(&self) -> usize {
        if self.all { usize::MAX } else { self.limit }
    }
}

impl Filter {
    pub(crate) fn is_empty(&self) -> bool {
        self.job_type.is_none() && self.priority.is_none() && self.queue.is_none()
    }

    fn query(&self, state: Option<State>, most: usize) -> ListQuery {
        ListQuery {
            state,
            priority: self.priority,
            job_type: self.job_type.clone().unwrap_or_default(),
            queue: self.queue.clone().unwrap_or_default(),
            page_size: u32::try_from(most.min(PAGE)).unwrap_or_default(),
        }
    }
}

pub(super) async fn run(client: &Client, console: &Console, args: &Args) -> anyhow::Result<()> {
    let most = args.room.most();
    // One more than is shown tells whether there are more.
    let mut jobs = find(client, &args.filter, args.state, most.saturating_add(1)).await?;
    show(console, &mut jobs, most)
}

/// At most `most` jobs, newest first.
pub(crate) async fn find(
    client: &Client,
    filter: &Filter,
    state: Option<State>,
    most: usize,
) -> Result<Vec<v1::JobStatus>, scheduler_client::Error> {
    client
        .list_all(filter.query(state, most))
        .take(most)
        .try_collect()
        .await
}

/// Prints `most` of the jobs and says whether that was all.
pub(crate) fn show(console: &Console, jobs: &mut Vec<v1::JobStatus>, most: usize) -> anyhow::Result<()> {
    let cut = jobs.len() > most;
    jobs.truncate(most);
    console.list(&jobs.drain(..).map(Job::from).collect::<Vec<_>>())?;
    if cut {
        console.note(&format!(
            "there are more than these {most}: raise --limit, or take --all"
        ));
    }
    Ok(())
}
