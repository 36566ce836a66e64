//! A change of a job.

use scheduler_client::v1;
use serde::Serialize;

use super::{state, state_cell, time};
use crate::output::Item;

/// A change of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Event {
    job_id: String,
    state: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
    attempts: i32,
    sequence: i64,
}

impl From<&v1::JobEvent> for Event {
    fn from(event: &v1::JobEvent) -> Self {
        Self {
            job_id: event.job_id.clone(),
            state: state(event.state),
            message: event.message.clone(),
            timestamp: time(event.timestamp.as_ref()),
            attempts: event.attempts,
            sequence: event.sequence,
        }
    }
}

impl Item for Event {
    /// The only thing that changes.
    fn name(&self) -> &str {
        &self.state
    }

    fn text(&self, colored: bool) -> String {
        let (at, state) = (
            self.timestamp.as_deref().unwrap_or_default(),
            state_cell(&self.state).show(colored),
        );
        let padding = " ".repeat("DEADLETTER".len().saturating_sub(self.state.len()));
        format!("{at}  {state}{padding}  {}", self.message)
            .trim_end()
            .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Event {
        Event::from(&v1::JobEvent {
            job_id: "the-id".to_owned(),
            state: 2,
            message: "attempt 1 of 3".to_owned(),
            timestamp: Some(prost_types::Timestamp {
                seconds: 1_767_225_600,
                nanos: 100_000_000,
            }),
            attempts: 1,
            sequence: 2,
            status: None,
        })
    }

    #[test]
    fn a_change_is_a_line_with_its_time() {
        assert_eq!(
            event().text(false),
            "2026-01-01T00:00:00.100Z  RUNNING     attempt 1 of 3"
        );
    }

    #[test]
    fn a_change_is_an_object_to_programs() {
        let json = serde_json::to_string(&event()).unwrap();
        let expected = concat!(
            r#"{"job_id":"the-id","state":"RUNNING","message":"attempt 1 of 3","#,
            r#""timestamp":"2026-01-01T00:00:00.100Z","attempts":1,"sequence":2}"#,
        );
        assert_eq!(json, expected);
    }
}
