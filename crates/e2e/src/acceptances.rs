//! The database's own record of the completions that it accepted.

use anyhow::Result;
use sqlx::types::Uuid;
use sqlx::{Executor as _, PgPool};

/// Writes a line for every update that makes or leaves a job final, so a completion that is accepted twice is two
/// lines, also when the second changes nothing.
const RECORDER: &str = r"
    CREATE TABLE acceptance (job UUID NOT NULL, state INT2 NOT NULL, epoch INT4 NOT NULL, at TIMESTAMPTZ NOT NULL);
    CREATE FUNCTION record_acceptance() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO acceptance VALUES (NEW.id, NEW.state, NEW.epoch, clock_timestamp());
        RETURN NULL;
    END $$;
    CREATE TRIGGER record_acceptance AFTER INSERT OR UPDATE ON jobs
        FOR EACH ROW WHEN (NEW.state IN (3, 4, 5, 7)) EXECUTE FUNCTION record_acceptance();
";

/// One accepted completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// The job.
    pub job: String,
    /// The final state that it reached, as the contract numbers it.
    pub state: i32,
    /// Under which fencing number.
    pub epoch: i32,
}

/// Access to the record.
#[derive(Debug)]
pub struct Acceptances(PgPool);

impl Acceptances {
    /// Begins to record, in a database that has its schema and no jobs.
    pub(crate) async fn record(database: &str) -> Result<Self> {
        let pool = PgPool::connect(database).await?;
        pool.execute(RECORDER).await?;
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

    /// Everything accepted so far, in order.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn all(&self) -> Result<Vec<Acceptance>> {
        let rows: Vec<(Uuid, i16, i32)> =
            sqlx::query_as("SELECT job, state, epoch FROM acceptance ORDER BY at")
                .fetch_all(&self.0)
                .await?;
        Ok(rows
            .into_iter()
            .map(|(job, state, epoch)| Acceptance {
                job: job.to_string(),
                state: state.into(),
                epoch,
            })
            .collect())
    }
}
