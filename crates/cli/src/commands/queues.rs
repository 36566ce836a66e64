//! `tsctl queues …`

use std::process::ExitCode;

use clap::Subcommand;
use scheduler_client::Client;

use crate::output::{Format, print};
use crate::show;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List queues with what waits in them.
    List,
}

pub(crate) async fn run(client: &Client, command: Command, format: Format) -> anyhow::Result<ExitCode> {
    let Command::List = command;
    let answer = client.queues().await?.inner;
    let columns = ["queue", "ready", "oldest", "critical", "high", "default", "low"];
    let rows = answer
        .queues
        .iter()
        .map(|queue| {
            let oldest = queue.oldest_ready_age.as_ref().map_or(0, |age| age.seconds);
            let depth = |priority| {
                queue
                    .depths
                    .iter()
                    .find(|d| d.priority == priority)
                    .map_or(0, |d| d.ready)
            };
            let mut row = vec![queue.name.clone(), queue.ready.to_string(), format!("{oldest}s")];
            row.extend((1..=4).map(|priority| depth(priority).to_string()));
            row
        })
        .collect();
    print(
        format,
        &columns,
        rows,
        answer.queues.iter().map(show::queue).collect(),
        "name",
    );
    if format == Format::Table {
        println!(
            "running {}, delayed {}, workers {}",
            answer.running, answer.delayed, answer.workers
        );
    }
    Ok(ExitCode::SUCCESS)
}
