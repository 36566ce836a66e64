//! Replaying and purging: many jobs at once, after a question.

use std::process::ExitCode;

use futures::{StreamExt as _, stream};
use scheduler_client::{Client, Error, State, v1};
use serde::Serialize;

use super::{chosen, confirm};
use crate::commands::interrupt::or_interrupted;
use crate::commands::jobs::each::{Verb, concerns_this_job_alone};
use crate::commands::jobs::list::Filter;
use crate::exit::Usage;
use crate::output::{Console, Item};
use crate::parse;

/// Jobs shown before the question.
const SAMPLES: usize = 5;
/// Jobs worked on at the same time.
const AT_ONCE: usize = 16;

/// Which dead jobs, and how sure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Their ids.
    #[arg(value_name = "ID", conflicts_with_all = ["job_type", "priority", "queue", "state", "all"])]
    ids: Vec<String>,
    #[command(flatten)]
    filter: Filter,
    /// Of this state alone: failed or deadletter.
    #[arg(long, value_parser = parse::dead_state)]
    state: Option<State>,
    /// All of them.
    #[arg(long)]
    all: bool,
    /// Only show how many there are, and five of them.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Summary {
    found: usize,
    #[serde(rename = "done")]
    count: usize,
    /// Jobs named that are not dead, and those that somebody else replayed or deleted meanwhile.
    skipped: usize,
    dry_run: bool,
    #[serde(skip)]
    verb: &'static str,
}

pub(super) async fn run(
    client: &Client,
    console: &Console,
    verb: Verb,
    args: Args,
) -> anyhow::Result<ExitCode> {
    let word = if verb == Verb::Retry { "replayed" } else { "purged" };
    if args.ids.is_empty() && args.filter.is_empty() && args.state.is_none() && !args.all {
        return Err(Usage("say which: ids, a filter such as --type, or --all".to_owned()).into());
    }
    let jobs = if args.ids.is_empty() {
        chosen::find(client, &args.filter, args.state, usize::MAX).await?
    } else {
        chosen::look_up(client, &args.ids).await?
    };
    let mut summary = Summary {
        found: jobs.len(),
        count: 0,
        skipped: args.ids.len().saturating_sub(jobs.len()),
        dry_run: args.dry_run,
        verb: word,
    };
    preview(&jobs, word);
    if !args.dry_run && !jobs.is_empty() {
        if !args.yes && !confirm::confirmed(std::io::stderr(), std::io::stdin().lock())? {
            console.note("nothing was changed");
            return Ok(ExitCode::FAILURE);
        }
        let ids: Vec<String> = jobs.into_iter().map(|job| job.job_id).collect();
        let farewell = || format!("interrupted; those not {word} yet are still there: run it again");
        let work = async {
            apply(client, console, verb, &ids, &mut summary).await?;
            Ok(ExitCode::SUCCESS)
        };
        let code = or_interrupted(console, work, farewell).await?;
        if code != ExitCode::SUCCESS {
            return Ok(code);
        }
    }
    console.item(&summary)?;
    Ok(ExitCode::SUCCESS)
}

/// Part of the question, so it is not a note that `--quiet` would leave out.
fn preview(jobs: &[v1::JobStatus], word: &str) {
    let such_as = if jobs.len() > SAMPLES { ", such as" } else { "" };
    eprintln!("{} to be {word}{such_as}:", counted(jobs.len()));
    for job in jobs.iter().take(SAMPLES) {
        eprintln!("  {}  {}  {}", job.job_id, job.r#type, job.last_error);
    }
}

async fn apply(
    client: &Client,
    console: &Console,
    verb: Verb,
    ids: &[String],
    summary: &mut Summary,
) -> Result<(), Error> {
    let progress = console.progress("working", Some(ids.len()));
    let mut outcomes = stream::iter(ids)
        .map(|id| verb.apply(client, id))
        .buffer_unordered(AT_ONCE);
    while let Some(outcome) = outcomes.next().await {
        match outcome {
            Ok(_) => summary.count += 1,
            Err(error) if concerns_this_job_alone(&error) => summary.skipped += 1,
            Err(error) => return Err(error),
        }
        progress.advance(1);
    }
    Ok(())
}

fn counted(jobs: usize) -> String {
    if jobs == 1 {
        "1 job".to_owned()
    } else {
        format!("{jobs} jobs")
    }
}

impl Item for Summary {
    fn name(&self) -> &str {
        self.verb
    }

    fn text(&self, _: bool) -> String {
        if self.dry_run {
            return format!("{} would be {}", counted(self.found), self.verb);
        }
        let skipped = match self.skipped {
            0 => String::new(),
            skipped => format!(", {skipped} skipped: not dead, or not any more"),
        };
        format!("{} {}{skipped}", counted(self.count), self.verb)
    }
}
