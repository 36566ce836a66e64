//! Records how attempts ended: one UPDATE for the whole batch, guarded by epoch.

use std::collections::{HashMap, HashSet};

use scheduler_domain::{Attempt, Epoch, JobFailure, JobId, Outcome, Timestamp};
use sqlx::{PgConnection, Row as _};
use uuid::Uuid;

use super::attempts;
use super::call::Db;
use super::fault::Fault;
use super::row::{self, int2};
use super::tx::{self, Earlier, Scope, Work};
use crate::metrics::BATCH_ROWS;
use crate::{Error, Report, ReportKind, Verdict};

/// A hand-out uses up two numbers of the sequence, QUEUED and RUNNING, whether or not RUNNING was ever written.
pub(super) const FINISH: &str = "-- store.finish
    UPDATE jobs SET state = d.state, epoch = d.next_epoch, attempts = jobs.attempts + 1,
        sequence = jobs.sequence + CASE WHEN jobs.state = 2 THEN 1 ELSE 2 END,
        updated_at = $12, run_at = COALESCE(d.run_at, jobs.run_at), started_at = d.started_at,
        finished_at = d.finished_at, worker = d.worker, result = d.result, error = d.error
    FROM unnest($1::INT2[], $2::UUID[], $3::INT4[], $4::INT4[], $5::INT2[], $6::TIMESTAMPTZ[], $7::TIMESTAMPTZ[],
        $8::TEXT[], $9::TIMESTAMPTZ[], $10::BYTEA[], $11::TEXT[])
        AS d(shard, id, epoch, next_epoch, state, run_at, started_at, worker, finished_at, result, error)
    WHERE jobs.shard = d.shard AND jobs.id = d.id AND jobs.epoch = d.epoch AND jobs.state IN (1, 2, 6, 8)
    RETURNING jobs.id, d.epoch, jobs.attempts";

/// Finds reports that were recorded earlier: a final one in its row, any failed one in the history.
pub(super) const RECORDED: &str = "-- store.finish_recorded
    SELECT d.id, d.epoch FROM unnest($1::INT2[], $2::UUID[], $3::INT4[], $4::INT2[], $5::TEXT[], $6::TIMESTAMPTZ[])
        AS d(shard, id, epoch, state, worker, started_at)
    JOIN jobs ON jobs.shard = d.shard AND jobs.id = d.id
    WHERE jobs.epoch = d.epoch AND jobs.state = d.state AND jobs.worker = d.worker AND jobs.started_at = d.started_at
    UNION ALL
    SELECT d.id, d.epoch FROM unnest($1::INT2[], $2::UUID[], $3::INT4[], $4::INT2[], $5::TEXT[], $6::TIMESTAMPTZ[])
        AS d(shard, id, epoch, state, worker, started_at)
    JOIN job_attempts a ON a.shard = d.shard AND a.id = d.id AND a.epoch = d.epoch
    WHERE a.outcome = 3 AND d.state <> 3 AND a.worker = d.worker AND a.started_at = d.started_at";

/// Bytes of results per statement, unless one result alone is larger.
const MOST_BYTES: usize = 1 << 20;

/// Names an attempt.
type Attempted = (JobId, Epoch);

pub(super) async fn finish(db: Db, now: Timestamp, reports: Vec<Report>) -> Result<Vec<Verdict>, Error> {
    let mut verdicts = vec![Verdict::Fenced; reports.len()];
    let mut places: HashMap<Attempted, usize> = HashMap::with_capacity(reports.len());
    let mut waiting: Vec<Report> = Vec::with_capacity(reports.len());
    for (place, report) in reports.into_iter().enumerate() {
        // Of several reports on one attempt the first counts.
        places.entry((report.id, report.epoch)).or_insert_with(|| {
            waiting.push(report);
            place
        });
    }
    waiting.sort_unstable_by_key(|report| (report.id.shard(), report.id, report.epoch));
    for chunk in chunks(&waiting) {
        metrics::histogram!(BATCH_ROWS, "operation" => Finish::NAME).record(chunk.len() as f64);
        let pieces = tx::run_batch(&db, chunk, |reports| Finish { now, reports }).await?;
        let mut accepted: HashSet<Attempted> = pieces.into_iter().flatten().collect();
        let fenced: Vec<&Report> = chunk
            .iter()
            .filter(|r| !accepted.contains(&(r.id, r.epoch)))
            .collect();
        if !fenced.is_empty() {
            let recorded = tx::run_batch(&db, &fenced, Recorded).await?;
            accepted.extend(recorded.into_iter().flatten());
        }
        for place in accepted.iter().filter_map(|attempted| places.get(attempted)) {
            verdicts[*place] = Verdict::Accepted;
        }
    }
    Ok(verdicts)
}

/// Cuts `reports` into statements of bounded size.
fn chunks(mut reports: &[Report]) -> Vec<&[Report]> {
    let mut chunks = Vec::new();
    while !reports.is_empty() {
        let mut bytes = 0;
        let fitting = reports.iter().take(row::MOST_FOUND).take_while(|report| {
            bytes += result(report).map_or(0, str::len);
            bytes <= MOST_BYTES
        });
        let (chunk, rest) = reports.split_at(fitting.count().max(1));
        chunks.push(chunk);
        reports = rest;
    }
    chunks
}

fn result(report: &Report) -> Option<&str> {
    match &report.verdict {
        ReportKind::Succeeded { result } => result.as_deref(),
        ReportKind::Retry { .. } | ReportKind::Failed { .. } | ReportKind::DeadLetter { .. } => None,
    }
}

fn failure(report: &Report) -> Option<&JobFailure> {
    match &report.verdict {
        ReportKind::Succeeded { .. } => None,
        ReportKind::Retry { error, .. } | ReportKind::Failed { error } | ReportKind::DeadLetter { error } => {
            Some(error)
        }
    }
}

/// When the job is due again, if it goes on.
fn retry_at(report: &Report) -> Option<Timestamp> {
    match &report.verdict {
        ReportKind::Retry { at, .. } => Some(*at),
        ReportKind::Succeeded { .. } | ReportKind::Failed { .. } | ReportKind::DeadLetter { .. } => None,
    }
}

struct Finish<'a> {
    now: Timestamp,
    /// Each attempt once, in the order of the primary key.
    reports: &'a [Report],
}

impl Work for Finish<'_> {
    const NAME: &'static str = "finish";
    type Answer = HashSet<Attempted>;

    /// Successes need no history, so their one statement needs no transaction around it.
    fn scope(&self) -> Scope {
        if self.reports.iter().any(|report| retry_at(report).is_some()) {
            Scope::Transaction
        } else {
            Scope::Statement
        }
    }

    async fn run(&self, connection: &mut PgConnection, _: Earlier) -> Result<HashSet<Attempted>, Fault> {
        let numbers = self.update(connection).await?;
        let ended: Vec<(JobId, Attempt)> = self
            .reports
            .iter()
            .filter(|report| retry_at(report).is_some())
            .filter_map(|report| {
                Some((
                    report.id,
                    self.attempt(report, *numbers.get(&(report.id, report.epoch))?),
                ))
            })
            .collect();
        attempts::record(connection, &ended).await?;
        Ok(numbers.into_keys().collect())
    }
}

impl Finish<'_> {
    /// Updates the rows; returns the accepted reports with the number of the attempt that each ends.
    async fn update(&self, connection: &mut PgConnection) -> Result<HashMap<Attempted, u32>, Fault> {
        let each = || self.reports.iter();
        // The row tells of an attempt only while it is the last one.
        let last = || each().map(|report| retry_at(report).is_none().then_some(report));
        let (shards, ids) = row::keys(each().map(|report| report.id));
        let errors = each()
            .map(|r| failure(r).map(row::error_column).transpose())
            .collect::<Result<Vec<_>, _>>()?;
        let next_epoch = |r: &Report| {
            if retry_at(r).is_some() {
                r.epoch.next()
            } else {
                r.epoch
            }
        };
        let rows = sqlx::query(FINISH)
            .bind(shards)
            .bind(ids)
            .bind(each().map(|r| r.epoch.0).collect::<Vec<_>>())
            .bind(each().map(|r| next_epoch(r).0).collect::<Vec<_>>())
            .bind(
                each()
                    .map(|r| int2(r.verdict.state().number()))
                    .collect::<Vec<_>>(),
            )
            .bind(each().map(retry_at).collect::<Vec<_>>())
            .bind(last().map(|r| r.map(|r| r.started_at)).collect::<Vec<_>>())
            .bind(last().map(|r| r.map(|r| r.worker.as_str())).collect::<Vec<_>>())
            .bind(last().map(|r| r.map(|_| self.now)).collect::<Vec<_>>())
            .bind(each().map(|r| result(r).map(str::as_bytes)).collect::<Vec<_>>())
            .bind(errors)
            .bind(self.now)
            .fetch_all(connection)
            .await?;
        rows.iter()
            .map(|row| {
                let (id, epoch, number): (Uuid, i32, i32) =
                    (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
                Ok((
                    (JobId(id), Epoch(epoch)),
                    u32::try_from(number).unwrap_or_default(),
                ))
            })
            .collect()
    }

    fn attempt(&self, report: &Report, number: u32) -> Attempt {
        Attempt {
            epoch: report.epoch,
            number,
            worker: Some(report.worker.clone()),
            started_at: Some(report.started_at),
            finished_at: Some(self.now),
            outcome: Outcome::Failed,
            error: failure(report).cloned(),
        }
    }
}

/// Tells which reports were recorded before: by an earlier call, or by a try whose answer was lost.
struct Recorded<'a, 'r>(&'a [&'r Report]);

impl Work for Recorded<'_, '_> {
    const NAME: &'static str = "finish_recorded";
    type Answer = HashSet<Attempted>;

    fn scope(&self) -> Scope {
        Scope::Read
    }

    async fn run(&self, connection: &mut PgConnection, _: Earlier) -> Result<HashSet<Attempted>, Fault> {
        let (shards, ids) = row::keys(self.0.iter().map(|report| report.id));
        let rows = sqlx::query(RECORDED)
            .bind(shards)
            .bind(ids)
            .bind(self.0.iter().map(|r| r.epoch.0).collect::<Vec<_>>())
            .bind(
                self.0
                    .iter()
                    .map(|r| int2(r.verdict.state().number()))
                    .collect::<Vec<_>>(),
            )
            .bind(self.0.iter().map(|r| r.worker.as_str()).collect::<Vec<_>>())
            .bind(self.0.iter().map(|r| r.started_at).collect::<Vec<_>>())
            .fetch_all(connection)
            .await?;
        rows.iter()
            .map(|row| Ok((JobId(row.try_get(0)?), Epoch(row.try_get(1)?))))
            .collect()
    }
}
