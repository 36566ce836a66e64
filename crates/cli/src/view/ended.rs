//! How a job ended.

use serde::Serialize;

use super::{Job, span, state_cell};
use crate::output::Item;

/// A job that was awaited: all of it to programs, how it ended to people.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct Ended(pub(crate) Job);

impl Item for Ended {
    fn name(&self) -> &str {
        &self.0.job_id
    }

    fn text(&self, colored: bool) -> String {
        let job = &self.0;
        let attempts = if job.attempts == 1 {
            "1 attempt".to_owned()
        } else {
            format!("{} attempts", job.attempts)
        };
        let took = job
            .created
            .zip(job.finished)
            .map(|(created, finished)| span::exact(finished - created));
        let took = took
            .map(|took| format!(", {took} after it was accepted"))
            .unwrap_or_default();
        let why = if job.last_error.is_empty() || job.succeeded() {
            String::new()
        } else {
            format!(": {}", job.last_error)
        };
        format!(
            "{} {} with {attempts}{took}{why}",
            job.job_id,
            state_cell(&job.state).show(colored)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::job::tests::status;

    #[test]
    fn its_end_is_told_in_one_line() {
        let text = Ended(Job::from(status())).text(false);
        assert_eq!(
            text,
            "the-id DEADLETTER with 3 attempts, 1s 500ms after it was accepted: it broke"
        );
    }
}
