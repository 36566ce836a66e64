//! `tsctl config …`

use std::process::ExitCode;

use clap::Subcommand;
use scheduler_service::config::{self, Config, Environment, Role};
use scheduler_service::run::ConfigArgs;
use secrecy::{ExposeSecret as _, SecretString};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the configuration in force, secrets masked.
    Print(ConfigArgs),
    /// Print its JSON Schema.
    Schema,
    /// Print its reference, as in docs/CONFIG.md.
    Reference,
}

pub(crate) fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Print(args) => {
            let loaded = Config::load(Role::All, &args.sources(Environment::of_process()))?;
            print!("{}", loaded.config.to_toml_masked());
        }
        Command::Schema => println!("{:#}", config::schema()),
        Command::Reference => print!("{}", config::markdown()),
    }
    Ok(ExitCode::SUCCESS)
}

/// The secret itself, for whoever connects with it.
pub(super) fn exposed(secret: &SecretString) -> String {
    secret.expose_secret().to_owned()
}
