//! Columns of text that hold JSON: whatever stands in them, a row is read or is refused with the column's name, and what we write
//! is read back as it was.

use chrono::DateTime;
use scheduler_domain::{Job, JobFailure, JobId, JobOptions, Progress, RetryPolicy, SeededEntropy, Timestamp};
use scheduler_fuzz::{Generate as _, any, check, text_near};
use uuid::Uuid;

use super::attempts::AttemptRow;
use super::row::{JobRow, error_column, options_column, progress_column};
use crate::Error;

const ID: Uuid = Uuid::from_bytes([7; 16]);

fn then() -> Timestamp {
    DateTime::UNIX_EPOCH
}

/// The row of a job that was just accepted.
fn row() -> JobRow {
    JobRow {
        id: ID,
        state: 1,
        epoch: 1,
        attempts: 0,
        crashes: 0,
        max_attempts: 3,
        sequence: 1,
        created_at: then(),
        updated_at: then(),
        run_at: then(),
        started_at: None,
        finished_at: None,
        priority: 3,
        job_type: "noop".to_owned(),
        queue: "default".to_owned(),
        payload: b"{}".to_vec(),
        options: None,
        trace: None,
        worker: None,
        result: None,
        error: None,
        progress: None,
    }
}

/// The column that a refusal names.
fn column(refused: Error) -> &'static str {
    match refused {
        Error::Corrupt {
            table: "jobs",
            column,
            id,
        } if id == JobId(ID).to_string() => column,
        other => panic!("not by its column: {other}"),
    }
}

#[test]
fn options_are_refused_by_name_or_read_written_and_used_as_they_were() {
    check!()
        .with_generator(text_near(&[
            "{}",
            r#"{"run_at":"2027-01-02T03:04:05Z","timeout":{"secs":86400,"nanos":999999999}}"#,
            r#"{"delay":{"secs":18446744073709551615,"nanos":0},"labels":{"a":"b"}}"#,
            r#"{"retry":{"initial":{"secs":1,"nanos":0},"multiplier":2.0,"max_interval":{"secs":600,"nanos":0},"jitter":"full"}}"#,
            r#"{"retry":{"initial":{"secs":18446744073709551615,"nanos":1},"multiplier":-1e308,"max_interval":{"secs":18446744073709551615,"nanos":0},"jitter":"none"}}"#,
        ]))
        .for_each(|text| {
            let options = Some(text.clone());
            let job = match Job::try_from(JobRow { options, ..row() }) {
                Ok(job) => job,
                Err(refused) => return assert_eq!(column(refused), "options"),
            };
            // What was stored by whoever is believed to have been checked: it is used as it is, and nothing of it may panic.
            let entropy = SeededEntropy::new(1);
            let policy: RetryPolicy = job.spec.retry_policy();
            for attempt in [0, 1, 100, u32::MAX] {
                assert!(policy.delay(attempt, &entropy) <= policy.max_interval, "{text}");
            }
            let written = options_column(&job.spec.options).unwrap();
            let again: JobOptions = written
                .as_deref()
                .map(|text| serde_json::from_str(text).unwrap())
                .unwrap_or_default();
            assert_eq!(again, job.spec.options);
        });
}

#[test]
fn errors_and_progress_are_refused_by_name_or_read_and_written_as_they_were() {
    check!()
        .with_generator(text_near(&[
            r#"{"type":"timeout","message":"it took too long","retryable":true}"#,
            r#"{"type":"\u0000","message":"\ud83d\udca3","retryable":false,"later":[]}"#,
            r#"{"percent":100,"message":"half","checkpoint":"{}"}"#,
            r#"{"percent":256}"#,
        ]))
        .for_each(|text| {
            let error = Some(text.clone());
            match Job::try_from(JobRow { error, ..row() }) {
                Ok(job) => {
                    let read = job.error.unwrap();
                    let written = error_column(&read).unwrap();
                    assert_eq!(serde_json::from_str::<JobFailure>(&written).unwrap(), read);
                }
                Err(refused) => assert_eq!(column(refused), "error"),
            }
            let progress = Some(text.clone());
            match Job::try_from(JobRow { progress, ..row() }) {
                Ok(job) => {
                    let read = job.progress.unwrap();
                    let written = progress_column(&read).unwrap();
                    assert_eq!(serde_json::from_str::<Progress>(&written).unwrap(), read);
                }
                Err(refused) => assert_eq!(column(refused), "progress"),
            }
            let attempt = AttemptRow {
                epoch: 1,
                number: 1,
                worker: None,
                started_at: None,
                finished_at: None,
                outcome: 1,
                error: Some(text.clone()),
            };
            if let Err(refused) = attempt.read(JobId(ID)) {
                assert!(
                    matches!(
                        refused,
                        Error::Corrupt {
                            table: "job_attempts",
                            column: "error",
                            ..
                        }
                    ),
                    "{refused}"
                );
            }
        });
}

#[test]
fn numbers_out_of_range_and_bytes_that_are_no_text_are_refused_by_the_name_of_their_column() {
    check!()
        .with_generator(any::<([i16; 2], [i32; 4], i64, [Vec<u8>; 2])>().map_gen(|drawn| drawn))
        .for_each(
            |([state, priority], [epoch, attempts, crashes, most], sequence, [payload, result])| {
                let row = JobRow {
                    state: *state % 12,
                    priority: *priority % 6,
                    epoch: *epoch,
                    attempts: *attempts,
                    crashes: *crashes,
                    max_attempts: *most,
                    sequence: *sequence,
                    payload: payload.clone(),
                    result: Some(result.clone()),
                    ..row()
                };
                if let Err(refused) = Job::try_from(row) {
                    let named = column(refused);
                    let right = match named {
                        "state" => !(1..=8).contains(&(state % 12)),
                        "priority" => !(1..=4).contains(&(priority % 6)),
                        "attempts" => *attempts < 0,
                        "crashes" => *crashes < 0,
                        "max_attempts" => *most < 0,
                        "payload" => std::str::from_utf8(payload).is_err(),
                        "result" => std::str::from_utf8(result).is_err(),
                        _ => false,
                    };
                    assert!(right, "{named}");
                }
            },
        );
}
