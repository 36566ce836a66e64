//! `tsctl migrate`: brings the schema up to date, and does nothing else.

use std::process::ExitCode;

use anyhow::Context as _;
use scheduler_service::config::{Config, Environment, Role};
use scheduler_service::run::ConfigArgs;
use scheduler_store::{Maintenance as _, PostgresOptions, PostgresStore};
use secrecy::ExposeSecret as _;

use crate::output::Console;

/// Bring the database's schema up to date. Safe to run at any time, and by several at once.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tsctl migrate --database-url postgres://root@localhost:26257/scheduler
  COCKROACHDB_HOST=db tsctl migrate")]
pub(crate) struct Args {
    /// The database [default: the configuration's].
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    #[command(flatten)]
    config: ConfigArgs,
}

pub(crate) async fn run(args: Args, console: &Console) -> anyhow::Result<ExitCode> {
    let url = match args.database_url {
        Some(url) => url,
        None => {
            let loaded = Config::load(Role::All, &args.config.sources(Environment::of_process()))?;
            loaded.config.database.connection_url().expose_secret().to_owned()
        }
    };
    let store = PostgresStore::connect(PostgresOptions::new(url))
        .await
        .context("connecting to the database")?;
    store.migrate().await.context("migrating")?;
    store.ping().await.context("looking at the schema")?;
    console.note("the schema is up to date");
    Ok(ExitCode::SUCCESS)
}
