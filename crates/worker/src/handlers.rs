//! Built-in handlers: for trying, testing and load.

mod always_fail;
mod flaky;
mod noop;
mod sleep;

pub use always_fail::AlwaysFail;
pub use flaky::Flaky;
pub use noop::Noop;
pub use sleep::Sleep;

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
