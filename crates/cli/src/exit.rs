//! Errors to exit codes, with the fix where there is one.

use std::process::ExitCode;

use scheduler_client::Error;

use crate::args::Format;
use crate::output::Console;
use crate::view;

/// There is no such job.
const NOT_FOUND: u8 = 3;
/// The job is in the wrong state for this, or belongs to somebody else.
pub(crate) const PRECONDITION: u8 = 4;
/// The scheduler does not know us, or does not let us.
const AUTH: u8 = 5;
/// The scheduler cannot be reached, or not in time.
const UNAVAILABLE: u8 = 6;
/// The job that was awaited did not succeed.
pub(crate) const NOT_SUCCEEDED: u8 = 7;
/// A threshold is broken.
pub(crate) const THRESHOLD: u8 = 99;
/// Interrupted by Ctrl-C.
pub(crate) const INTERRUPTED: u8 = 130;

/// The command line asks for something that makes no sense, which only a look at more than the command line could tell.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

/// Something is in the way that only its owner can clear.
#[derive(Debug)]
pub(crate) struct Precondition(pub(crate) String);

/// What is needed besides the scheduler does not answer.
#[derive(Debug)]
pub(crate) struct Unreachable(pub(crate) String);

macro_rules! told {
    ($($error:ident),*) => {$(
        impl std::fmt::Display for $error {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::error::Error for $error {}
    )*};
}
told!(Usage, Precondition, Unreachable);

/// Prints `error` on the error stream; the exit code to leave with.
pub(crate) fn report(error: &anyhow::Error, console: &Console, address: &str) -> ExitCode {
    // Whoever read our output has had enough, as with `tsctl jobs list | head`.
    if error.chain().any(is_broken_pipe) {
        return ExitCode::SUCCESS;
    }
    if console.format() == Format::Json {
        eprintln!("{}", view::failure(error));
    } else {
        eprintln!("{} {}", console.alarm("error:"), view::told(error));
        let refused = error.downcast_ref::<Error>();
        if let Some(fix) = refused.and_then(|refused| fix(refused, address)) {
            eprintln!("  {fix}");
        }
        if let Some(Error::Internal {
            request_id: Some(id), ..
        }) = refused
        {
            eprintln!("  the scheduler's log has more, under the request id {id}");
        }
    }
    ExitCode::from(code(error))
}

fn is_broken_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    error
        .downcast_ref::<std::io::Error>()
        .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

fn code(error: &anyhow::Error) -> u8 {
    if error.is::<Usage>() {
        return 2;
    }
    if error.is::<Precondition>() {
        return PRECONDITION;
    }
    if error.is::<Unreachable>() {
        return UNAVAILABLE;
    }
    match error.downcast_ref::<Error>() {
        Some(Error::Invalid { .. } | Error::Address { .. }) => 2,
        Some(Error::NotFound { .. }) => NOT_FOUND,
        Some(Error::Conflict { .. } | Error::Precondition { .. }) => PRECONDITION,
        Some(Error::Auth { .. }) => AUTH,
        Some(Error::Unavailable { .. } | Error::Timeout { .. } | Error::Busy { .. }) => UNAVAILABLE,
        _ => 1,
    }
}

fn fix(error: &Error, address: &str) -> Option<String> {
    let fix = match error {
        Error::Unavailable { .. } if error.is_connection() => {
            return Some(format!(
                "is a scheduler running at {address}? start one: tsctl dev"
            ));
        }
        Error::Unavailable { .. } => "the scheduler is there, but not what it needs: tsctl doctor says more",
        Error::Timeout { .. } => "allow it more time with --timeout, or see: tsctl doctor",
        Error::Busy { .. } => "the scheduler sheds load: try again in a moment",
        Error::Conflict { .. } => "submit the same job as before, or take another --id or --key",
        Error::Internal { .. } if error.code() == tonic::Code::Unimplemented => {
            return Some(format!(
                "is {address} a scheduler, and one at least as new as this tsctl?"
            ));
        }
        _ => return None,
    };
    Some(fix.to_owned())
}

#[cfg(test)]
mod tests {
    use tonic::{Code, Status};

    use super::*;

    #[test]
    fn every_refusal_has_its_exit_code() {
        let table = [
            (Code::InvalidArgument, 2),
            (Code::NotFound, 3),
            (Code::AlreadyExists, 4),
            (Code::FailedPrecondition, 4),
            (Code::Aborted, 4),
            (Code::Unauthenticated, 5),
            (Code::PermissionDenied, 5),
            (Code::Unavailable, 6),
            (Code::ResourceExhausted, 6),
            (Code::DeadlineExceeded, 6),
            (Code::Internal, 1),
            (Code::Unimplemented, 1),
        ];
        for (grpc, expected) in table {
            let error = anyhow::Error::from(Error::from(Status::new(grpc, "m")));
            assert_eq!(code(&error), expected, "{grpc:?}");
            assert_eq!(
                code(&error.context("while doing something")),
                expected,
                "{grpc:?} in context"
            );
        }
    }

    #[test]
    fn what_is_not_the_schedulers_is_a_failure_or_a_usage_error() {
        assert_eq!(code(&anyhow::anyhow!("disk full")), 1);
        assert_eq!(code(&Usage("that makes no sense".to_owned()).into()), 2);
        assert_eq!(code(&Precondition("somebody is there".to_owned()).into()), 4);
        assert_eq!(code(&Unreachable("nobody is there".to_owned()).into()), 6);
    }

    #[test]
    fn a_refused_connection_says_how_to_start_a_scheduler() {
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let error = Error::from(Status::from_error(Box::new(refused)));
        let fix = fix(&error, "http://localhost:1").unwrap();
        assert_eq!(
            fix,
            "is a scheduler running at http://localhost:1? start one: tsctl dev"
        );
    }
}
