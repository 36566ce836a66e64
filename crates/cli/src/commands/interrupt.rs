//! Ctrl-C while something is followed.

use std::process::ExitCode;

use crate::exit;
use crate::output::Console;

/// What `work` gives, or the exit code of an interruption after `farewell` was told.
pub(super) async fn or_interrupted(
    console: &Console,
    work: impl Future<Output = anyhow::Result<ExitCode>>,
    farewell: impl FnOnce() -> String,
) -> anyhow::Result<ExitCode> {
    tokio::select! {
        done = work => done,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            console.note(&farewell());
            Ok(ExitCode::from(exit::INTERRUPTED))
        }
    }
}
