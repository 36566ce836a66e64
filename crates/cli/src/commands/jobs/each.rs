//! `tsctl jobs cancel|retry|delete`: one verb, several jobs.

use std::process::ExitCode;

use scheduler_client::{Client, Error, Timestamp};
use serde::Serialize;

use crate::exit;
use crate::output::{Cell, Console, Row};

/// Which jobs.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Their ids.
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
}

/// What is done to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Cancels it.
    Cancel,
    /// Runs it again.
    Retry,
    /// Deletes it.
    Delete,
}

/// What became of one job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Outcome {
    job_id: String,
    outcome: &'static str,
}

impl Verb {
    /// Does it to one job.
    pub(crate) async fn apply(self, client: &Client, id: &str) -> Result<Outcome, Error> {
        let outcome = match self {
            Self::Cancel if client.cancel(id).await?.inner => "cancelled",
            Self::Cancel => Outcome::TOO_LATE,
            Self::Retry => client.retry(id).await.map(|_| "queued again")?,
            Self::Delete => client.delete(id).await.map(|_| "deleted")?,
        };
        Ok(Outcome {
            job_id: id.to_owned(),
            outcome,
        })
    }
}

impl Outcome {
    const TOO_LATE: &'static str = "had already ended";
}

impl Row for Outcome {
    const COLUMNS: &'static [&'static str] = &["id", "outcome"];

    fn name(&self) -> String {
        self.job_id.clone()
    }

    fn cells(&self, _: Timestamp) -> Vec<Cell> {
        vec![self.job_id.as_str().into(), self.outcome.into()]
    }
}

/// Goes on after a job that cannot be served; the exit code is the first such job's.
pub(super) async fn run(
    client: &Client,
    console: &Console,
    verb: Verb,
    args: Args,
) -> anyhow::Result<ExitCode> {
    let mut outcomes = Vec::new();
    let mut first = None;
    for id in args.ids {
        match verb.apply(client, &id).await {
            Ok(outcome) => outcomes.push(outcome),
            Err(error) if concerns_this_job_alone(&error) => {
                let code = exit::report(&error.into(), console, &client.options().address);
                first.get_or_insert(code);
            }
            Err(error) => return Err(error.into()),
        }
    }
    console.list(&outcomes)?;
    let too_late = outcomes
        .iter()
        .any(|outcome| outcome.outcome == Outcome::TOO_LATE);
    let otherwise = if too_late {
        ExitCode::from(exit::PRECONDITION)
    } else {
        ExitCode::SUCCESS
    };
    Ok(first.unwrap_or(otherwise))
}

/// Whether the next job may fare better.
pub(crate) fn concerns_this_job_alone(error: &Error) -> bool {
    matches!(
        error,
        Error::NotFound { .. } | Error::Precondition { .. } | Error::Invalid { .. }
    )
}
