//! A whole worker with one handler of its own, configured like the stock one (see `docs/CONFIG.md`):
//!
//! ```sh
//! cargo run -p scheduler-worker --example email -- --set database.url=postgres://… --set redis.url=redis://…
//! ```
//! Then submit a job of type `email.send` with the payload `{"to": "ada@example.com", "subject": "hello"}`.

use std::process::ExitCode;

use scheduler_worker::{JobContext, JobError, Registry};

#[derive(serde::Deserialize)]
struct Email {
    to: String,
    subject: String,
}

/// The job's id names the message, so that sending it twice is sending it once.
async fn send(job: JobContext, email: Email) -> Result<String, JobError> {
    if !email.to.contains('@') {
        return Err(JobError::fatal(format!("{:?} is no address", email.to)).kind("address"));
    }
    println!("message {} to {}: {}", job.id, email.to, email.subject);
    Ok(format!("<{}@example.com>", job.id))
}

fn main() -> ExitCode {
    scheduler_worker::main("email-worker", async |_| {
        Ok(Registry::new().function("email.send", send))
    })
}
