//! `tsctl jobs watch`: one line per change.

use std::process::ExitCode;

use scheduler_client::{Client, State};

use crate::{exit, show};

/// Follows a job until it ends. Ctrl-C stops looking, not the job.
pub(crate) async fn run(client: &Client, id: &str) -> anyhow::Result<ExitCode> {
    let mut watch = client.watch(id);
    let mut last = None;
    loop {
        let event = tokio::select! {
            event = watch.next() => event,
            _ = tokio::signal::ctrl_c() => {
                eprintln!("stopped looking; job {id} goes on. To stop it: tsctl jobs cancel {id}");
                return Ok(ExitCode::from(exit::INTERRUPTED));
            }
        };
        let Some(event) = event.transpose()? else { break };
        let at = event
            .timestamp
            .as_ref()
            .map(|at| show::time(at.seconds, at.nanos))
            .unwrap_or_default();
        println!("{at}  {:<10}  {}", show::state(event.state), event.message);
        last = State::from_number(event.state);
    }
    Ok(match last {
        Some(State::Succeeded) => ExitCode::SUCCESS,
        _ => ExitCode::from(exit::NOT_SUCCEEDED),
    })
}
