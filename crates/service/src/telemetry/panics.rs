//! Panics as log lines.

use std::backtrace::Backtrace;
use std::panic::{self, PanicHookInfo};

/// From now on, a panic anywhere is logged like any other error, instead of being written as text between JSON lines.
pub(crate) fn log_panics() {
    panic::set_hook(Box::new(log));
}

fn log(info: &PanicHookInfo<'_>) {
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    tracing::error!(
        panic.message = info.payload_as_str().unwrap_or("no message"),
        panic.location = location,
        panic.thread = thread.name().unwrap_or("unnamed"),
        panic.backtrace = %Backtrace::capture(),
        "panicked"
    );
}
