//! Errors to exit codes, with the fix where there is one.

use std::process::ExitCode;

use scheduler_client::Error;

use crate::output::Format;

/// The job that was awaited did not succeed.
pub(crate) const NOT_SUCCEEDED: u8 = 7;
/// Interrupted by Ctrl-C.
pub(crate) const INTERRUPTED: u8 = 130;

/// Prints `error` on the error stream; the exit code to leave with.
pub(crate) fn report(error: &anyhow::Error, format: Format) -> ExitCode {
    let refused = error.downcast_ref::<Error>();
    if matches!(format, Format::Json) {
        let reason = refused.and_then(Error::reason);
        let shown = serde_json::json!({ "error": { "message": format!("{error:#}"), "reason": reason } });
        eprintln!("{shown}");
    } else {
        eprintln!("error: {error:#}");
        if let Some(fix) = refused.and_then(fix) {
            eprintln!("  {fix}");
        }
    }
    ExitCode::from(refused.map_or(1, code))
}

fn code(error: &Error) -> u8 {
    match error {
        Error::NotFound { .. } => 3,
        Error::Conflict { .. } | Error::Precondition { .. } => 4,
        Error::Auth { .. } => 5,
        Error::Unavailable { .. } | Error::Timeout { .. } | Error::Busy { .. } => 6,
        Error::Invalid { .. } | Error::Address { .. } => 2,
        _ => 1,
    }
}

fn fix(error: &Error) -> Option<&'static str> {
    match error {
        Error::Unavailable { .. } if error.is_connection() => {
            Some("is a scheduler running at --address (TSCTL_ADDRESS)? start one with: tsctl dev")
        }
        Error::Busy { .. } => Some("the scheduler sheds load: try again in a moment"),
        _ => None,
    }
}
