//! `tsctl jobs …`

mod list;
pub(crate) mod submit;
mod watch;

use std::process::ExitCode;

use clap::Subcommand;
use scheduler_client::Client;

use crate::output::{Format, print, print_one};
use crate::show;

pub(crate) use list::{Filter, print_jobs};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Submit(submit::Args),
    /// Show a job.
    Get {
        /// Its id.
        id: String,
    },
    /// Follow a job until it ends. Exit code 7 when it does not succeed.
    Watch {
        /// Its id.
        id: String,
    },
    List(list::Args),
    /// Cancel jobs that have not ended.
    Cancel {
        /// Their ids.
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Run jobs again that are FAILED or DEADLETTER.
    Retry {
        /// Their ids.
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Delete jobs that have ended.
    Delete {
        /// Their ids.
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Show a job's attempts, oldest first.
    Attempts {
        /// Its id.
        id: String,
    },
}

pub(crate) async fn run(client: &Client, command: Command, format: Format) -> anyhow::Result<ExitCode> {
    match command {
        Command::Submit(args) => return submit::run(client, args, format).await,
        Command::Watch { id } => return watch::run(client, &id).await,
        Command::List(args) => list::run(client, args, format).await?,
        Command::Get { id } => print_one(format, &show::job(&client.get(&id).await?.inner), "job_id"),
        Command::Cancel { ids } => {
            for id in ids {
                let done = client.cancel(&id).await?.inner;
                println!("{id} {}", if done { "cancelled" } else { "had already ended" });
            }
        }
        Command::Retry { ids } => {
            for id in ids {
                client.retry(&id).await?;
                println!("{id} queued again");
            }
        }
        Command::Delete { ids } => {
            for id in ids {
                client.delete(&id).await?;
                println!("{id} deleted");
            }
        }
        Command::Attempts { id } => {
            let attempts: Vec<_> = client
                .attempts(&id)
                .await?
                .inner
                .iter()
                .map(show::attempt)
                .collect();
            let columns = [
                "number",
                "epoch",
                "outcome",
                "started_at",
                "finished_at",
                "worker_id",
                "error",
            ];
            let rows = attempts
                .iter()
                .map(|attempt| columns.iter().map(|c| cell(&attempt[c])).collect())
                .collect();
            print(format, &columns, rows, attempts, "number");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn cell(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Object(error) => error.get("message").map(cell).unwrap_or_default(),
        other => other.to_string(),
    }
}
