//! `tsctl config …`

use std::process::ExitCode;

use clap::Subcommand;
use scheduler_service::config::{self, Config, Environment, Role};
use scheduler_service::run::ConfigArgs;

use crate::output::Console;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Print the configuration in force as TOML, secrets masked.
    #[command(
        after_help = "Examples:\n  tsctl config print\n  tsctl config print --config scheduler.toml --set api.port=9000"
    )]
    Print(ConfigArgs),
    /// Print the configuration's JSON Schema.
    #[command(after_help = "Examples:\n  tsctl config schema > scheduler.schema.json")]
    Schema,
    /// Print the configuration's reference, as in docs/CONFIG.md.
    #[command(after_help = "Examples:\n  tsctl config reference > docs/CONFIG.md")]
    Reference,
}

pub(crate) fn run(command: Command, console: &Console) -> anyhow::Result<ExitCode> {
    let text = match command {
        Command::Print(args) => {
            let loaded = Config::load(Role::All, &args.sources(Environment::of_process()))?;
            loaded.config.to_toml_masked()
        }
        Command::Schema => format!("{:#}", config::schema()),
        Command::Reference => config::markdown(),
    };
    console.line(&text)?;
    Ok(ExitCode::SUCCESS)
}
