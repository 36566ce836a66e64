//! `scheduler-worker`, told to tell, with handlers whose effects are counted. For tests only.

use std::process::ExitCode;

fn main() -> ExitCode {
    scheduler_e2e::harness::worker()
}
