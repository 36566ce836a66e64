//! A job.

use std::collections::BTreeMap;

use scheduler_client::{State, Timestamp, v1};
use serde::Serialize;

use super::{moment, priority, span, state, state_cell, time, written};
use crate::output::{Cell, Item, Row};

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct JobError {
    r#type: String,
    message: String,
    retryable: bool,
}

impl From<v1::JobError> for JobError {
    fn from(error: v1::JobError) -> Self {
        Self {
            r#type: error.r#type,
            message: error.message,
            retryable: error.retryable,
        }
    }
}

impl JobError {
    pub(super) fn text(&self) -> String {
        format!("{}: {}", self.r#type, self.message)
    }
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct JobProgress {
    #[serde(skip_serializing_if = "Option::is_none")]
    percent: Option<i32>,
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
    resumable: bool,
}

impl From<v1::JobProgress> for JobProgress {
    fn from(progress: v1::JobProgress) -> Self {
        Self {
            percent: progress.percent,
            message: progress.message,
            resumable: progress.resumable,
        }
    }
}

impl JobProgress {
    fn text(&self) -> String {
        let percent = self.percent.map(|percent| format!("{percent} %"));
        let message = Some(self.message.clone()).filter(|message| !message.is_empty());
        let resumable = self.resumable.then(|| "can be resumed".to_owned());
        let said = [percent, message, resumable];
        said.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// A job as it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Job {
    pub(crate) job_id: String,
    pub(crate) r#type: String,
    pub(crate) state: String,
    priority: String,
    queue: String,
    pub(super) attempts: i32,
    max_attempts: i32,
    #[serde(skip_serializing_if = "is_zero")]
    crashes: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_run_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    worker_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<JobProgress>,
    #[serde(skip_serializing_if = "String::is_empty")]
    result_json: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) last_error: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<JobError>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    sequence: i64,
    #[serde(skip)]
    pub(super) created: Option<Timestamp>,
    #[serde(skip)]
    pub(super) finished: Option<Timestamp>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "what serde calls it with")]
fn is_zero(number: &i32) -> bool {
    *number == 0
}

impl From<v1::JobStatus> for Job {
    fn from(job: v1::JobStatus) -> Self {
        let (created, finished) = (moment(job.created_at.as_ref()), moment(job.finished_at.as_ref()));
        Self {
            job_id: job.job_id,
            r#type: job.r#type,
            state: state(job.state),
            priority: priority(job.priority),
            queue: job.queue,
            attempts: job.attempts,
            max_attempts: job.max_attempts,
            crashes: job.crashes,
            created_at: created.map(written),
            updated_at: time(job.updated_at.as_ref()),
            next_run_at: time(job.next_run_at.as_ref()),
            started_at: time(job.started_at.as_ref()),
            finished_at: finished.map(written),
            worker_id: job.worker_id,
            progress: job.progress.map(JobProgress::from),
            result_json: job.result_json,
            last_error: job.last_error,
            error: job.error.map(JobError::from),
            labels: job.labels.into_iter().collect(),
            sequence: job.sequence,
            created,
            finished,
        }
    }
}

impl Job {
    pub(crate) fn succeeded(&self) -> bool {
        self.state == State::Succeeded.name()
    }

    fn attempts_of(&self) -> String {
        format!("{}/{}", self.attempts, self.max_attempts)
    }
}

impl Row for Job {
    const COLUMNS: &'static [&'static str] = &["id", "type", "state", "priority", "queue", "attempts", "age"];

    fn name(&self) -> String {
        self.job_id.clone()
    }

    fn cells(&self, now: Timestamp) -> Vec<Cell> {
        vec![
            self.job_id.as_str().into(),
            self.r#type.as_str().into(),
            state_cell(&self.state),
            self.priority.as_str().into(),
            self.queue.as_str().into(),
            self.attempts_of().into(),
            self.created
                .map_or_else(String::new, |created| span::age(now - created))
                .into(),
        ]
    }
}

impl Item for Job {
    fn name(&self) -> &str {
        &self.job_id
    }

    fn text(&self, colored: bool) -> String {
        let labels: Vec<String> = self
            .labels
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let optional = |text: &Option<String>| text.clone().unwrap_or_default();
        let lines = [
            ("id", self.job_id.clone()),
            ("type", self.r#type.clone()),
            ("state", state_cell(&self.state).show(colored)),
            ("priority", self.priority.clone()),
            ("queue", self.queue.clone()),
            ("attempts", self.attempts_of()),
            (
                "crashes",
                if self.crashes == 0 {
                    String::new()
                } else {
                    self.crashes.to_string()
                },
            ),
            ("created", optional(&self.created_at)),
            ("updated", optional(&self.updated_at)),
            ("next run", optional(&self.next_run_at)),
            ("started", optional(&self.started_at)),
            ("finished", optional(&self.finished_at)),
            ("worker", self.worker_id.clone()),
            (
                "progress",
                self.progress.as_ref().map(JobProgress::text).unwrap_or_default(),
            ),
            ("labels", labels.join(" ")),
            (
                "error",
                self.error.as_ref().map(JobError::text).unwrap_or_default(),
            ),
            ("result", self.result_json.clone()),
        ];
        let said = lines.iter().filter(|(_, text)| !text.is_empty());
        said.map(|(name, text)| format!("{name:<9} {text}"))
            .collect::<Vec<_>>()
            .join("\n")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::view) fn status() -> v1::JobStatus {
        v1::JobStatus {
            job_id: "the-id".to_owned(),
            state: State::DeadLetter.number(),
            attempts: 3,
            max_attempts: 3,
            r#type: "flaky".to_owned(),
            priority: 2,
            queue: "mail".to_owned(),
            last_error: "it broke".to_owned(),
            created_at: Some(prost_types::Timestamp {
                seconds: 1_767_225_600,
                nanos: 0,
            }),
            finished_at: Some(prost_types::Timestamp {
                seconds: 1_767_225_601,
                nanos: 500_000_000,
            }),
            error: Some(v1::JobError {
                r#type: "boom".to_owned(),
                message: "it broke".to_owned(),
                retryable: true,
            }),
            labels: [("team".to_owned(), "a".to_owned())].into(),
            sequence: 9,
            ..v1::JobStatus::default()
        }
    }

    #[test]
    fn json_has_the_names_of_the_contract_and_nothing_empty() {
        let json = serde_json::to_string(&Job::from(status())).unwrap();
        let expected = concat!(
            r#"{"job_id":"the-id","type":"flaky","state":"DEADLETTER","priority":"high","queue":"mail","#,
            r#""attempts":3,"max_attempts":3,"created_at":"2026-01-01T00:00:00.000Z","#,
            r#""finished_at":"2026-01-01T00:00:01.500Z","last_error":"it broke","#,
            r#""error":{"type":"boom","message":"it broke","retryable":true},"labels":{"team":"a"},"sequence":9}"#,
        );
        assert_eq!(json, expected);
    }

    #[test]
    fn a_row_shows_how_old_the_job_is() {
        let now = "2026-01-01T00:10:00Z".parse().unwrap();
        let cells: Vec<String> = Job::from(status())
            .cells(now)
            .iter()
            .map(|cell| cell.show(false))
            .collect();
        assert_eq!(
            cells,
            ["the-id", "flaky", "DEADLETTER", "high", "mail", "3/3", "10m"]
        );
        assert_eq!(cells.len(), Job::COLUMNS.len());
    }

    #[test]
    fn alone_it_is_told_line_by_line() {
        let text = Item::text(&Job::from(status()), false);
        assert!(text.contains("state     DEADLETTER\n"), "{text}");
        assert!(text.contains("labels    team=a\n"), "{text}");
        assert!(text.ends_with("error     boom: it broke"), "{text}");
        assert!(!text.contains("worker"), "{text}");
    }

    #[test]
    fn progress_is_told_in_a_line() {
        let with = |percent, message: &str, resumable| {
            let progress = v1::JobProgress {
                percent,
                message: message.to_owned(),
                resumable,
            };
            let status = v1::JobStatus {
                progress: Some(progress),
                ..status()
            };
            Item::text(&Job::from(status), false)
        };
        let text = with(Some(40), "page 4 of 10", true);
        assert!(
            text.contains("progress  40 %, page 4 of 10, can be resumed\n"),
            "{text}"
        );
        assert!(with(None, "", true).contains("progress  can be resumed\n"));
        assert!(with(Some(40), "", false).contains("progress  40 %\n"));
    }

    #[test]
    fn what_a_newer_server_says_is_shown_by_its_number() {
        let job = Job::from(v1::JobStatus {
            state: 42,
            priority: 7,
            ..status()
        });
        assert_eq!(
            (job.state.as_str(), job.priority.as_str()),
            ("UNKNOWN_42", "unknown_7")
        );
    }
}
