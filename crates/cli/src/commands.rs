//! One file per noun.

pub(crate) mod config;
pub(crate) mod dev;
pub(crate) mod dlq;
pub(crate) mod doctor;
pub(crate) mod jobs;
pub(crate) mod migrate;
pub(crate) mod queues;

use std::process::ExitCode;

use clap::CommandFactory as _;
use scheduler_client::{Client, ClientOptions};

use crate::args::{Args, Command};

/// Runs what was typed.
///
/// # Errors
/// A [`scheduler_client::Error`] where the scheduler refused; anything else is this machine's.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Args {
        address,
        output,
        timeout,
        command,
    } = args;
    let connect = async || {
        let options = ClientOptions {
            request_timeout: timeout,
            ..ClientOptions::new(address.clone())
        };
        Client::connect(options).await
    };
    match command {
        Command::Dev(args) => dev::run(args).await,
        Command::Jobs(command) => jobs::run(&connect().await?, command, output).await,
        Command::Queues(command) => queues::run(&connect().await?, command, output).await,
        Command::Dlq(command) => dlq::run(&connect().await?, command, output).await,
        Command::Migrate(args) => migrate::run(args).await,
        Command::Doctor => doctor::run(&connect().await?, &address).await,
        Command::Config(command) => config::run(command),
        Command::Completion { shell } => {
            clap_complete::generate(shell, &mut Args::command(), "tsctl", &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
        Command::Version => {
            println!("tsctl {}", env!("CARGO_PKG_VERSION"));
            Ok(ExitCode::SUCCESS)
        }
    }
}
