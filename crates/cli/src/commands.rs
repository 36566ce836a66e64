//! One file per noun.

pub(crate) mod config;
pub(crate) mod dev;
pub(crate) mod dlq;
pub(crate) mod doctor;
pub(crate) mod experiment;
mod interrupt;
pub(crate) mod jobs;
pub(crate) mod load;
pub(crate) mod migrate;
pub(crate) mod queues;
mod version;

use std::process::ExitCode;

use clap::CommandFactory as _;
use scheduler_client::{Client, ClientOptions};

use crate::args::{Args, Command, Global};
use crate::output::Console;

/// Runs what was typed.
///
/// # Errors
/// A [`scheduler_client::Error`] where the scheduler refused; anything else is this machine's.
pub(crate) async fn run(args: Args, console: &Console) -> anyhow::Result<ExitCode> {
    let Args { global, command } = args;
    match command {
        Command::Dev(args) => dev::run(args).await,
        Command::Jobs(command) => jobs::run(&connect(&global).await?, console, command).await,
        Command::Queues(command) => queues::run(&connect(&global).await?, console, command).await,
        Command::Dlq(command) => dlq::run(&connect(&global).await?, console, command).await,
        Command::Load(args) => Box::pin(load::run(&global, console, *args)).await,
        Command::Experiment(command) => Box::pin(experiment::run(&global, console, command)).await,
        Command::Migrate(args) => migrate::run(args, console).await,
        Command::Doctor(args) => doctor::run(&connect(&global).await?, console, args).await,
        Command::Config(command) => config::run(command, console),
        Command::Completion { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "tsctl", &mut script);
            console.line(&String::from_utf8_lossy(&script))?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Version => version::run(console),
    }
}

async fn connect(global: &Global) -> Result<Client, scheduler_client::Error> {
    Client::connect(ClientOptions {
        request_timeout: global.timeout,
        user_agent: concat!("tsctl/", env!("CARGO_PKG_VERSION")).to_owned(),
        ..ClientOptions::new(global.address.clone())
    })
    .await
}
