//! `tsctl`: run a scheduler in development, submit and follow jobs, look after queues and dead letters.

mod args;
mod commands;
mod exit;
mod output;
mod parse;
mod view;

use std::process::ExitCode;

use clap::Parser as _;

use output::Console;

fn main() -> ExitCode {
    let args = args::Args::parse();
    let console = Console::new(&args.global);
    let address = args.global.address.clone();
    let ran = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(commands::run(args, &console)));
    ran.unwrap_or_else(|error| exit::report(&error, &console, &address))
}
