//! An attempt at a job.

use clap::builder::styling::AnsiColor;
use scheduler_client::{Timestamp, v1};
use serde::Serialize;

use super::job::JobError;
use super::{moment, span, written};
use crate::output::{Cell, Row};

/// An attempt at a job.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Attempt {
    number: i32,
    epoch: i32,
    outcome: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    worker_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<JobError>,
    #[serde(skip)]
    span: Option<(Timestamp, Timestamp)>,
}

impl From<v1::JobAttempt> for Attempt {
    fn from(attempt: v1::JobAttempt) -> Self {
        let (started, finished) = (
            moment(attempt.started_at.as_ref()),
            moment(attempt.finished_at.as_ref()),
        );
        let outcome = v1::job_attempt::Outcome::try_from(attempt.outcome);
        Self {
            number: attempt.number,
            epoch: attempt.epoch,
            outcome: outcome.map_or_else(
                |_| format!("UNKNOWN_{}", attempt.outcome),
                |outcome| outcome.as_str_name().trim_start_matches("OUTCOME_").to_owned(),
            ),
            worker_id: attempt.worker_id,
            started_at: started.map(written),
            finished_at: finished.map(written),
            error: attempt.error.map(JobError::from),
            span: started.zip(finished),
        }
    }
}

impl Row for Attempt {
    const COLUMNS: &'static [&'static str] = &[
        "attempt", "epoch", "outcome", "started", "took", "worker", "error",
    ];

    fn name(&self) -> String {
        self.epoch.to_string()
    }

    fn cells(&self, _: Timestamp) -> Vec<Cell> {
        let outcome = match self.outcome.as_str() {
            "SUCCEEDED" => Cell::colored("SUCCEEDED", AnsiColor::Green),
            "FAILED" => Cell::colored("FAILED", AnsiColor::Red),
            "LOST" => Cell::colored("LOST", AnsiColor::Yellow),
            other => other.into(),
        };
        vec![
            self.number.to_string().into(),
            self.epoch.to_string().into(),
            outcome,
            self.started_at.clone().unwrap_or_default().into(),
            self.span
                .map(|(from, to)| span::exact(to - from))
                .unwrap_or_default()
                .into(),
            self.worker_id.as_str().into(),
            self.error.as_ref().map(JobError::text).unwrap_or_default().into(),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_shows_how_long_it_took_and_why_it_failed() {
        let attempt = Attempt::from(v1::JobAttempt {
            number: 1,
            epoch: 2,
            worker_id: "w".to_owned(),
            started_at: Some(prost_types::Timestamp {
                seconds: 1_767_225_600,
                nanos: 0,
            }),
            finished_at: Some(prost_types::Timestamp {
                seconds: 1_767_225_602,
                nanos: 0,
            }),
            outcome: v1::job_attempt::Outcome::Failed.into(),
            error: Some(v1::JobError {
                r#type: "timeout".to_owned(),
                message: "too slow".to_owned(),
                retryable: true,
            }),
        });
        let cells: Vec<String> = attempt
            .cells(Timestamp::default())
            .iter()
            .map(|cell| cell.show(false))
            .collect();
        let expected = [
            "1",
            "2",
            "FAILED",
            "2026-01-01T00:00:00.000Z",
            "2s",
            "w",
            "timeout: too slow",
        ];
        assert_eq!(cells, expected);
        assert_eq!(cells.len(), Attempt::COLUMNS.len());
    }
}
