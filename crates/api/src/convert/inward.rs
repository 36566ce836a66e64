//! From the wire: every violation of a job is found at once, by the path of its field.

use std::time::Duration;

use scheduler_domain::{
    Invalid, Jitter, JobId, JobOptions, JobSpec, JobType, KeyHash, Priority, QueueName, RetryPolicy, State,
    Timestamp, clock, limits,
};
use scheduler_engine::Submission;
use scheduler_proto::v1;
use sha2::{Digest as _, Sha256};

/// What is said of a payload past its limit; the error has a reason of its own.
pub(crate) const PAYLOAD_TOO_LARGE: &str = "must be at most 1 MiB";
/// What a job id may be.
const UUID: &str = "must be a UUID, such as 6ba7b810-9dad-41d1-80b4-00c04fd430c8";

/// Collects what is wrong.
#[derive(Default)]
struct Faults(Vec<Invalid>);

impl Faults {
    fn add(&mut self, field: &str, allowed: &str) {
        self.0.push(Invalid::new(field, allowed));
    }

    fn check(&mut self, ok: bool, field: &str, allowed: &str) {
        if !ok {
            self.add(field, allowed);
        }
    }

    fn take<T>(&mut self, value: Result<T, Invalid>) -> Option<T> {
        value.map_err(|fault| self.0.push(fault)).ok()
    }
}

/// A job id in a request's `field`.
///
/// # Errors
/// [`Invalid`] naming the field.
pub fn job_id(field: &str, text: &str) -> Result<JobId, Invalid> {
    // Only the two usual spellings: braces and URNs would let one job have several names in logs.
    let usual = matches!(text.len(), 32 | 36);
    usual
        .then(|| text.parse().ok())
        .flatten()
        .ok_or_else(|| Invalid::new(field, UUID))
}

/// Checks a job and fills in its defaults.
///
/// # Errors
/// Every violation.
pub fn submission(
    job: Option<v1::Job>,
    now: Timestamp,
    trace: Option<String>,
) -> Result<Submission, Vec<Invalid>> {
    let Some(job) = job else {
        return Err(vec![Invalid::new("job", "is required")]);
    };
    let mut faults = Faults::default();
    let id = match job.job_id.as_str() {
        "" => None,
        text => faults.take(job_id("job.job_id", text)),
    };
    let job_type = faults.take(JobType::parse(job.r#type));
    let queue = faults.take(QueueName::parse(job.queue));
    let priority = Priority::from_number(job.priority);
    faults.check(
        priority.is_some(),
        "job.priority",
        "must be CRITICAL (1), HIGH (2), DEFAULT (3) or LOW (4)",
    );
    check_payload(&mut faults, &job.payload_json);
    let longest = limits::MAX_KEY_BYTES;
    faults.check(
        job.idempotency_key.len() <= longest,
        "job.idempotency_key",
        "must be at most 256 bytes",
    );
    let max_attempts = match job.max_attempts {
        0 => limits::DEFAULT_ATTEMPTS,
        given => u32::try_from(given).unwrap_or(u32::MAX),
    };
    faults.check(
        max_attempts <= limits::MAX_ATTEMPTS,
        "job.max_attempts",
        "must be from 0 (meaning 3) to 100",
    );
    let options = JobOptions {
        run_at: job.run_at.and_then(|at| run_at(&mut faults, at, now)),
        delay: job
            .delay
            .and_then(|given| delay(&mut faults, given, job.run_at.is_some())),
        timeout: job
            .timeout
            .and_then(|timeout| attempt_timeout(&mut faults, timeout)),
        labels: labels(&mut faults, job.labels),
        retry: job
            .retry_policy
            .and_then(|policy| retry_policy(&mut faults, &policy)),
    };
    match (job_type, queue, priority) {
        (Some(job_type), Some(queue), Some(priority)) if faults.0.is_empty() => Ok(Submission {
            id,
            key: (!job.idempotency_key.is_empty()).then(|| key_hash(&job.idempotency_key)),
            spec: JobSpec {
                job_type,
                queue,
                priority,
                payload: job.payload_json,
                max_attempts,
                options,
            },
            trace,
        }),
        _ => Err(faults.0),
    }
}

fn check_payload(faults: &mut Faults, payload: &str) {
    const FIELD: &str = "job.payload_json";
    if payload.len() > limits::MAX_PAYLOAD_BYTES {
        faults.add(FIELD, PAYLOAD_TOO_LARGE);
    } else if payload.is_empty() {
        faults.add(FIELD, "is required: JSON, {} for none");
    } else if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(payload) {
        let (line, column) = (error.line(), error.column());
        faults.add(
            FIELD,
            &format!("must be JSON, nested at most 127 deep: it is not at line {line} column {column}"),
        );
    }
}

/// 128 bits of SHA-256: two different keys meet with a probability of 2^-64 after 4 billion keys.
fn key_hash(key: &str) -> KeyHash {
    let digest = Sha256::digest(key.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    KeyHash(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

fn timestamp(at: prost_types::Timestamp) -> Option<Timestamp> {
    let nanos = u32::try_from(at.nanos)
        .ok()
        .filter(|nanos| *nanos < 1_000_000_000)?;
    // To the microsecond: what the store keeps, so that the same request compares equal later.
    Timestamp::from_timestamp(at.seconds, nanos / 1_000 * 1_000)
}

fn run_at(faults: &mut Faults, at: prost_types::Timestamp, now: Timestamp) -> Option<Timestamp> {
    let furthest = clock::add(now, limits::MAX_DELAY);
    let earliest = Timestamp::UNIX_EPOCH;
    let at = timestamp(at).filter(|at| (earliest..=furthest).contains(at));
    faults.check(
        at.is_some(),
        "job.run_at",
        "must be a valid time from 1970 to 366 days ahead",
    );
    at
}

fn delay(faults: &mut Faults, given: prost_types::Duration, has_run_at: bool) -> Option<Duration> {
    // To the microsecond, as the moment is that it leads to. None is the same as zero.
    let delay = duration(given)
        .map(|delay| Duration::from_micros(u64::try_from(delay.as_micros()).unwrap_or(u64::MAX)))
        .filter(|delay| *delay <= limits::MAX_DELAY);
    faults.check(delay.is_some(), "job.delay", "must be from 0 s to 366 days");
    faults.check(!has_run_at, "job.delay", "must not be given with run_at");
    delay.filter(|delay| !delay.is_zero())
}

/// Non-negative and valid by protobuf's rules.
pub(super) fn duration(given: prost_types::Duration) -> Option<Duration> {
    let seconds = u64::try_from(given.seconds).ok()?;
    let nanos = u32::try_from(given.nanos)
        .ok()
        .filter(|nanos| *nanos < 1_000_000_000)?;
    Some(Duration::new(seconds, nanos))
}

fn attempt_timeout(faults: &mut Faults, given: prost_types::Duration) -> Option<Duration> {
    let timeout = duration(given).filter(|t| (limits::MIN_TIMEOUT..=limits::MAX_TIMEOUT).contains(t));
    faults.check(timeout.is_some(), "job.timeout", "must be from 1 ms to 24 h");
    timeout
}

fn labels(
    faults: &mut Faults,
    given: std::collections::HashMap<String, String>,
) -> std::collections::BTreeMap<String, String> {
    faults.check(
        given.len() <= limits::MAX_LABELS,
        "job.labels",
        "must be at most 64",
    );
    let is_name = |name: &str| {
        (1..=limits::MAX_LABEL_NAME_BYTES).contains(&name.len())
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c))
    };
    let names = given.keys().all(|name| is_name(name));
    faults.check(
        names,
        "job.labels",
        "names must be 1-63 of ASCII letters, digits and . _ - /",
    );
    let values = given
        .values()
        .all(|v| v.len() <= limits::MAX_LABEL_VALUE_BYTES && !v.contains('\0'));
    faults.check(
        values,
        "job.labels",
        "values must be at most 256 bytes, without NUL",
    );
    given.into_iter().collect()
}

fn retry_policy(faults: &mut Faults, given: &v1::RetryPolicy) -> Option<RetryPolicy> {
    let default = RetryPolicy::default();
    let mut interval = |given: Option<prost_types::Duration>, default, field| match given {
        None => Some(default),
        Some(given) => {
            let interval = duration(given);
            faults.check(interval.is_some(), field, "must be from 0 s to 24 h");
            interval
        }
    };
    let initial = interval(
        given.initial_interval,
        default.initial,
        "job.retry_policy.initial_interval",
    )?;
    let max_interval = interval(
        given.max_interval,
        default.max_interval.max(initial),
        "job.retry_policy.max_interval",
    )?;
    let jitter = match v1::retry_policy::Jitter::try_from(given.jitter) {
        Ok(v1::retry_policy::Jitter::Unspecified | v1::retry_policy::Jitter::Full) => Jitter::Full,
        Ok(v1::retry_policy::Jitter::None) => Jitter::None,
        Err(_) => {
            faults.add("job.retry_policy.jitter", "must be FULL (1) or NONE (2)");
            return None;
        }
    };
    let multiplier = if given.multiplier == 0.0 {
        default.multiplier
    } else {
        given.multiplier
    };
    let policy = RetryPolicy {
        initial,
        multiplier,
        max_interval,
        jitter,
    };
    let violations = policy.violations();
    let ok = violations.is_empty();
    faults.0.extend(violations);
    ok.then_some(policy)
}

/// A page size: 0 means the default, more than the largest means the largest.
///
/// # Errors
/// [`Invalid`] when negative.
pub fn page_size(given: i32) -> Result<usize, Invalid> {
    match usize::try_from(given) {
        Ok(0) => Ok(limits::DEFAULT_PAGE),
        Ok(size) => Ok(size.min(limits::MAX_PAGE)),
        Err(_) => Err(Invalid::new(
            "page_size",
            "must not be negative (0 means 50; at most 1000)",
        )),
    }
}

/// A state to filter by; 0 means any.
///
/// # Errors
/// [`Invalid`] when there is no such state.
pub fn state_filter(given: i32) -> Result<Option<State>, Invalid> {
    match (given, State::from_number(given)) {
        (0, _) => Ok(None),
        (_, Some(state)) => Ok(Some(state)),
        (_, None) => Err(Invalid::new("state_filter", "must be a JobState, 0 to 8")),
    }
}

/// A priority to filter by; 0 means any.
///
/// # Errors
/// [`Invalid`] when there is no such priority.
pub fn priority_filter(given: i32) -> Result<Option<Priority>, Invalid> {
    match (given, Priority::from_number(given)) {
        (0, _) => Ok(None),
        (_, Some(priority)) => Ok(Some(priority)),
        (_, None) => Err(Invalid::new("priority_filter", "must be a Priority, 0 to 4")),
    }
}

/// A type to filter by; empty means any.
///
/// # Errors
/// [`Invalid`] when no job can have it.
pub fn type_filter(given: String) -> Result<Option<JobType>, Invalid> {
    if given.is_empty() {
        return Ok(None);
    }
    JobType::parse(given).map(Some).map_err(|fault| Invalid {
        field: "type_filter".to_owned(),
        ..fault
    })
}

/// A queue to filter by; empty means any.
///
/// # Errors
/// [`Invalid`] when no job can have it.
pub fn queue_filter(given: String) -> Result<Option<QueueName>, Invalid> {
    if given.is_empty() {
        return Ok(None);
    }
    QueueName::parse(given).map(Some).map_err(|fault| Invalid {
        field: "queue_filter".to_owned(),
        ..fault
    })
}
