//! `tsctl`: run a scheduler in development, submit and follow jobs, look after queues and dead letters.

mod args;
mod commands;
mod exit;
mod output;
mod show;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let args = args::Args::parse();
    let output = args.output;
    let ran = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(commands::run(args)));
    ran.unwrap_or_else(|error| exit::report(&error, output))
}
