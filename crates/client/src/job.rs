//! Building a job.

use std::time::Duration;

use scheduler_domain::{Priority, RetryPolicy, Timestamp};
use scheduler_proto::v1;
use serde::Serialize;

use crate::wire;

/// A job to submit. What is not set is left to the server's defaults; what is wrong, the server says, all at once.
///
/// ```
/// # use scheduler_client::{JobRequest, Priority};
/// let job = JobRequest::new("noop").priority(Priority::Low).label("team", "search").max_attempts(5);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[must_use = "a job does nothing until it is submitted"]
pub struct JobRequest(v1::Job);

impl JobRequest {
    /// A job for the handler of this type, without arguments (`{}`), at default priority.
    pub fn new(job_type: impl Into<String>) -> Self {
        Self(v1::Job {
            r#type: job_type.into(),
            priority: Priority::Default.number(),
            payload_json: "{}".to_owned(),
            ..v1::Job::default()
        })
    }

    /// The handler's argument.
    ///
    /// # Errors
    /// When the value cannot be written as JSON.
    pub fn payload<T: Serialize + ?Sized>(self, argument: &T) -> Result<Self, serde_json::Error> {
        serde_json::to_string(argument).map(|json| self.payload_json(json))
    }

    /// The handler's argument, as JSON text.
    pub fn payload_json(mut self, json: impl Into<String>) -> Self {
        self.0.payload_json = json.into();
        self
    }

    /// How urgent it is.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.0.priority = priority.number();
        self
    }

    /// Which line it waits in.
    pub fn queue(mut self, queue: impl Into<String>) -> Self {
        self.0.queue = queue.into();
        self
    }

    /// Its id: a UUID. Submitting the same job again under it is submitting once.
    pub fn id(mut self, job_id: impl Into<String>) -> Self {
        self.0.job_id = job_id.into();
        self
    }

    /// Its idempotency key. Submitting the same job again under it is submitting once.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.0.idempotency_key = key.into();
        self
    }

    /// Not before this moment.
    pub fn run_at(mut self, at: Timestamp) -> Self {
        self.0.run_at = Some(wire::timestamp(at));
        self
    }

    /// Not before so long after it was accepted, by the server's clock.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.0.delay = Some(wire::duration(delay));
        self
    }

    /// Longest that one attempt may run.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.0.timeout = Some(wire::duration(timeout));
        self
    }

    /// How often it may be tried.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        // What does not fit the wire is out of the server's bounds as well: let the server say so.
        self.0.max_attempts = i32::try_from(attempts).unwrap_or(i32::MAX);
        self
    }

    /// A mark of the submitter's own.
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.labels.insert(name.into(), value.into());
        self
    }

    /// When failed attempts are repeated.
    pub fn retry(mut self, policy: &RetryPolicy) -> Self {
        self.0.retry_policy = Some(wire::retry_policy(policy));
        self
    }

    /// Whether the server would recognise it when it came twice.
    #[must_use]
    pub fn is_keyed(&self) -> bool {
        !self.0.job_id.is_empty() || !self.0.idempotency_key.is_empty()
    }

    /// As it goes over the wire.
    #[must_use]
    pub fn into_message(self) -> v1::Job {
        self.0
    }
}

impl From<v1::Job> for JobRequest {
    fn from(job: v1::Job) -> Self {
        Self(job)
    }
}

#[cfg(test)]
mod tests {
    use scheduler_domain::Jitter;

    use super::*;

    #[test]
    fn a_new_job_has_what_the_server_requires() {
        let job = JobRequest::new("noop").into_message();
        assert_eq!(
            (job.r#type.as_str(), job.priority, job.payload_json.as_str()),
            ("noop", 3, "{}")
        );
    }

    #[test]
    fn every_setter_lands_in_its_field() {
        let at = "2027-01-02T03:04:05.678Z".parse::<Timestamp>().unwrap();
        let policy = RetryPolicy {
            jitter: Jitter::None,
            ..RetryPolicy::default()
        };
        let job = JobRequest::new("t")
            .payload(&serde_json::json!({"a": 1}))
            .unwrap()
            .priority(Priority::Critical)
            .queue("q")
            .id("i")
            .key("k")
            .run_at(at)
            .timeout(Duration::from_millis(1500))
            .max_attempts(7)
            .label("team", "a")
            .retry(&policy)
            .delay(Duration::from_secs(5))
            .into_message();
        let expected = v1::Job {
            job_id: "i".to_owned(),
            r#type: "t".to_owned(),
            priority: 1,
            payload_json: r#"{"a":1}"#.to_owned(),
            idempotency_key: "k".to_owned(),
            max_attempts: 7,
            queue: "q".to_owned(),
            run_at: Some(prost_types::Timestamp {
                seconds: at.timestamp(),
                nanos: 678_000_000,
            }),
            timeout: Some(prost_types::Duration {
                seconds: 1,
                nanos: 500_000_000,
            }),
            labels: [("team".to_owned(), "a".to_owned())].into(),
            retry_policy: Some(v1::RetryPolicy {
                initial_interval: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
                multiplier: 2.0,
                max_interval: Some(prost_types::Duration {
                    seconds: 600,
                    nanos: 0,
                }),
                jitter: v1::retry_policy::Jitter::None.into(),
            }),
            delay: Some(prost_types::Duration { seconds: 5, nanos: 0 }),
        };
        assert_eq!(job, expected);
    }

    #[test]
    fn an_id_or_a_key_makes_a_job_recognisable() {
        assert!(!JobRequest::new("noop").is_keyed());
        assert!(JobRequest::new("noop").id("x").is_keyed());
        assert!(JobRequest::new("noop").key("x").is_keyed());
    }
}
