//! Built-in handlers: for trying, testing and load.

mod always_fail;
mod db_tx;
mod flaky;
mod http_call;
mod noop;
mod sleep;

pub use always_fail::AlwaysFail;
pub use db_tx::DbTx;
pub use flaky::Flaky;
pub use http_call::HttpCall;
pub use noop::Noop;
pub use sleep::Sleep;

use anyhow::Context as _;
use scheduler_service::config;

use crate::Registry;

/// Those that need no configuration.
#[must_use]
pub fn stock() -> Registry {
    Registry::new()
        .handler(Noop)
        .handler(Sleep)
        .handler(Flaky)
        .handler(AlwaysFail)
}

/// All of them. Must be called inside a runtime.
///
/// # Errors
/// When one cannot be set up as configured.
pub fn built_in(config: &config::Worker) -> anyhow::Result<Registry> {
    let http_call = HttpCall::new(&config.http_call).context("setting up http_call")?;
    let db_tx = DbTx::new(&config.db_tx).context("setting up db_tx")?;
    Ok(stock().handler(http_call).handler(db_tx))
}
