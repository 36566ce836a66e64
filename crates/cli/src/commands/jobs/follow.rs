//! Following jobs to their end. Giving up never touches them.

use std::collections::BTreeMap;
use std::process::ExitCode;

use futures::{StreamExt as _, stream};
use scheduler_client::Client;

use crate::args::Format;
use crate::commands::interrupt::or_interrupted;
use crate::exit;
use crate::output::Console;
use crate::view::{Ended, Event, Job};

/// Jobs followed at the same time.
const AT_ONCE: usize = 64;

/// Prints every change of a job, and at last how it ended.
pub(crate) async fn watch(client: &Client, console: &Console, id: &str) -> anyhow::Result<ExitCode> {
    let work = async {
        let mut watch = client.watch(id);
        let mut last = None;
        while let Some(event) = watch.next().await {
            let event = event?;
            console.next_item(&Event::from(&event))?;
            last = event.status;
        }
        let last = match last {
            Some(status) => status,
            None => client.get(id).await?.into_inner(),
        };
        let job = Job::from(last);
        let code = code(job.succeeded());
        if console.format() == Format::Table {
            console.item(&Ended(job))?;
        }
        Ok(code)
    };
    or_interrupted(console, work, || farewell(&[id.to_owned()])).await
}

/// Waits until a job ends, and prints how.
pub(crate) async fn wait(client: &Client, console: &Console, id: &str) -> anyhow::Result<ExitCode> {
    let work = async {
        let progress = console.progress("waiting for the job to end", None);
        let job = Job::from(client.wait(id).await?);
        drop(progress);
        let code = code(job.succeeded());
        // Whoever asked for the name has it from submitting.
        if console.format() != Format::Name {
            console.item(&Ended(job))?;
        }
        Ok(code)
    };
    or_interrupted(console, work, || farewell(&[id.to_owned()])).await
}

/// Waits until all jobs end, and prints how many ended how, and which did not succeed.
pub(crate) async fn wait_for_all(
    client: &Client,
    console: &Console,
    ids: &[String],
) -> anyhow::Result<ExitCode> {
    let work = async {
        let progress = console.progress("waiting for the jobs to end", Some(ids.len()));
        let mut ends = stream::iter(ids)
            .map(|id| client.wait(id))
            .buffer_unordered(AT_ONCE);
        let mut jobs = Vec::with_capacity(ids.len());
        while let Some(status) = ends.next().await {
            progress.advance(1);
            jobs.push(Job::from(status?));
        }
        drop(progress);
        let all_succeeded = jobs.iter().all(Job::succeeded);
        match console.format() {
            Format::Json | Format::Yaml => console.list(&jobs)?,
            Format::Name => {}
            Format::Table => {
                let mut counts = BTreeMap::<&str, usize>::new();
                jobs.iter()
                    .for_each(|job| *counts.entry(&job.state).or_default() += 1);
                let counts: Vec<String> = counts
                    .iter()
                    .map(|(state, count)| format!("{count} {state}"))
                    .collect();
                for job in jobs.iter().filter(|job| !job.succeeded()) {
                    console.item(&Ended(job.clone()))?;
                }
                console.line(&counts.join(", "))?;
            }
        }
        Ok(code(all_succeeded))
    };
    or_interrupted(console, work, || farewell(ids)).await
}

fn code(succeeded: bool) -> ExitCode {
    if succeeded {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(exit::NOT_SUCCEEDED)
    }
}

fn farewell(ids: &[String]) -> String {
    match ids {
        [id] => format!(
            "stopped looking; the job goes on\n  look again: tsctl jobs watch {id}\n  stop it: tsctl jobs cancel {id}"
        ),
        ids => format!("stopped looking; the {} jobs go on", ids.len()),
    }
}
