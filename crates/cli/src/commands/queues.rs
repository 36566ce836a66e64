//! `tsctl queues …`

use std::process::ExitCode;

use clap::Subcommand;
use scheduler_client::Client;
use serde::Serialize;

use crate::args::Format;
use crate::output::{Console, Item};
use crate::view::Queues;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List queues with what waits in them, by priority.
    #[command(
        after_help = "Examples:\n  tsctl queues list\n  tsctl queues list -o json | jq '.queues[] | {name, ready}'"
    )]
    List,
}

pub(crate) async fn run(client: &Client, console: &Console, command: Command) -> anyhow::Result<ExitCode> {
    let Command::List = command;
    let answer = Queues::from(client.queues().await?.into_inner());
    match console.format() {
        Format::Table => {
            console.list(&answer.queues)?;
            console.note(&format!(
                "running {} · delayed {} · workers {}",
                answer.running, answer.delayed, answer.workers
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
