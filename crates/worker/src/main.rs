//! `scheduler-worker`: runs jobs with the built-in handlers.

use std::process::ExitCode;

use scheduler_service::config::Role;
use scheduler_service::run::run;
use scheduler_worker::handlers;

fn main() -> ExitCode {
    run("scheduler-worker", Role::Worker, |context| {
        scheduler_worker::run_process(context, handlers::stock())
    })
}
