//! `scheduler-api`, told to tell. For tests only.

use std::process::ExitCode;

fn main() -> ExitCode {
    scheduler_e2e::harness::api()
}
