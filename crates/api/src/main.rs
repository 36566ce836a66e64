//! `scheduler-api`: serves gRPC, and keeps queue and store in step.

use std::process::ExitCode;

use scheduler_service::config::Role;
use scheduler_service::run::run;

fn main() -> ExitCode {
    run("scheduler-api", Role::Api, scheduler_api::run)
}
