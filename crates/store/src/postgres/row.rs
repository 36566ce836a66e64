//! Rows as jobs, and jobs as columns.

use chrono::SubsecRound as _;
use scheduler_domain::{
    Epoch, Job, JobFailure, JobId, JobOptions, JobSpec, JobType, Priority, Progress, QueueName, Sequence,
    State, Timestamp, WorkerId,
};
use sqlx::FromRow as _;
use sqlx::postgres::PgRow;
use tracing::error;
use uuid::Uuid;

use super::fault::Fault;
use crate::Error;
use crate::metrics::CORRUPT_ROWS;

/// Most rows that one statement finds by the key of `jobs`. At 500 PostgreSQL walks that key; at 1,000, on a table of 120,000
/// rows, it reads the whole table instead. The plan test asks at this size.
pub(super) const MOST_FOUND: usize = 500;

/// The columns that [`JobRow`] reads, for `concat!`.
macro_rules! job_columns {
    () => {
        "jobs.id, jobs.state, jobs.epoch, jobs.attempts, jobs.crashes, jobs.max_attempts, jobs.sequence, \
         jobs.created_at, jobs.updated_at, jobs.run_at, jobs.started_at, jobs.finished_at, jobs.priority, \
         jobs.type, jobs.queue, jobs.payload, jobs.options, jobs.trace, jobs.worker, jobs.result, jobs.error, \
         jobs.progress"
    };
}
pub(super) use job_columns;

#[derive(sqlx::FromRow)]
pub(super) struct JobRow {
    pub(super) id: Uuid,
    pub(super) state: i16,
    pub(super) epoch: i32,
    pub(super) attempts: i32,
    pub(super) crashes: i32,
    pub(super) max_attempts: i32,
    pub(super) sequence: i64,
    pub(super) created_at: Timestamp,
    pub(super) updated_at: Timestamp,
    pub(super) run_at: Timestamp,
    pub(super) started_at: Option<Timestamp>,
    pub(super) finished_at: Option<Timestamp>,
    pub(super) priority: i16,
    #[sqlx(rename = "type")]
    pub(super) job_type: String,
    pub(super) queue: String,
    pub(super) payload: Vec<u8>,
    pub(super) options: Option<String>,
    pub(super) trace: Option<String>,
    pub(super) worker: Option<String>,
    pub(super) result: Option<Vec<u8>>,
    pub(super) error: Option<String>,
    pub(super) progress: Option<String>,
}

/// Reads a row that has [`job_columns`].
pub(super) fn job(row: &PgRow) -> Result<Job, Fault> {
    Ok(Job::try_from(JobRow::from_row(row)?)?)
}

/// As [`job`], but an unreadable row is reported and left out, so that it does no harm to its neighbours.
pub(super) fn readable_job(operation: &'static str, row: &PgRow) -> Result<Option<Job>, Fault> {
    match job(row) {
        Ok(job) => Ok(Some(job)),
        Err(Fault::Final(error)) => {
            report_corrupt(operation, &error);
            Ok(None)
        }
        Err(fault) => Err(fault),
    }
}

/// Tells the operator of a row that was skipped.
pub(super) fn report_corrupt(operation: &'static str, error: &Error) {
    metrics::counter!(CORRUPT_ROWS, "operation" => operation).increment(1);
    error!(operation, %error, "row skipped");
}

impl TryFrom<JobRow> for Job {
    type Error = Error;

    fn try_from(row: JobRow) -> Result<Self, Error> {
        let id = JobId(row.id);
        let corrupt = |column| Error::Corrupt {
            table: "jobs",
            column,
            id: id.to_string(),
        };
        let count = |column, n: i32| u32::try_from(n).map_err(|_| corrupt(column));
        let text = |column, bytes: Vec<u8>| String::from_utf8(bytes).map_err(|_| corrupt(column));
        Ok(Self {
            id,
            spec: JobSpec {
                job_type: JobType::from_stored(row.job_type),
                queue: QueueName::from_stored(row.queue),
                priority: priority(id, row.priority)?,
                payload: text("payload", row.payload)?,
                max_attempts: count("max_attempts", row.max_attempts)?,
                options: match &row.options {
                    Some(json) => serde_json::from_str(json).map_err(|_| corrupt("options"))?,
                    None => JobOptions::default(),
                },
            },
            state: state(id, row.state)?,
            epoch: Epoch(row.epoch),
            attempts: count("attempts", row.attempts)?,
            crashes: count("crashes", row.crashes)?,
            sequence: Sequence(row.sequence),
            created_at: row.created_at,
            updated_at: row.updated_at,
            run_at: row.run_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
            worker: row.worker.map(WorkerId::from_stored),
            result: row.result.map(|bytes| text("result", bytes)).transpose()?,
            error: row
                .error
                .map(|json| serde_json::from_str(&json).map_err(|_| corrupt("error")))
                .transpose()?,
            progress: row
                .progress
                .map(|json| serde_json::from_str(&json).map_err(|_| corrupt("progress")))
                .transpose()?,
            trace: row.trace,
        })
    }
}

/// Reads the state of job `id`.
pub(super) fn state(id: JobId, column: i16) -> Result<State, Error> {
    State::from_number(column.into()).ok_or_else(|| Error::Corrupt {
        table: "jobs",
        column: "state",
        id: id.to_string(),
    })
}

/// Reads the priority of job `id`.
pub(super) fn priority(id: JobId, column: i16) -> Result<Priority, Error> {
    Priority::from_number(column.into()).ok_or_else(|| Error::Corrupt {
        table: "jobs",
        column: "priority",
        id: id.to_string(),
    })
}

/// A number of an enum as `INT2`; they all are below ten.
pub(super) fn int2(number: i32) -> i16 {
    i16::try_from(number).unwrap_or(i16::MAX)
}

/// A count as `INT4`. Past two thousand millions it stands still.
pub(super) fn int4(count: u32) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

/// A limit as `INT8`.
pub(super) fn int8(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// A moment as it will come back: to the microsecond.
pub(super) fn stored(moment: Timestamp) -> Timestamp {
    moment.trunc_subsecs(6)
}

/// The `options` column: nothing when all are default.
pub(super) fn options_column(options: &JobOptions) -> Result<Option<String>, Error> {
    if *options == JobOptions::default() {
        return Ok(None);
    }
    serde_json::to_string(options)
        .map(Some)
        .map_err(|source| Error::Refused {
            context: "write the options of a job",
            source: source.into(),
        })
}

/// The `error` column.
pub(super) fn error_column(failure: &JobFailure) -> Result<String, Error> {
    serde_json::to_string(failure).map_err(|source| Error::Refused {
        context: "write the error of a job",
        source: source.into(),
    })
}

/// The `progress` column.
pub(super) fn progress_column(progress: &Progress) -> Result<String, Error> {
    serde_json::to_string(progress).map_err(|source| Error::Refused {
        context: "write the progress of a job",
        source: source.into(),
    })
}

/// The two halves of the primary keys of `ids`, for `unnest`.
pub(super) fn keys(ids: impl IntoIterator<Item = JobId>) -> (Vec<i16>, Vec<Uuid>) {
    ids.into_iter().map(|id| (id.shard().column(), id.0)).unzip()
}
