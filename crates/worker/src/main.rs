//! `scheduler-worker`: runs jobs with the built-in handlers.

use std::process::ExitCode;

use scheduler_worker::handlers;

fn main() -> ExitCode {
    scheduler_worker::main("scheduler-worker", async |context| {
        handlers::built_in(&context.config.worker)
    })
}
