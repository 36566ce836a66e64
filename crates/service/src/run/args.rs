//! The command line that every process has.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory, FromArgMatches, Parser};

use crate::config::{Environment, Sources};
use crate::version::VERSION;

/// How a command is told its configuration; for flattening into other commands' arguments.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ConfigArgs {
    /// TOML file to read; see docs/CONFIG.md. [default: what SCHEDULER_CONFIG names]
    #[arg(long, value_name = "PATH")]
    pub config: Option<PathBuf>,
    /// Sets one field, over file and environment. May be repeated.
    #[arg(long, value_name = "SECTION.FIELD=VALUE")]
    pub set: Vec<String>,
}

impl ConfigArgs {
    /// Together with `env`, all that a configuration is loaded from; `.env` in the present folder belongs to it.
    #[must_use]
    pub fn sources(self, env: Environment) -> Sources {
        Sources {
            file: self.config,
            dotenv: Some(PathBuf::from(".env")),
            env,
            set: self.set,
        }
    }
}

/// Arguments of a process.
#[derive(Debug, Parser)]
#[command(version = VERSION)]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) config: ConfigArgs,
    /// Print the configuration in force, secrets masked, and exit.
    #[arg(long)]
    pub(super) print_config: bool,
}

/// Parses `args`, of which the first is the program.
///
/// # Errors
/// Bad arguments; also `--help` and `--version`, whose texts are errors to clap.
pub(super) fn parse(
    args: impl IntoIterator<Item = OsString>,
    name: &'static str,
) -> Result<Args, clap::Error> {
    let command = Args::command().name(name).bin_name(name);
    Args::from_arg_matches(&command.try_get_matches_from(args)?)
}
