//! What a submitter asks for.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{JobId, JobType, KeyHash, Priority, QueueName, RetryPolicy, Timestamp};

/// The rarely used parts of a job's body, stored together and left out when all are default.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct JobOptions {
    /// Not before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_at: Option<Timestamp>,
    /// Not before so long after it was accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<Duration>,
    /// Longest that one attempt may run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// The submitter's own marks.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// How failures are retried; the default policy when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetryPolicy>,
}

/// The body of a job: valid by construction in the API, defaults filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct JobSpec {
    /// Which handler runs it.
    pub job_type: JobType,
    /// Which line it waits in.
    pub queue: QueueName,
    /// How urgent it is.
    pub priority: Priority,
    /// JSON text, as submitted.
    pub payload: String,
    /// 1 … 100.
    pub max_attempts: u32,
    /// Everything else.
    pub options: JobOptions,
}

impl JobSpec {
    /// The retry policy in force.
    #[must_use]
    pub fn retry_policy(&self) -> RetryPolicy {
        self.options.retry.clone().unwrap_or_default()
    }

    /// Names of the request's fields in which `other` differs; empty when both are the same body.
    ///
    /// Equal JSON in another spelling (spaces, key order) is the same payload.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let same_json = |a: &str, b: &str| {
            a == b
                || matches!(
                    (serde_json::from_str::<Value>(a), serde_json::from_str::<Value>(b)),
                    (Ok(a), Ok(b)) if a == b
                )
        };
        [
            ("type", self.job_type == other.job_type),
            ("queue", self.queue == other.queue),
            ("priority", self.priority == other.priority),
            ("payload_json", same_json(&self.payload, &other.payload)),
            ("max_attempts", self.max_attempts == other.max_attempts),
            ("run_at", self.options.run_at == other.options.run_at),
            ("delay", self.options.delay == other.options.delay),
            ("timeout", self.options.timeout == other.options.timeout),
            ("labels", self.options.labels == other.options.labels),
            ("retry_policy", self.retry_policy() == other.retry_policy()),
        ]
        .into_iter()
        .filter_map(|(field, same)| (!same).then_some(field))
        .collect()
    }
}

/// A job on its way into the store.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// Its id, the client's or ours.
    pub id: JobId,
    /// Whether the client chose the id, so that it may already exist.
    pub chosen: bool,
    /// The idempotency key, when there is one.
    pub key: Option<KeyHash>,
    /// The body.
    pub spec: JobSpec,
    /// W3C `traceparent` of the submitting request.
    pub trace: Option<String>,
}

impl NewJob {
    /// Whether the plain insert could collide with a row that is already there.
    #[must_use]
    pub fn is_keyed(&self) -> bool {
        self.chosen || self.key.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> JobSpec {
        JobSpec {
            job_type: JobType::parse("noop").unwrap(),
            queue: QueueName::default(),
            priority: Priority::Default,
            payload: r#"{"a":1,"b":[1,2]}"#.to_owned(),
            max_attempts: 3,
            options: JobOptions::default(),
        }
    }

    #[test]
    fn equal_json_in_another_spelling_is_the_same_body() {
        let other = JobSpec {
            payload: "{ \"b\": [1, 2],\n\"a\": 1 }".to_owned(),
            ..spec()
        };
        assert!(spec().differences(&other).is_empty());
    }

    #[test]
    fn big_integers_are_compared_exactly() {
        let one = JobSpec {
            payload: "9007199254740993".to_owned(),
            ..spec()
        };
        let other = JobSpec {
            payload: "9007199254740992".to_owned(),
            ..spec()
        };
        assert_eq!(one.differences(&other), ["payload_json"]);
    }

    #[test]
    fn differences_name_the_fields_of_the_request() {
        let mut other = JobSpec {
            payload: "{}".to_owned(),
            priority: Priority::Low,
            ..spec()
        };
        other.options.labels.insert("team".to_owned(), "a".to_owned());
        assert_eq!(spec().differences(&other), ["priority", "payload_json", "labels"]);
    }

    #[test]
    fn naming_the_default_retry_policy_is_the_same_as_naming_none() {
        let mut other = spec();
        other.options.retry = Some(RetryPolicy::default());
        assert!(spec().differences(&other).is_empty());
    }
}
