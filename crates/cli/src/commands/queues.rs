//! `tsctl queues …`

use std::process::ExitCode;

use clap::Subcommand;
use scheduler_client::{Client, v1};
use serde::Serialize;
use tonic::Code;

use crate::args::Format;
use crate::output::{Console, Item};
use crate::view::Queues;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List queues with what waits in them, by priority, how fast it comes and goes, and how many workers that takes.
    ///
    /// Rates are per second over about half a minute. Workers are a fraction that can be added up: what is there is to be
    /// gone within 30 s.
    #[command(
        after_help = "Examples:\n  tsctl queues list\n  tsctl queues list -o json | jq '.queues[] | {name, ready}'"
    )]
    List,
}

pub(crate) async fn run(client: &Client, console: &Console, command: Command) -> anyhow::Result<ExitCode> {
    let Command::List = command;
    let answer = Queues::from(client.queues().await?.into_inner());
    let answer = match client.queue_stats(v1::GetQueueStatsRequest::default()).await {
        Ok(stats) => answer.with(stats.into_inner()),
        // A server of an earlier release.
        Err(error) if error.code() == Code::Unimplemented => answer,
        Err(error) => return Err(error.into()),
    };
    match console.format() {
        Format::Table => {
            console.list(&answer.queues)?;
            let wanted = answer
                .desired_workers
                .map(|workers| format!(" of {workers} wanted"));
            console.note(&format!(
                "running {} · buffered {} · delayed {} · workers {}{}",
                answer.running,
                answer.buffered,
                answer.delayed,
                answer.workers,
                wanted.unwrap_or_default()
            ));
        }
        Format::Name => console.list(&answer.queues)?,
        Format::Json | Format::Yaml => console.item(&Whole(&answer))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The answer as one thing, for the formats that can hold it.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Whole<'a>(&'a Queues);

impl Item for Whole<'_> {
    fn name(&self) -> &'static str {
        ""
    }

    fn text(&self, _: bool) -> String {
        String::new()
    }
}
