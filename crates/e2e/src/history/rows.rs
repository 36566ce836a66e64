//! The database's own record of what became of each row, which does not trust our code.

use anyhow::{Context as _, Result};
use scheduler_domain::State;
use sqlx::postgres::PgPoolOptions;
use sqlx::types::Uuid;
use sqlx::{Executor as _, PgPool};

use super::{FinalRow, Folder, Row, RowChange, fingerprint, wall_ns};

/// What the clock of a database is set ahead by.
const HOUR_NS: u64 = 3_600_000_000_000;

/// Writes a line for every change of a row, in the transaction that makes it: a change that is taken back is not there, and one
/// that changes nothing is.
const RECORDER: &str = r"
    CREATE FUNCTION row_seen(job jobs) RETURNS JSONB LANGUAGE sql AS $$
        SELECT jsonb_build_object('state', job.state, 'epoch', job.epoch, 'attempts', job.attempts, 'crashes', job.crashes,
            'max_attempts', job.max_attempts, 'run_at_ns', (extract(epoch FROM job.run_at) * 1000000000)::INT8)
    $$;
    CREATE TABLE row_changes (
        n      INT8 GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        job    UUID NOT NULL,
        old    JSONB NULL,
        new    JSONB NULL,
        worker TEXT NULL,
        txid   INT8 NOT NULL,
        at_ns  INT8 NOT NULL
    );
    CREATE FUNCTION record_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO row_changes (job, old, new, worker, txid, at_ns) VALUES (
            CASE WHEN TG_OP = 'DELETE' THEN OLD.id ELSE NEW.id END,
            CASE WHEN TG_OP <> 'INSERT' THEN row_seen(OLD) END,
            CASE WHEN TG_OP <> 'DELETE' THEN row_seen(NEW) END,
            CASE WHEN TG_OP <> 'DELETE' THEN NEW.worker END,
            txid_current(),
            (extract(epoch FROM clock_timestamp()) * 1000000000)::INT8);
        RETURN NULL;
    END $$;
    CREATE TRIGGER record_change AFTER INSERT OR UPDATE OR DELETE ON jobs
        FOR EACH ROW EXECUTE FUNCTION record_change();
";

/// A completion that the database accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// The job.
    pub job: String,
    /// The final state that it reached, as the contract numbers it.
    pub state: i32,
    /// Under which fencing number.
    pub epoch: i32,
}

/// A row at the end: id, what is judged of it, sequence, hash of the key, result.
type Last = (Uuid, String, i64, Option<Uuid>, Option<Vec<u8>>);

/// Access to the record.
#[derive(Debug, Clone)]
pub struct Rows(PgPool);

impl Rows {
    /// Begins to record, in a database that has its schema and no jobs.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn record(database: &str) -> Result<Self> {
        // A look is no part of what conflicts are about.
        let options = PgPoolOptions::new().after_connect(|connection, _| {
            Box::pin(async move {
                let level = "SET default_transaction_isolation TO 'read committed'";
                connection.execute(level).await.map(drop)
            })
        });
        let pool = options.connect(database).await?;
        pool.execute(RECORDER).await.context("creating the trigger")?;
        Ok(Self(pool))
    }

    /// How many jobs are not final.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn open_jobs(&self) -> Result<i64> {
        Ok(
            sqlx::query_scalar("SELECT count(*) FROM jobs WHERE state NOT IN (3, 4, 5, 7)")
                .fetch_one(&self.0)
                .await?,
        )
    }

    /// How often a lost lease was charged to a job that was handed out again.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn leases_lost(&self) -> Result<i64> {
        let lost = "SELECT count(*) FROM row_changes WHERE (new->>'crashes')::INT > (old->>'crashes')::INT
            AND (new->>'state')::INT NOT IN (3, 4, 5, 7)";
        Ok(sqlx::query_scalar(lost).fetch_one(&self.0).await?)
    }

    /// A job's row as it is.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn row(&self, job: Uuid) -> Result<Option<Row>> {
        let row: Option<String> = sqlx::query_scalar("SELECT row_seen(jobs)::TEXT FROM jobs WHERE id = $1")
            .bind(job)
            .fetch_optional(&self.0)
            .await?;
        Ok(row.map(|row| serde_json::from_str(&row)).transpose()?)
    }

    /// Every change so far; of one job in the order in which they happened.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn changes(&self) -> Result<Vec<RowChange>> {
        let lines: Vec<String> =
            sqlx::query_scalar("SELECT to_jsonb(row_changes)::TEXT FROM row_changes ORDER BY n")
                .fetch_all(&self.0)
                .await?;
        let changes = lines.iter().map(|line| Ok(serde_json::from_str(line)?));
        let mut changes: Vec<RowChange> = changes.collect::<Result<_>>()?;
        // Where the database's clock is a fault it was an hour ahead, and a run is shorter than that.
        for change in changes.iter_mut().filter(|change| change.at_ns > wall_ns()) {
            change.at_ns = change.at_ns.saturating_sub(HOUR_NS);
        }
        Ok(changes)
    }

    /// Every completion accepted so far, in order: one that is accepted twice is there twice, also when the second changes nothing.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn accepted(&self) -> Result<Vec<Acceptance>> {
        let is_final = |row: &Row| State::from_number(row.state).is_some_and(State::is_final);
        let changes = self.changes().await?.into_iter();
        let accepted = changes.filter_map(|change| {
            let row = change.new.filter(is_final)?;
            Some(Acceptance {
                job: change.job.to_string(),
                state: row.state,
                epoch: row.epoch,
            })
        });
        Ok(accepted.collect())
    }

    /// Writes the changes, and the rows as they are now, into the folder of the run.
    ///
    /// # Errors
    /// The database does not answer, or the folder cannot be written.
    pub async fn dump(&self, folder: &Folder) -> Result<()> {
        folder.write_lines("rows.jsonl", self.changes().await?)?;
        let rows: Vec<Last> =
            sqlx::query_as("SELECT id, row_seen(jobs)::TEXT, sequence, key, result FROM jobs ORDER BY id")
                .fetch_all(&self.0)
                .await?;
        let rows = rows.into_iter().map(|(job, row, sequence, key, result)| {
            Ok(FinalRow {
                job,
                row: serde_json::from_str(&row)?,
                sequence,
                key,
                result: result.map(|text| fingerprint(&text)),
            })
        });
        folder.write_lines("final.jsonl", rows.collect::<Result<Vec<_>>>()?)
    }
}
